//! `text_search(table, query [, k] [, column])`: the rows that have the words of
//! a query.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::columns::{TEXTS, TITLES, called};
use super::node::Tables;
use super::vector_search::{K, SCORE};
use super::{Arguments, Kind, Operation, Parameter, Relation, Shape, Work};
use crate::learning::bm25;
use crate::options::AiOptions;

static SHAPE: Shape = Shape {
    name: "text_search",
    parameters: &[
        Parameter::required(
            "table",
            Kind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("query", Kind::Text, "words"),
        Parameter::optional("k", Kind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            Kind::Column,
            "the column of texts; if not given, `title` (or `name`) and `text` (or `description`) together",
        ),
    ],
    description: "The `k` rows that have the words of the query most and rarest, with `score`, their BM25 (k1 = 1.2, \
        b = 0.75), the best first. Words are runs of letters and digits in any case; rows with none of them are left out.",
    example: "SELECT title, score FROM text_search('products.parquet', 'DX-200 battery', k => 5)",
};

#[derive(Debug)]
pub struct TextSearch;

impl Relation for TextSearch {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn plan(&self, mut arguments: Arguments, _: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let columns = text_columns(SHAPE.name, &table, arguments.text("column"))?;
        let schema = with_columns(&table, &[Field::new(SCORE, DataType::Float64, false)])?;
        let search = Search {
            columns,
            query: arguments.text("query").unwrap_or_default().to_string(),
            k: arguments.count("k").unwrap_or(K),
        };
        Tables::plan(Arc::new(search), vec![table], &schema)
    }
}

/// The columns whose words are looked at.
///
/// # Errors
/// Where there is none.
pub fn text_columns(
    function: &str,
    table: &LogicalPlan,
    column: Option<&str>,
) -> Result<Vec<String>> {
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
            "{function}: the table has no column title (or name) or text (or description); say which has the texts: \
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
pub fn joined_texts(table: &RecordBatch, columns: &[String]) -> Result<Vec<Option<String>>> {
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

#[derive(Debug)]
struct Search {
    columns: Vec<String>,
    query: String,
    k: usize,
}

impl Operation for Search {
    fn name(&self) -> &'static str {
        SHAPE.name
    }

    fn shown(&self) -> String {
        format!(
            "{} ~ '{}', k={}",
            self.columns.join(" "),
            self.query,
            self.k
        )
    }

    fn run(&self, inputs: Vec<RecordBatch>, work: &Work) -> Result<Vec<RecordBatch>> {
        let table = &inputs[0];
        let texts = joined_texts(table, &self.columns)?;
        let found = bm25(&texts, &self.query, &|| work.is_stopped());
        work.check()?;
        let mut found = found.unwrap_or_default();
        found.truncate(self.k);
        let rows: Vec<u32> = found.iter().map(|(row, _)| *row as u32).collect();
        let scores = found.iter().map(|(_, score)| f64::from(*score));
        let scores = Arc::new(Float64Array::from_iter_values(scores));
        Ok(vec![some_rows(table, &rows, vec![scores], &work.schema)?])
    }
}
