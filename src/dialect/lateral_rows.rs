//! Lateral joins whose right side makes rows of one row of the left side and reads no
//! table: `FROM t, unnest(t.tags) AS u(tag)`, `FROM t, LATERAL (SELECT t.a * 2 AS b)`. The
//! engine plans the ones that read a table.

use std::cell::Cell;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, NullHandling, RecursionUnnestOption, UnnestOptions};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, lit,
};
use datafusion::optimizer::AnalyzerRule;

/// Rule that makes one plan of both sides of such a join.
#[derive(Debug)]
pub struct LateralRows;

impl AnalyzerRule for LateralRows {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) => Ok(match rows_of_join(&join)? {
                Some(rows) => Transformed::yes(rows),
                None => Transformed::no(LogicalPlan::Join(join)),
            }),
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "lateral_rows"
    }
}

/// The plan in place of a join, or `None` for other joins.
fn rows_of_join(join: &Join) -> Result<Option<LogicalPlan>> {
    let keeps_all = match join.join_type {
        JoinType::Inner => false,
        // Other conditions would have to keep the rows for which none holds.
        JoinType::Left if join.filter.as_ref().is_none_or(|on| *on == lit(true)) => true,
        _ => return Ok(None),
    };
    let Some(subquery) = lateral_subquery(&join.right) else {
        return Ok(None);
    };
    if !join.on.is_empty() {
        return Ok(None);
    }
    let rewrite = Rewrite {
        left: &join.left,
        keeps_all,
        names: Cell::new(0),
    };
    let Some(rows) = rewrite.rows(&subquery.subquery)? else {
        return Ok(None);
    };
    let left = join.left.schema().columns().into_iter().map(Expr::Column);
    let right = rows.columns.into_iter().zip(join.right.schema().iter());
    let right = right.map(|(column, (qualifier, field))| {
        Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
    });
    let mut plan = LogicalPlanBuilder::from(rows.plan).project(left.chain(right))?;
    if let Some(filter) = join.filter.clone()
        && !keeps_all
    {
        plan = plan.filter(filter)?;
    }
    plan.build().map(Some)
}

fn lateral_subquery(plan: &LogicalPlan) -> Option<&Subquery> {
    match plan {
        LogicalPlan::Subquery(subquery) => Some(subquery),
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(subquery) => Some(subquery),
            _ => None,
        },
        _ => None,
    }
}

/// Rows of the left side, each as often as the right side has rows for it.
struct Rows {
    /// The columns of the left side first, under their names.
    plan: LogicalPlan,
    /// The columns of the right side, in its order.
    columns: Vec<Column>,
}

struct Rewrite<'a> {
    left: &'a LogicalPlan,
    /// Whether rows of the left side stay for which the right side has none.
    keeps_all: bool,
    /// Number of names that were given.
    names: Cell<usize>,
}

