//! Which columns of a table a function is about.

use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, ident, lit};

use crate::functions;
use crate::options::AiOptions;

/// What columns of titles, texts and names of rows are called, the usual first.
pub const TITLES: &[&str] = &["title", "name"];
pub const TEXTS: &[&str] = &["text", "description", "body"];
pub const IDS: &[&str] = &["docid", "id"];

/// The column that has the first of the names, in any case, for which there is
/// one of a type that fits.
pub fn first_called(
    fields: &Fields,
    names: &[&str],
    fits: impl Fn(&DataType) -> bool,
) -> Option<String> {
    names.iter().find_map(|name| {
        let mut fields = fields.iter();
        let field = fields.find(|field| field.name().eq_ignore_ascii_case(name))?;
        fits(field.data_type()).then(|| field.name().clone())
    })
}

/// The same for the texts of `table`.
pub fn called(table: &LogicalPlan, names: &[&str]) -> Option<String> {
    first_called(table.schema().fields(), names, is_text)
}

/// A column with vectors, or with texts to be embedded.
pub struct VectorColumn {
    /// The vector, as an expression over the table.
    pub vector: Expr,
    /// The name of the model that made it, where that is known.
    pub model: Option<String>,
}

impl VectorColumn {
    /// The column called `name`, or the one column that holds vectors.
    ///
    /// # Errors
    /// Where there is none, or more than one to choose from.
    pub fn of(
        function: &str,
        table: &LogicalPlan,
        name: Option<&str>,
        options: &AiOptions,
    ) -> Result<Self> {
        let fields: Vec<&FieldRef> = table.schema().fields().iter().collect();
        let listed = |fields: &[&FieldRef]| {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            names.join(", ")
        };
        let field = match name {
            Some(name) => {
                let found = fields.iter().find(|field| field.name() == name);
                let found = found.or_else(|| {
                    let mut fields = fields.iter();
                    fields.find(|field| field.name().eq_ignore_ascii_case(name))
                });
                match found {
                    Some(field) => *field,
                    None => {
                        return plan_err!(
                            "{function}: the table has no column {name}; it has {}",
                            listed(&fields)
                        );
                    }
                }
            }
            None => {
                let vectors = fields.iter().filter(|field| is_vector(field.data_type()));
                let vectors: Vec<&FieldRef> = vectors.copied().collect();
                match vectors.as_slice() {
                    [only] => *only,
                    [] => {
                        return plan_err!(
                            "{function}: no column of the table holds vectors; store some with embed(...), or name a column \
                             of texts, which are embedded each time: column => title. The table has {}",
                            listed(&fields)
                        );
                    }
                    several => {
                        return plan_err!(
                            "{function}: {} hold vectors; say which is meant: column => {}",
                            listed(several),
                            several[0].name()
                        );
                    }
                }
            }
        };
        let column = ident(field.name());
        match field.data_type() {
            data_type if is_vector(data_type) => Ok(Self {
                vector: column,
                model: field.metadata().get("semql.model").cloned(),
            }),
            data_type if is_text(data_type) => Ok(Self {
                vector: functions::embed(options, vec![column]),
                model: None,
            }),
            other => plan_err!(
                "{function}: {} is {other}, and neither vectors nor texts",
                field.name()
            ),
        }
    }

    /// The vector of a text, by the model that made the column.
    pub fn embedded(&self, text: Expr, options: &AiOptions) -> Expr {
        let model = self.model.as_deref().map(lit);
        functions::embed(options, [text].into_iter().chain(model).collect())
    }
}

pub fn is_vector(data_type: &DataType) -> bool {
    let values = functions::vector_values(data_type);
    values.is_some_and(DataType::is_floating)
}

pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}
