//! A search for words, which two relations make: where it looks, what it finds,
//! and how its rows are given.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::columns::{TEXTS, TITLES, called};
use super::vector_search::K;
use super::{Arguments, Work};
use crate::learning::bm25;

/// What is looked for, and in which columns.
#[derive(Debug)]
pub struct Words {
    columns: Vec<String>,
    pub query: String,
    /// Rows that are wanted.
    pub k: usize,
}

impl Words {
    /// Of a call of `function`, whose argument `column` names the column of
    /// texts.
    ///
    /// # Errors
    /// Where the table has no texts.
    pub fn of(
        function: &str,
        table: &LogicalPlan,
        arguments: &Arguments,
        column: &str,
    ) -> Result<Self> {
        Ok(Self {
            columns: text_columns(function, table, arguments.text(column))?,
            query: arguments.text("query").unwrap_or_default().to_string(),
            k: arguments.count("k").unwrap_or(K),
        })
    }

    /// The arguments, for `EXPLAIN`.
    pub fn shown(&self) -> String {
        let columns = self.columns.join(" ");
        format!("{columns} ~ '{}', k={}", self.query, self.k)
    }

    /// The rows of `table` that have the words, with how well they fit, the best
    /// first.
    ///
    /// # Errors
    /// If a column cannot be read as text, and once nobody waits any more.
    pub fn found(&self, table: &RecordBatch, work: &Work) -> Result<Vec<(usize, f32)>> {
        let texts = joined_texts(table, &self.columns)?;
        let found = bm25(&texts, &self.query, &|| work.is_stopped());
        work.check()?;
        Ok(found.unwrap_or_default())
    }
}

/// The columns whose words are looked at.
///
/// # Errors
/// Where there is none.
fn text_columns(function: &str, table: &LogicalPlan, column: Option<&str>) -> Result<Vec<String>> {
    let names = table.schema().field_names().join(", ");
    if let Some(column) = column {
        return match called(table, &[column]) {
            Some(column) => Ok(vec![column]),
            None => plan_err!(
                "{function}: the table has no column of texts called {column}; it has {names}"
            ),
        };
    }
    let found: Vec<String> = [TITLES, TEXTS]
        .into_iter()
        .filter_map(|names| called(table, names))
        .collect();
    match found.is_empty() {
        false => Ok(found),
        true => plan_err!(
            "{function}: the table has no column title (or name) or text (or description, body); say which has the texts: \
             column => name. It has {names}"
        ),
    }
}

/// The table's columns and some more.
///
/// # Errors
/// For a table that has one of them.
pub fn with_columns(table: &LogicalPlan, more: &[Field]) -> Result<SchemaRef> {
    let mut fields: Vec<Arc<Field>> = table.schema().fields().iter().cloned().collect();
    for field in more {
        if fields.iter().any(|own| own.name() == field.name()) {
            return plan_err!(
                "the table has a column {} already; leave it out: (SELECT ... FROM ...)",
                field.name()
            );
        }
        fields.push(Arc::new(field.clone()));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The texts of rows, their columns joined; `None` where all are blank.
///
/// # Errors
/// If a column is not there, or cannot be read as text.
fn joined_texts(table: &RecordBatch, columns: &[String]) -> Result<Vec<Option<String>>> {
    let mut texts: Vec<Option<String>> = vec![None; table.num_rows()];
    for column in columns {
        let column = table.schema().index_of(column)?;
        let column = cast(table.column(column), &DataType::Utf8)?;
        for (joined, text) in texts.iter_mut().zip(column.as_string::<i32>()) {
            let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            match joined {
                Some(joined) => {
                    joined.push(' ');
                    joined.push_str(text);
                }
                None => *joined = Some(text.to_string()),
            }
        }
    }
    Ok(texts)
}

/// Some rows of a table, with columns after its own.
///
/// # Errors
/// Never for rows of the table.
pub fn some_rows(
    table: &RecordBatch,
    rows: &[u32],
    more: Vec<ArrayRef>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let rows = UInt32Array::from(rows.to_vec());
    let mut columns = take_record_batch(table, &rows)?.columns().to_vec();
    columns.extend(more);
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