impl Rewrite<'_> {
    /// `None` if a part of the plan reads a table, or needs all rows of a left row.
    fn rows(&self, plan: &LogicalPlan) -> Result<Option<Rows>> {
        match plan {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Ok(Some(Rows {
                plan: self.left.clone(),
                columns: Vec::new(),
            })),
            LogicalPlan::SubqueryAlias(alias) => self.rows(&alias.input),
            LogicalPlan::Projection(projection) => {
                let Some(rows) = self.rows(&projection.input)? else {
                    return Ok(None);
                };
                let exprs = self.moved(&projection.expr, projection.input.schema(), &rows)?;
                exprs
                    .map(|exprs| self.project(rows.plan, exprs))
                    .transpose()
            }
            LogicalPlan::Filter(filter) if !self.keeps_all => {
                let Some(rows) = self.rows(&filter.input)? else {
                    return Ok(None);
                };
                let predicate = std::slice::from_ref(&filter.predicate);
                let Some(mut moved) = self.moved(predicate, filter.input.schema(), &rows)? else {
                    return Ok(None);
                };
                let plan = LogicalPlanBuilder::from(rows.plan).filter(moved.remove(0))?;
                let (plan, columns) = (plan.build()?, rows.columns);
                Ok(Some(Rows { plan, columns }))
            }
            LogicalPlan::Unnest(unnest) => {
                let Some(rows) = self.rows(&unnest.input)? else {
                    return Ok(None);
                };
                let schema = unnest.input.schema();
                let of = |column: &Column| -> Result<Column> {
                    Ok(rows.columns[schema.index_of_column(column)?].clone())
                };
                let columns = unnest.exec_columns.iter().map(of);
                let columns = columns.collect::<Result<Vec<_>>>()?;
                let recursions = unnest.options.recursions.iter().map(|recursion| {
                    Ok(RecursionUnnestOption {
                        input_column: of(&recursion.input_column)?,
                        output_column: self.new_name(),
                        depth: recursion.depth,
                    })
                });
                let recursions = recursions.collect::<Result<Vec<_>>>()?;
                self.unnest(rows.plan, columns, recursions).map(Some)
            }
            LogicalPlan::Values(values) => {
                let left = Rows {
                    plan: self.left.clone(),
                    columns: Vec::new(),
                };
                let empty = DFSchema::empty();
                let mut lists = vec![Vec::new(); values.schema.fields().len()];
                for row in &values.values {
                    let Some(row) = self.moved(row, &empty, &left)? else {
                        return Ok(None);
                    };
                    for ((list, value), field) in
                        lists.iter_mut().zip(row).zip(values.schema.fields())
                    {
                        list.push(value.cast_to(field.data_type(), left.plan.schema())?);
                    }
                }
                let lists = lists.into_iter().map(make_array).collect();
                let rows = self.project(left.plan, lists)?;
                self.unnest(rows.plan, rows.columns, Vec::new()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Expressions of the right side over the columns of `rows`. `None` if one has a
    /// subquery, whose references would have to follow.
    fn moved(&self, exprs: &[Expr], schema: &DFSchema, rows: &Rows) -> Result<Option<Vec<Expr>>> {
        let has_subquery = |expr: &Expr| {
            expr.exists(|expr| {
                Ok(matches!(
                    expr,
                    Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
                ))
            })
        };
        for expr in exprs {
            if has_subquery(expr)? {
                return Ok(None);
            }
        }
        let of = |expr: Expr| {
            Ok(match expr {
                Expr::Column(column) => {
                    let at = schema.index_of_column(&column)?;
                    Transformed::yes(Expr::Column(rows.columns[at].clone()))
                }
                Expr::OuterReferenceColumn(_, column) if self.left.schema().has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                other => Transformed::no(other),
            })
        };
        let moved = exprs.iter().map(|expr| expr.clone().transform(of).data());
        moved.collect::<Result<Vec<_>>>().map(Some)
    }

    /// The left side's columns and the expressions, under new names.
    fn project(&self, plan: LogicalPlan, exprs: Vec<Expr>) -> Result<Rows> {
        let left = self.left.schema().columns().into_iter().map(Expr::Column);
        let columns: Vec<Column> = exprs.iter().map(|_| self.new_name()).collect();
        let right = exprs.into_iter().zip(&columns);
        let right = right.map(|(expr, column)| expr.unalias().alias(&column.name));
        let plan = LogicalPlanBuilder::from(plan).project(left.chain(right))?;
        let plan = plan.build()?;
        Ok(Rows { plan, columns })
    }

    fn unnest(
        &self,
        plan: LogicalPlan,
        lists: Vec<Column>,
        recursions: Vec<RecursionUnnestOption>,
    ) -> Result<Rows> {
        let options = UnnestOptions {
            null_handling: match self.keeps_all {
                true => NullHandling::PreserveAndExpandEmpty,
                false => NullHandling::Drop,
            },
            recursions,
        };
        let plan = LogicalPlanBuilder::from(plan).unnest_columns_with_options(lists, options)?;
        let plan = plan.build()?;
        let columns = plan.schema().columns();
        let columns = columns[self.left.schema().fields().len()..].to_vec();
        Ok(Rows { plan, columns })
    }

    fn new_name(&self) -> Column {
        let name = self.names.get();
        self.names.set(name + 1);
        Column::new_unqualified(format!("__lateral_{name}"))
    }
}
