//! The optimizer rule that has searches go by an index.

use std::sync::Arc;

use arrow::datatypes::Float32Type;
use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Sort, SubqueryAlias, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

use super::data::DataFiles;
use super::file::IndexFile;
use super::table::{IndexedTable, Search};
use crate::functions::{Vectors, narrow};
use crate::options::AiOptions;
use crate::vector::normalize;

/// Rows of a search at most; beyond, looking at all is no slower.
const MOST: usize = 1_000;

/// Rows that are compared exactly beside those that are wanted.
const SPARE: usize = 8;

/// Narrows the scan of `ORDER BY cosine_distance(column, vector) LIMIT k`, with
/// nothing between that would take rows away, down to the rows that a fresh
/// index of the column names.
#[derive(Debug, Default)]
pub struct SearchByIndex;

impl OptimizerRule for SearchByIndex {
    fn name(&self) -> &str {
        "search_by_index"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let extensions = &config.options().extensions;
        let (Some(wanted), Some(options)) = (wanted(sort), extensions.get::<AiOptions>()) else {
            return Ok(Transformed::no(plan));
        };
        match narrowed(&sort.input, &wanted, options)? {
            Some(input) => Ok(Transformed::yes(LogicalPlan::Sort(Sort {
                input: Arc::new(input),
                ..sort.clone()
            }))),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// What a sort looks for.
struct Wanted {
    column: Column,
    query: Vec<f32>,
    rows: usize,
    /// Whether rows without a vector come first.
    nulls_first: bool,
}

fn wanted(sort: &Sort) -> Option<Wanted> {
    let rows = sort.fetch.filter(|rows| *rows > 0 && *rows <= MOST)?;
    let key = sort.expr.first()?;
    let expr = through(&sort.input, key.expr.clone())?;
    let Expr::ScalarFunction(call) = expr.unalias() else {
        return None;
    };
    match (call.name(), key.asc) {
        ("cosine_similarity", false) | ("cosine_distance", true) => {}
        _ => return None,
    }
    let [a, b] = call.args.as_slice() else {
        return None;
    };
    let (column, query) = match (a, b) {
        (Expr::Column(column), Expr::Literal(query, _))
        | (Expr::Literal(query, _), Expr::Column(column)) => (column, query),
        _ => return None,
    };
    Some(Wanted {
        column: column.clone(),
        query: unit(query)?,
        rows,
        nulls_first: key.nulls_first,
    })
}

/// `expr`, written over the columns of the scan at the end of projections.
fn through(plan: &LogicalPlan, expr: Expr) -> Option<Expr> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let expr = crate::plan::replace(expr, |part| match part {
                Expr::Column(column) => {
                    let at = projection.schema.maybe_index_of_column(column)?;
                    Some(projection.expr[at].clone().unalias_nested().data)
                }
                _ => None,
            });
            through(&projection.input, expr.ok()?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let expr = crate::plan::replace(expr, |part| match part {
                Expr::Column(column) => {
                    let at = alias.schema.maybe_index_of_column(column)?;
                    let (qualifier, field) = alias.input.schema().qualified_field(at);
                    Some(Expr::Column(Column::new(qualifier.cloned(), field.name())))
                }
                _ => None,
            });
            through(&alias.input, expr.ok()?)
        }
        LogicalPlan::TableScan(_) => Some(expr),
        _ => None,
    }
}

/// The query as a vector of 32-bit floats of unit length.
fn unit(query: &ScalarValue) -> Option<Vec<f32>> {
    let array = query.to_array().ok()?;
    let vectors = Vectors::<Float32Type>::new(&narrow(&array).ok()?).ok()?;
    let mut vector = vectors.get(0)?.to_vec();
    normalize(&mut vector);
    let length: f32 = vector.iter().map(|v| v * v).sum();
    ((length - 1.0).abs() < 1e-3).then_some(vector)
}

/// The plan with its scan narrowed down; `None` where no index serves.
fn narrowed(
    plan: &LogicalPlan,
    wanted: &Wanted,
    options: &AiOptions,
) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let input = narrowed(&projection.input, wanted, options)?;
            input
                .map(|input| {
                    let (expr, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
                    let projection = Projection::try_new_with_schema(expr, Arc::new(input), schema);
                    projection.map(LogicalPlan::Projection)
                })
                .transpose()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = narrowed(&alias.input, wanted, options)?;
            input
                .map(|input| {
                    let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone());
                    alias.map(LogicalPlan::SubqueryAlias)
                })
                .transpose()
        }
        LogicalPlan::TableScan(scan) => Ok(indexed(scan, wanted, options)),
        _ => Ok(None),
    }
}

fn indexed(scan: &TableScan, wanted: &Wanted, options: &AiOptions) -> Option<LogicalPlan> {
    if !scan.filters.is_empty() || scan.fetch.is_some() {
        return None;
    }
    let table = source_as_provider(&scan.source).ok()?;
    let data = DataFiles::of(table.as_ref())?;
    let index = data.indexes().iter().find_map(|name| {
        let index = data.index(name).ok()?;
        serves(&index, &data, wanted, options).then_some(index)
    })?;
    let search = Search {
        query: wanted.query.clone(),
        rows: wanted.rows + SPARE,
    };
    let narrowed = IndexedTable::new(table, Arc::new(index), search);
    Some(LogicalPlan::TableScan(TableScan {
        source: provider_as_source(Arc::new(narrowed)),
        ..scan.clone()
    }))
}

/// Whether the index is of the column, fresh, and good enough.
fn serves(index: &IndexFile, data: &DataFiles, wanted: &Wanted, options: &AiOptions) -> bool {
    let about = &index.about;
    if about.column != wanted.column.name || about.dims != wanted.query.len() {
        return false;
    }
    let all: u64 = about.rows.iter().sum();
    // Rows without a vector are not in it.
    let complete = all == about.vectors;
    let least = options.settings.index_recall.get();
    if least >= 1.0
        || about.recall < least
        || (wanted.nulls_first && !complete)
        || (wanted.rows as u64) > about.vectors
    {
        return false;
    }
    let fresh = data.stamps().is_ok_and(|stamps| stamps == about.files);
    if !fresh {
        options.runtime.note(format!(
            "The index {} is out of date, since the data changed: rows were compared one by one. CREATE OR REPLACE INDEX \
             makes it anew.",
            about.name
        ));
    }
    fresh
}
