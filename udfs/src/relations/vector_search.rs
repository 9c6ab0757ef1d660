//! `vector_search(table, query [, k] [, column])`: the rows that are nearest in
//! meaning.
//!
//! What it gives is an ordinary plan, ORDER BY a similarity with LIMIT k, so
//! that all that DataFusion knows of those serves it too.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ident};

use super::columns::{VectorColumn, is_text, is_vector};
use super::{Arguments, Kind, Parameter, Relation, Shape};
use crate::functions;
use crate::options::AiOptions;

/// Rows that a search gives if nobody says.
pub const K: usize = 10;

/// What a search calls how well a row fits.
pub const SCORE: &str = "score";

static SHAPE: Shape = Shape {
    name: "vector_search",
    parameters: &[
        Parameter::required(
            "table",
            Kind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required(
            "query",
            Kind::Value,
            "a text, which is embedded by the model that made the column, or a vector",
        ),
        Parameter::optional("k", Kind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            Kind::Column,
            "the column of vectors, if there are several; or one of texts, which are embedded",
        ),
    ],
    description: "The `k` rows whose vectors point most nearly where the query does, nearest first, with `score`, the \
        cosine of the angle. Exact: every row is looked at. Rows without a vector are left out. The same as \
        `ORDER BY cosine_distance(column, embed('...')) LIMIT k`, before which a `WHERE` applies.",
    example: "SELECT title, score FROM vector_search('vectors.parquet', 'something warm for a winter hike', k => 5)",
};

#[derive(Debug)]
pub struct VectorSearch;

impl Relation for VectorSearch {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn plan(&self, mut arguments: Arguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let column = VectorColumn::of(SHAPE.name, &table, arguments.text("column"), options)?;
        let k = arguments.count("k").unwrap_or(K);
        let query = query(SHAPE.name, &mut arguments, &column, options)?;
        nearest(table, column, query, k)
    }
}

/// The vector that the argument `query` stands for.
///
/// # Errors
/// For what is neither text nor vector.
pub fn query(
    function: &str,
    arguments: &mut Arguments,
    column: &VectorColumn,
    options: &AiOptions,
) -> Result<Expr> {
    let query = arguments.required_value("query")?;
    match query.get_type(&DFSchema::empty())? {
        text if is_text(&text) => Ok(column.embedded(query, options)),
        vector if is_vector(&vector) || is_numbers(&vector) => Ok(query),
        other => plan_err!("the query of {function} is a text or a vector, and this is {other}"),
    }
}

/// `[1, 2, 3]` is a vector too.
fn is_numbers(data_type: &DataType) -> bool {
    functions::vector_values(data_type).is_some_and(DataType::is_integer)
}

/// The `k` rows of `table` nearest to `query`, and their scores.
pub fn nearest(
    table: LogicalPlan,
    column: VectorColumn,
    query: Expr,
    k: usize,
) -> Result<LogicalPlan> {
    let fields = table.schema().fields().iter();
    let mut columns: Vec<Expr> = fields.map(|field| ident(field.name())).collect();
    if table.schema().has_column_with_unqualified_name(SCORE) {
        return plan_err!(
            "the table has a column {SCORE} already; leave it out: (SELECT ... FROM ...)"
        );
    }
    let score = functions::cosine_similarity(column.vector, query);
    columns.push(score.alias(SCORE));
    LogicalPlanBuilder::from(table)
        .project(columns)?
        .sort(vec![ident(SCORE).sort(false, false)])?
        .limit(0, Some(k))?
        // Zero vectors fit nothing.
        .filter(ident(SCORE).is_not_null())?
        .build()
}
