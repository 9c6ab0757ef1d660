//! `knn_join(left, right [, k] [, left_column] [, right_column])`: for each row
//! of one table the nearest of another.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, ident};

use super::columns::VectorColumn;
use super::vector_search::K;
use super::{Arguments, Kind, Parameter, Relation, Shape};
use crate::functions;
use crate::options::AiOptions;
use crate::plan::vector_join::{RANK, SCORE, VectorJoin};
use crate::vector::Keep;

/// Put before the name of a right column where the left side has it too.
const PREFIX: &str = "right_";

static SHAPE: Shape = Shape {
    name: "knn_join",
    parameters: &[
        Parameter::required(
            "left",
            Kind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("right", Kind::Table, "another one, or the same"),
        Parameter::optional(
            "k",
            Kind::Count,
            "how many rows of the right side for each of the left; 10 if not given",
        ),
        Parameter::optional(
            "left_column",
            Kind::Column,
            "the left side's column of vectors, or of texts to be embedded",
        ),
        Parameter::optional("right_column", Kind::Column, "the right side's"),
    ],
    description: "For each row of the left table the `k` rows of the right one whose vectors point most nearly where its \
        own does: the columns of both, those of the right side with `right_` before names that the left side has, \
        `score`, the cosine, and `rank`, from 1. Exact. Rows without a vector are left out.",
    example: "SELECT name, right_name, score FROM knn_join('abt.parquet', 'buy.parquet', k => 1)",
};

#[derive(Debug)]
pub struct KnnJoin;

impl Relation for KnnJoin {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn plan(&self, mut arguments: Arguments, options: &AiOptions) -> Result<LogicalPlan> {
        let (left, right) = (
            arguments.required_table("left")?,
            arguments.required_table("right")?,
        );
        let column = |side: &LogicalPlan, name: &str| {
            VectorColumn::of(SHAPE.name, side, arguments.text(name), options)
        };
        let vectors = [
            column(&left, "left_column")?.vector,
            column(&right, "right_column")?.vector,
        ];
        let field = |vector: &Expr, side: &LogicalPlan| -> Result<FieldRef> {
            Ok(vector.to_field(side.schema().as_ref())?.1)
        };
        let fields = [field(&vectors[0], &left)?, field(&vectors[1], &right)?];
        functions::check_vectors(SHAPE.name, &["left", "right"], &fields)?;

        let left_names = names(&left);
        let right_names: Vec<String> = names(&right)
            .into_iter()
            .map(|name| match left_names.contains(&name) {
                true => format!("{PREFIX}{name}"),
                false => name,
            })
            .collect();
        let [left_vector, right_vector] = vectors;
        let left = Side::new(left, left_names, left_vector, "__left_vector")?;
        let right = Side::new(right, right_names, right_vector, "__right_vector")?;
        let wanted = left.names.into_iter().chain(right.names);
        let wanted = wanted.chain([SCORE, RANK].map(str::to_string));
        let wanted: Vec<Expr> = wanted.map(ident).collect();
        let keep = Keep::Best(arguments.count("k").unwrap_or(K));
        let on = [left.vector, right.vector];
        let join = VectorJoin::new(left.plan, right.plan, on, keep)?;
        LogicalPlanBuilder::from(join.into_plan())
            .project(wanted)?
            .build()
    }
}

fn names(table: &LogicalPlan) -> Vec<String> {
    let fields = table.schema().fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

/// One side under the names that its columns have in the answer.
struct Side {
    plan: Arc<LogicalPlan>,
    names: Vec<String>,
    vector: Expr,
}

impl Side {
    /// A vector that is no column becomes one, called `made`.
    fn new(table: LogicalPlan, names: Vec<String>, vector: Expr, made: &str) -> Result<Self> {
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
                columns.push(vector.alias(made));
                ident(made)
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
