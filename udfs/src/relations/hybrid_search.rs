//! `hybrid_search(table, query [, k] [, column] [, text])`: rows near in meaning
//! and rows with the query's words, in one order.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

use super::columns::VectorColumn;
use super::node::Tables;
use super::vector_search::SCORE;
use super::words::{Words, some_rows, with_columns};
use super::{Arguments, Kind, Operation, Parameter, Relation, Shape, Work};
use crate::functions;
use crate::options::AiOptions;

/// How little the first ranks stand out (Cormack, Clarke and Buettcher, SIGIR
/// 2009).
const RANK_CONSTANT: f64 = 60.0;

/// Rows of each order that count, for each row that is wanted, and at least.
const DEPTH: usize = 10;
const LEAST_DEPTH: usize = 100;

/// The cosine on its way to the operation.
const COSINE: &str = "__cosine";

static SHAPE: Shape = Shape {
    name: "hybrid_search",
    parameters: &[
        Parameter::required(
            "table",
            Kind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("query", Kind::Text, "a text, for its meaning and its words"),
        Parameter::optional("k", Kind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            Kind::Column,
            "the column of vectors, or of texts to be embedded, as in `vector_search`",
        ),
        Parameter::optional(
            "text",
            Kind::Column,
            "the column of words, as in `text_search`",
        ),
    ],
    description: "What `vector_search` and `text_search` find, in one order by reciprocal rank fusion: `score` is the sum \
        of 1 / (60 + rank) over both; `vector_rank` and `text_rank` are NULL where one did not find the row.",
    example: "SELECT title, score FROM hybrid_search('vectors.parquet', 'DX-200 battery', k => 5)",
};

#[derive(Debug)]
pub struct HybridSearch;

impl Relation for HybridSearch {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn plan(&self, mut arguments: Arguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let words = Words::of(SHAPE.name, &table, &arguments, "text")?;
        let vectors = VectorColumn::of(SHAPE.name, &table, arguments.text("column"), options)?;
        let schema = with_columns(
            &table,
            &[
                Field::new(SCORE, DataType::Float64, false),
                Field::new("vector_rank", DataType::Int64, true),
                Field::new("text_rank", DataType::Int64, true),
            ],
        )?;
        let asked = vectors.embedded(lit(words.query.as_str()), options);
        let cosine = functions::cosine_similarity(vectors.vector, asked);
        let fields = table.schema().fields().iter();
        let mut wanted: Vec<Expr> = fields.map(|field| ident(field.name())).collect();
        wanted.push(cosine.alias(COSINE));
        let input = LogicalPlanBuilder::from(table).project(wanted)?.build()?;
        Tables::plan(Arc::new(Search { words }), vec![input], &schema)
    }
}

#[derive(Debug)]
struct Search {
    words: Words,
}

/// A row's place in both orders, from 1.
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

impl Operation for Search {
    fn name(&self) -> &'static str {
        SHAPE.name
    }

    fn shown(&self) -> String {
        self.words.shown()
    }

    fn run(&self, inputs: Vec<RecordBatch>, work: &Work) -> Result<Vec<RecordBatch>> {
        let table = &inputs[0];
        let Some((cosines, own)) = table.columns().split_last() else {
            return internal_err!("hybrid_search has a column of cosines");
        };
        let depth = (self.words.k * DEPTH).max(LEAST_DEPTH);
        let cosines = cosines.as_primitive::<Float64Type>();
        let near = cosines.iter().enumerate();
        let mut near: Vec<(usize, f64)> = near.filter_map(|(row, c)| Some((row, c?))).collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let with_words = self.words.found(table, work)?;

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
        Ok(vec![some_rows(&own, &rows, more, &work.schema)?])
    }
}
