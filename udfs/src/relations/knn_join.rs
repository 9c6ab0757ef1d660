//! `knn_join(left, right [, k] [, left_column] [, right_column])`: for each row of one
//! table the nearest rows of another.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ident};

use super::arguments::RelationArguments;
use super::columns::VectorColumn;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use super::vector_search::DEFAULT_K;
use crate::functions;
use crate::options::AiOptions;
use crate::plan::vector_join::{RANK, SCORE, VectorJoin};
use semql_inference::vector::NeighbourLimit;

/// Prefix of right columns whose names the left side has too.
const RIGHT_PREFIX: &str = "right_";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "knn_join",
    parameters: &[
        Parameter::required(
            "left",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("right", ParameterKind::Table, "another one, or the same"),
        Parameter::optional(
            "k",
            ParameterKind::Count,
            "how many rows of the right side for each of the left; 10 if not given",
        ),
        Parameter::optional(
            "left_column",
            ParameterKind::Column,
            "the left side's column of vectors, or of texts to be embedded",
        ),
        Parameter::optional("right_column", ParameterKind::Column, "the right side's"),
    ],
    description: "For each row of the left table the `k` rows of the right table with the nearest vectors: the \
        columns of both, those of the right side with the prefix `right_` if the left side has the \
        name, `score`, the cosine, and `rank`, from 1. Exact. Rows without a vector are omitted.",
    example: "SELECT name, right_name, score FROM knn_join('abt.parquet', 'buy.parquet', k => 1)",
};

#[derive(Debug)]
pub struct KnnJoin;

impl Relation for KnnJoin {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let (left, right) = (
            arguments.required_table("left")?,
            arguments.required_table("right")?,
        );
        let column = |side: &LogicalPlan, name: &str| {
            VectorColumn::of(SIGNATURE.name, side, arguments.text(name), options)
        };
        let vectors = [
            column(&left, "left_column")?.vector,
            column(&right, "right_column")?.vector,
        ];
        let field = |vector: &Expr, side: &LogicalPlan| -> Result<FieldRef> {
            Ok(vector.to_field(side.schema().as_ref())?.1)
        };
        let fields = [field(&vectors[0], &left)?, field(&vectors[1], &right)?];
        functions::check_vectors(SIGNATURE.name, &["left", "right"], &fields)?;

        let left_names = names(&left);
        let right_names: Vec<String> = names(&right)
            .into_iter()
            .map(|name| match left_names.contains(&name) {
                true => format!("{RIGHT_PREFIX}{name}"),
                false => name,
            })
            .collect();
        let [left_vector, right_vector] = vectors;
        let left = JoinInput::new(left, left_names, left_vector, "__left_vector")?;
        let right = JoinInput::new(right, right_names, right_vector, "__right_vector")?;
        let columns = left.names.into_iter().chain(right.names);
        let columns = columns.chain([SCORE, RANK].map(str::to_string));
        let columns: Vec<Expr> = columns.map(ident).collect();
        let limit = NeighbourLimit::TopK(arguments.count("k").unwrap_or(DEFAULT_K));
        let on = [left.vector, right.vector];
        let join = VectorJoin::new(left.plan, right.plan, on, limit)?;
        LogicalPlanBuilder::from(join.into_plan())
            .project(columns)?
            .build()
    }
}

fn names(table: &LogicalPlan) -> Vec<String> {
    let fields = table.schema().fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// One side, with the column names of the result.
struct JoinInput {
    plan: Arc<LogicalPlan>,
    names: Vec<String>,
    vector: Expr,
}

impl JoinInput {
    /// Adds the vector as the column `computed`, unless it is a column already.
    fn new(table: LogicalPlan, names: Vec<String>, vector: Expr, computed: &str) -> Result<Self> {
        let fields = table.schema().fields().iter();
        let columns = fields.zip(&names);
        let mut columns: Vec<Expr> = columns
            .map(|(field, name)| ident(field.name()).alias(name))
            .collect();
        let own = table.schema().fields().iter();
        let at = vector.try_as_col().and_then(|column| {
            let mut own = own.into_iter();
            own.position(|field| *field.name() == column.name)
        });
        let vector = match at {
            Some(at) => ident(&names[at]),
            None => {
                columns.push(vector.alias(computed));
                ident(computed)
            }
        };
        let plan = LogicalPlanBuilder::from(table).project(columns)?.build()?;
        Ok(Self {
            plan: Arc::new(plan),
            names,
            vector,
        })
    }
}
