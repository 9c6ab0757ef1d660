//! `hybrid_search(table, query [, k] [, column] [, text])`: rows with a meaning near the
//! query's and rows with its words, in one order.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

use super::arguments::RelationArguments;
use super::columns::VectorColumn;
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use super::vector_search::SCORE;
use super::words::{WordSearch, some_rows, with_columns};
use crate::functions;
use crate::options::AiOptions;

/// Constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009). A
/// larger one makes the first ranks less important.
const RANK_CONSTANT: f64 = 60.0;

/// Rows of each ranking that are fused, per returned row, and their minimum.
const DEPTH_PER_ROW: usize = 10;
const MIN_DEPTH: usize = 100;

/// Column of the cosine in the input of the operation.
const COSINE: &str = "__cosine";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "hybrid_search",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required(
            "query",
            ParameterKind::Text,
            "a text, for its meaning and its words",
        ),
        Parameter::optional("k", ParameterKind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            ParameterKind::Column,
            "the column of vectors, or of texts to be embedded, as in `vector_search`",
        ),
        Parameter::optional(
            "text",
            ParameterKind::Column,
            "the column of words, as in `text_search`",
        ),
    ],
    description: "The results of `vector_search` and `text_search` in one order, by reciprocal rank fusion: \
        `score` is the sum of 1 / (60 + rank) over both; `vector_rank` or `text_rank` is NULL if that \
        search did not find the row.",
    example: "SELECT title, score FROM hybrid_search('vectors.parquet', 'DX-200 battery', k => 5)",
};

#[derive(Debug)]
pub struct HybridSearch;

impl Relation for HybridSearch {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let words = WordSearch::of(SIGNATURE.name, &table, &arguments, "text")?;
        let vectors = VectorColumn::of(SIGNATURE.name, &table, arguments.text("column"), options)?;
        let schema = with_columns(
            &table,
            &[
                Field::new(SCORE, DataType::Float64, false),
                Field::new("vector_rank", DataType::Int64, true),
                Field::new("text_rank", DataType::Int64, true),
            ],
        )?;
        let query = vectors.embedded(lit(words.query.as_str()), options);
        let cosine = functions::cosine_similarity(vectors.vector, query);
        let fields = table.schema().fields().iter();
        let mut columns: Vec<Expr> = fields.map(|field| ident(field.name())).collect();
        columns.push(cosine.alias(COSINE));
        let input = LogicalPlanBuilder::from(table).project(columns)?.build()?;
        TableOperationNode::plan(
            Arc::new(HybridSearchOperation { words }),
            vec![input],
            &schema,
        )
    }
}

#[derive(Debug)]
struct HybridSearchOperation {
    words: WordSearch,
}

/// Ranks of a row, from 1.
#[derive(Clone, Copy, Default)]
struct Ranks {
    vector: Option<usize>,
    text: Option<usize>,
}

impl Ranks {
    fn score(&self) -> f64 {
        let ranks = [self.vector, self.text].into_iter().flatten();
        ranks.map(|rank| 1.0 / (RANK_CONSTANT + rank as f64)).sum()
    }
}

impl TableOperation for HybridSearchOperation {
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
        let Some((cosines, own)) = table.columns().split_last() else {
            return internal_err!("the input of hybrid_search has no column of cosines");
        };
        let depth = (self.words.k * DEPTH_PER_ROW).max(MIN_DEPTH);
        let cosines = cosines.as_primitive::<Float64Type>();
        let near = cosines.iter().enumerate();
        let mut near: Vec<(usize, f64)> = near.filter_map(|(row, c)| Some((row, c?))).collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let with_words = self.words.search(table, context)?;

        let mut ranks: HashMap<usize, Ranks> = HashMap::new();
        for (at, (row, _)) in near.iter().take(depth).enumerate() {
            ranks.entry(*row).or_default().vector = Some(at + 1);
        }
        for (at, (row, _)) in with_words.iter().take(depth).enumerate() {
            ranks.entry(*row).or_default().text = Some(at + 1);
        }
        let mut best: Vec<(usize, Ranks)> = ranks.into_iter().collect();
        best.sort_by(|a, b| b.1.score().total_cmp(&a.1.score()).then(a.0.cmp(&b.0)));
        best.truncate(self.words.k);

        let rows: Vec<u32> = best.iter().map(|(row, _)| *row as u32).collect();
        let scores = best.iter().map(|(_, ranks)| ranks.score());
        let rank = |of: fn(&Ranks) -> Option<usize>| -> Int64Array {
            let ranks = best.iter().map(|(_, ranks)| of(ranks));
            ranks.map(|rank| rank.map(|rank| rank as i64)).collect()
        };
        let more: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Float64Array::from_iter_values(scores)),
            Arc::new(rank(|ranks| ranks.vector)),
            Arc::new(rank(|ranks| ranks.text)),
        ];
        let own = table.project(&(0..own.len()).collect::<Vec<_>>())?;
        Ok(vec![some_rows(&own, &rows, more, &context.schema)?])
    }
}
