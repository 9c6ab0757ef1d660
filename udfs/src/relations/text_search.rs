//! `text_search(table, query [, k] [, column])`: the rows with the words of a query.

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::arguments::RelationArguments;
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use super::vector_search::SCORE;
use super::words::{WordSearch, some_rows, with_columns};
use crate::options::AiOptions;

static SIGNATURE: RelationSignature = RelationSignature {
    name: "text_search",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("query", ParameterKind::Text, "words"),
        Parameter::optional("k", ParameterKind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            ParameterKind::Column,
            "the column of texts; if not given, `title` (or `name`) and `text` (or `description`, `body`) together",
        ),
    ],
    description: "The `k` rows with the highest BM25 score (k1 = 1.2, b = 0.75) for the words of the query, best \
        first, with `score`. Words are runs of letters and digits in any case; rows without any of them \
        are omitted.",
    example: "SELECT title, score FROM text_search('products.parquet', 'DX-200 battery', k => 5)",
};

#[derive(Debug)]
pub struct TextSearch;

impl Relation for TextSearch {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, _: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let words = WordSearch::of(SIGNATURE.name, &table, &arguments, "column")?;
        let schema = with_columns(&table, &[Field::new(SCORE, DataType::Float64, false)])?;
        TableOperationNode::plan(
            Arc::new(TextSearchOperation { words }),
            vec![table],
            &schema,
        )
    }
}

#[derive(Debug)]
struct TextSearchOperation {
    words: WordSearch,
}

impl TableOperation for TextSearchOperation {
    fn name(&self) -> &'static str {
        SIGNATURE.name
    }

    fn display_arguments(&self) -> String {
        self.words.display_arguments()
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let table = &inputs[0];
        let mut found = self.words.search(table, context)?;
        found.truncate(self.words.k);
        let rows: Vec<u32> = found.iter().map(|(row, _)| *row as u32).collect();
        let scores = found.iter().map(|(_, score)| f64::from(*score));
        let scores = Arc::new(Float64Array::from_iter_values(scores));
        Ok(vec![some_rows(
            table,
            &rows,
            vec![scores],
            &context.schema,
        )?])
    }
}
