//! Table functions that take tables: one file each, and this list.
//!
//! `FROM name(table, ...)`: a table is a name, a 'file' or a query in
//! parentheses. What a function gives is a plan; work that no plan of
//! DataFusion's expresses is an [`Operation`] over whole tables.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

mod arguments;
mod check_taxonomy;
mod columns;
mod exec;
mod hybrid_search;
mod knn_join;
mod node;
mod planner;
mod text_search;
mod vector_search;
mod words;

pub use arguments::{Arguments, Kind, Parameter};
pub use columns::{IDS, TEXTS, TITLES, first_called};
pub use exec::{Operation, Work};
pub(crate) use node::TablesPlanner;

use crate::options::AiOptions;
use planner::Relations;

/// A table function that takes tables.
pub trait Relation: Debug + Send + Sync {
    fn shape(&self) -> &'static Shape;

    /// The plan of a call.
    fn plan(&self, arguments: Arguments, options: &AiOptions) -> Result<LogicalPlan>;
}

/// How a function is called, and what it is for.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    pub description: &'static str,
    pub example: &'static str,
}

impl Shape {
    /// `name(a, b [, c])`.
    pub fn syntax(&self) -> String {
        let mut syntax = format!("{}(", self.name);
        for (at, parameter) in self.parameters.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let part = match parameter.required {
                true => format!("{comma}{}", parameter.name),
                false => format!(" [{comma}{}]", parameter.name),
            };
            syntax.push_str(if at == 0 { part.trim_start() } else { &part });
        }
        syntax + ")"
    }
}

/// Every function.
pub const RELATIONS: &[&dyn Relation] = &[
    &vector_search::VectorSearch,
    &knn_join::KnnJoin,
    &text_search::TextSearch,
    &hybrid_search::HybridSearch,
    &check_taxonomy::CheckTaxonomy,
];

/// Has the session plan them.
pub(crate) fn install(ctx: &SessionContext) -> Result<()> {
    ctx.register_relation_planner(Arc::new(Relations::new(ctx)))?;
    for relation in RELATIONS {
        let name = relation.shape().name;
        ctx.register_udtf(name, Arc::new(Named(name)));
    }
    Ok(())
}

/// Has a name stand among the session's functions; the planner takes the calls.
#[derive(Debug)]
struct Named(&'static str);

impl TableFunctionImpl for Named {
    fn call_with_args(&self, _: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        plan_err!(
            "{} is planned by a relation planner, which this session has lost",
            self.0
        )
    }
}
