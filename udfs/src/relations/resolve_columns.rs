//! The columns of a table that `resolve` compares.

use std::fmt;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions::expr_fn::{btrim, coalesce, nullif};
use datafusion::logical_expr::{Expr, LogicalPlan, cast as cast_expr, ident, lit};
use datafusion::scalar::ScalarValue;

use super::arguments::RelationArguments;
use super::columns::{IDS, PRICES, TEXTS, TITLES, is_text, is_vector};
use crate::error::to_datafusion;
use crate::functions;
use crate::options::AiOptions;
use crate::provenance;
use semql_learning::matching::TrainedMatcher;

/// Columns of the plan below the operation.
pub const TITLE: &str = "__title";
pub const TEXT: &str = "__text";
pub const PRICE: &str = "__price";
pub const SOURCE: &str = "__source";
/// The key as a text; with the suffix `_value`, as the table has it.
pub const KEY: &str = "__key";
pub const VECTOR: &str = "__vector";

/// The compared columns, each if the table has it.
pub struct ResolveColumns {
    title: Option<FieldRef>,
    text: Option<FieldRef>,
    price: Option<FieldRef>,
    source: Option<FieldRef>,
    key: Option<FieldRef>,
    vector: Option<FieldRef>,
}

impl ResolveColumns {
    /// The columns that the arguments name, or else those with the usual names.
    ///
    /// # Errors
    /// A named column that is missing or of another type; a table without title and
    /// text.
    pub fn of(function: &str, table: &LogicalPlan, arguments: &RelationArguments) -> Result<Self> {
        let find = |parameter: &str, usual: &[&str], fits: fn(&DataType) -> bool, what: &str| {
            let named = arguments.text(parameter);
            column(function, table, (parameter, named), usual, fits, what)
        };
        let columns = Self {
            title: find("title", TITLES, is_text, "text")?,
            text: find("text", TEXTS, is_text, "text")?,
            price: find("price", PRICES, DataType::is_numeric, "a number")?,
            source: find("source", &[], is_scalar, "a text or a number")?,
            key: find("key", IDS, is_scalar, "a text or a number")?,
            vector: find("vector", &[], is_vector, "vectors")?,
        };
        if columns.title.is_none() && columns.text.is_none() {
            return plan_err!(
                "{function} reads a column title (or name), text (or description, body), or both, and the table has {}; \
                 name them: {function}(..., title => column)",
                names(table)
            );
        }
        Ok(columns)
    }

    pub fn key_field(&self) -> Option<&FieldRef> {
        self.key.as_ref()
    }

    /// The columns below the operation, for the scorer without training or a `matcher`.
    ///
    /// # Errors
    /// Those of the encoder, if titles are embedded; vectors of another encoder than that
    /// of the matcher.
    pub fn expressions(
        &self,
        options: &AiOptions,
        matcher: Option<&TrainedMatcher>,
    ) -> Result<Vec<Expr>> {
        let text = |field: &Option<FieldRef>| {
            let column = ident(field.as_ref()?.name());
            Some(cast_expr(column, DataType::Utf8))
        };
        let (title, body) = (text(&self.title), text(&self.text));
        let mut expressions = Vec::new();
        let mut add = |name: &str, expression: Option<Expr>| {
            expressions.extend(expression.map(|expression| expression.alias(name)));
        };
        let price = self.price.as_ref().map(|field| ident(field.name()));
        add(
            PRICE,
            price.map(|price| cast_expr(price, DataType::Float64)),
        );
        add(SOURCE, text(&self.source));
        add(KEY, text(&self.key));
        let key = self.key.as_ref().map(|field| ident(field.name()));
        add(&format!("{KEY}_value"), key);
        let vector = self.vector(options, matcher, title.clone(), body.clone())?;
        add(VECTOR, Some(vector));
        add(TITLE, title);
        add(TEXT, body);
        Ok(expressions)
    }

