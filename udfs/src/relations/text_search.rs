//! `text_search(table, query [, k] [, column])`: the rows that have the words of
//! a query.

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::node::Tables;
use super::vector_search::SCORE;
use super::words::{Words, some_rows, with_columns};
use super::{Arguments, Kind, Operation, Parameter, Relation, Shape, Work};
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
            "the column of texts; if not given, `title` (or `name`) and `text` (or `description`, `body`) together",
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
        let words = Words::of(SHAPE.name, &table, &arguments, "column")?;
        let schema = with_columns(&table, &[Field::new(SCORE, DataType::Float64, false)])?;
        Tables::plan(Arc::new(Search { words }), vec![table], &schema)
    }
}

#[derive(Debug)]
struct Search {
    words: Words,
}

impl Operation for Search {
    fn name(&self) -> &'static str {
        SHAPE.name
    }

    fn shown(&self) -> String {
        self.words.shown()
    }

    fn run(&self, inputs: Vec<RecordBatch>, work: &Work) -> Result<Vec<RecordBatch>> {
        let table = &inputs[0];
        let mut found = self.words.found(table, work)?;
        found.truncate(self.words.k);
        let rows: Vec<u32> = found.iter().map(|(row, _)| *row as u32).collect();
        let scores = found.iter().map(|(_, score)| f64::from(*score));
        let scores = Arc::new(Float64Array::from_iter_values(scores));
        Ok(vec![some_rows(table, &rows, vec![scores], &work.schema)?])
    }
}
