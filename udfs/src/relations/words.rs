//! Search for words in a table, which two relations share.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::arguments::RelationArguments;
use super::columns::{TEXTS, TITLES, called};
use super::exec::OperationContext;
use super::vector_search::DEFAULT_K;
use semql_learning::bm25;

/// A query of words, and the columns that it searches.
#[derive(Debug)]
pub struct WordSearch {
    columns: Vec<String>,
    pub query: String,
    /// Number of rows to return.
    pub k: usize,
}

impl WordSearch {
    /// The search of a call of `function`. The argument `column` names the column of texts.
    ///
    /// # Errors
    /// A table without texts.
    pub fn of(
        function: &str,
        table: &LogicalPlan,
        arguments: &RelationArguments,
        column: &str,
    ) -> Result<Self> {
        Ok(Self {
            columns: text_columns(function, table, arguments.text(column))?,
            query: arguments.text("query").unwrap_or_default().to_string(),
            k: arguments.count("k").unwrap_or(DEFAULT_K),
        })
    }

    /// The arguments in `EXPLAIN`.
    pub fn display_arguments(&self) -> String {
        let columns = self.columns.join(" ");
        format!("{columns} ~ '{}', k={}", self.query, self.k)
    }

    /// The rows of `table` with the words, and their scores, the best first.
    ///
    /// # Errors
    /// A column that is not text; cancellation.
    pub fn search(
        &self,
        table: &RecordBatch,
        context: &OperationContext,
    ) -> Result<Vec<(usize, f32)>> {
        let texts = joined_texts(table, &self.columns)?;
        let found = bm25(&texts, &self.query, &|| context.is_cancelled());
        context.check()?;
        Ok(found.unwrap_or_default())
    }
}

/// The columns to search.
///
/// # Errors
/// No column of texts.
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

/// The schema of the table with more columns.
///
/// # Errors
/// A column that the table has already.
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

/// The texts of each row, joined; `None` if all are blank.
///
/// # Errors
/// A column that is missing or is not text.
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

/// Some rows of a table, with more columns.
///
/// # Errors
/// Rows that the table does not have; columns of other types than in `schema`.
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
