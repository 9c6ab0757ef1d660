//! `vector_search(table, query [, k] [, column])`: the rows with the nearest vectors.
//!
//! The plan is ORDER BY a similarity with LIMIT k, so that the rules of DataFusion for
//! such plans apply.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ident};

use super::arguments::RelationArguments;
use super::columns::{VectorColumn, is_text, is_vector};
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::functions;
use crate::options::AiOptions;

/// Number of rows if the argument `k` is missing.
pub const DEFAULT_K: usize = 10;

/// Column of the scores of a search.
pub const SCORE: &str = "score";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "vector_search",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required(
            "query",
            ParameterKind::Value,
            "a text, which is embedded by the model that made the column, or a vector",
        ),
        Parameter::optional("k", ParameterKind::Count, "how many rows; 10 if not given"),
        Parameter::optional(
            "column",
            ParameterKind::Column,
            "the column of vectors, if there are several; or one of texts, which are embedded",
        ),
    ],
    description: "The `k` rows with the vectors nearest to the query, nearest first, with `score`, the cosine of \
        the angle. Exact: every row is compared. Rows without a vector are omitted. Equivalent to \
        `ORDER BY cosine_distance(column, embed('...')) LIMIT k`, which can follow a `WHERE`.",
    example: "SELECT title, score FROM vector_search('vectors.parquet', 'something warm for a winter hike', k => 5)",
};

#[derive(Debug)]
pub struct VectorSearch;

impl Relation for VectorSearch {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let column = VectorColumn::of(SIGNATURE.name, &table, arguments.text("column"), options)?;
        let k = arguments.count("k").unwrap_or(DEFAULT_K);
        let query = query(SIGNATURE.name, &mut arguments, &column, options)?;
        nearest(table, column, query, k)
    }
}

/// The vector of the argument `query`.
///
/// # Errors
/// A query that is neither a text nor a vector.
fn query(
    function: &str,
    arguments: &mut RelationArguments,
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

/// Whether a list has integers, as `[1, 2, 3]`, which is a vector too.
fn is_numbers(data_type: &DataType) -> bool {
    functions::vector_value_type(data_type).is_some_and(DataType::is_integer)
}

/// The `k` rows of `table` nearest to `query`, and their scores.
fn nearest(table: LogicalPlan, column: VectorColumn, query: Expr, k: usize) -> Result<LogicalPlan> {
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
        // The cosine of a zero vector is NULL.
        .filter(ident(SCORE).is_not_null())?
        .build()
}