    /// The vector of the headline: the column of vectors, or the title, else the text,
    /// embedded.
    fn vector(
        &self,
        options: &AiOptions,
        matcher: Option<&TrainedMatcher>,
        title: Option<Expr>,
        text: Option<Expr>,
    ) -> Result<Expr> {
        if let Some(field) = &self.vector {
            // Names differ where one encoder has an alias; revisions do not.
            let metadata = |key| field.metadata().get(key).map(String::as_str);
            let revision = metadata(provenance::REVISION);
            return match (revision, matcher) {
                (Some(revision), Some(matcher)) if revision != matcher.metadata.revision => {
                    let encoder = metadata(provenance::MODEL).unwrap_or("another encoder");
                    plan_err!(
                        "the vectors of {} are of {encoder} at revision {revision}, and the model '{}' was trained with {} at \
                         revision {}; leave the vectors out, or train it again with SET ai.model = '{encoder}'",
                        field.name(),
                        matcher.metadata.name,
                        matcher.metadata.encoder,
                        matcher.metadata.revision
                    )
                }
                _ => Ok(ident(field.name())),
            };
        }
        let runtime = &options.runtime;
        let encoder = matcher.map(|matcher| matcher.metadata.encoder.as_str());
        let model = encoder.map(ScalarValue::from);
        let settings = functions::settings_with_model(&options.settings, model.as_ref());
        let facts = runtime.facts_with_cancel(&settings, &options.cancel);
        let facts = facts.map_err(to_datafusion)?;
        if let Some(matcher) = matcher
            && matcher.metadata.revision != facts.revision
        {
            return plan_err!(
                "the model '{}' was trained with vectors of {} at revision {}, and the installed revision is {}; \
                 train it again",
                matcher.metadata.name,
                matcher.metadata.encoder,
                matcher.metadata.revision,
                facts.revision
            );
        }
        let title = title.map(|title| nullif(btrim(vec![title]), lit("")));
        let headline: Vec<Expr> = title.into_iter().chain(text).collect();
        let text = [coalesce(headline)].into_iter();
        Ok(functions::embed_call(
            options,
            text.chain(encoder.map(lit)).collect(),
        ))
    }
}

impl fmt::Display for ResolveColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("title", &self.title),
            ("text", &self.text),
            ("price", &self.price),
            ("source", &self.source),
            ("key", &self.key),
            ("vector", &self.vector),
        ];
        let named = named.into_iter().filter_map(|(name, field)| {
            let field = field.as_ref()?;
            Some(format!("{name}={}", field.name()))
        });
        f.write_str(&named.collect::<Vec<_>>().join(", "))
    }
}

/// The column that an argument names, or else the first with a usual name that fits.
fn column(
    function: &str,
    table: &LogicalPlan,
    (parameter, named): (&str, Option<&str>),
    usual: &[&str],
    fits: fn(&DataType) -> bool,
    what: &str,
) -> Result<Option<FieldRef>> {
    let fields = table.schema().fields();
    let Some(name) = named else {
        let mut found = usual.iter().filter_map(|name| {
            let mut fields = fields.iter();
            fields.find(|field| field.name().eq_ignore_ascii_case(name))
        });
        return Ok(found.find(|field| fits(field.data_type())).cloned());
    };
    let exact = fields.iter().find(|field| field.name() == name);
    let found = exact.or_else(|| {
        let mut fields = fields.iter();
        fields.find(|field| field.name().eq_ignore_ascii_case(name))
    });
    match found {
        Some(field) if fits(field.data_type()) => Ok(Some(field.clone())),
        Some(field) => plan_err!(
            "{parameter} of {function} is {}, which is {} and not {what}",
            field.name(),
            field.data_type()
        ),
        None => plan_err!(
            "{function}: the table has no column {name}; it has {}",
            names(table)
        ),
    }
}

/// The names of the columns, as they are written in arguments.
fn names(table: &LogicalPlan) -> String {
    let fields = table.schema().fields().iter();
    let names: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
    names.join(", ")
}

/// Whether a type has one value for each row that a text can show.
fn is_scalar(data_type: &DataType) -> bool {
    !data_type.is_nested() && *data_type != DataType::Null
}
