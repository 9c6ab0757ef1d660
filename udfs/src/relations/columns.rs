//! Columns of a table that a function uses.

use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, ident, lit};

use crate::functions;
use crate::options::AiOptions;
use crate::provenance;

/// Usual names of columns with titles, texts and row names, in order of preference.
pub const TITLES: &[&str] = &["title", "name"];
pub const TEXTS: &[&str] = &["text", "description", "body"];
pub const PRICES: &[&str] = &["price"];
pub const IDS: &[&str] = &["docid", "id"];

/// Usual names of columns with categories, in order of preference.
pub const CATEGORIES: &[&str] = &["category", "product_category", "categories"];

/// The column with the first of `names`, in any case, that the table has with a type that
/// `fits`.
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

/// [`first_called`] for columns of texts.
pub fn called(table: &LogicalPlan, names: &[&str]) -> Option<String> {
    first_called(table.schema().fields(), names, is_text)
}

/// A column with vectors, or with texts to embed.
pub struct VectorColumn {
    /// The vector, as an expression over the table.
    pub vector: Expr,
    /// The name of the model of the vectors, if known.
    pub model: Option<String>,
}

impl VectorColumn {
    /// The column `name`, or the only column with vectors.
    ///
    /// # Errors
    /// No such column, or several with vectors.
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
                model: field.metadata().get(provenance::MODEL).cloned(),
            }),
            data_type if is_text(data_type) => Ok(Self {
                vector: functions::embed_call(options, vec![column]),
                model: None,
            }),
            other => plan_err!(
                "{function}: {} is {other}, and neither vectors nor texts",
                field.name()
            ),
        }
    }

    /// The vector of a text by the model of the column.
    pub fn embedded(&self, text: Expr, options: &AiOptions) -> Expr {
        let model = self.model.as_deref().map(lit);
        functions::embed_call(options, [text].into_iter().chain(model).collect())
    }
}

pub fn is_vector(data_type: &DataType) -> bool {
    let values = functions::vector_value_type(data_type);
    values.is_some_and(DataType::is_floating)
}

pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether a type is a list of texts.
pub fn is_text_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_text(item.data_type())
        }
        _ => false,
    }
}
