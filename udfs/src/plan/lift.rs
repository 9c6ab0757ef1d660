//! The optimizer rule that lifts model calls out of expressions and computes them as
//! late as their consumers allow.
//!
//! The rule goes up from the leaves. It defers an expression with a call, and passes the
//! columns of the expression on through sorts, limits, joins and projections, until a
//! node needs its value (a filter, a sort key, a group) or the root is reached. There an
//! [`Infer`] node computes the calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, JoinType, Limit, LogicalPlan, Projection, Sort,
    SubqueryAlias, Window,
};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::calls::{LiftedCall, depends_on_its_row_alone, has_call, innermost, replace};
use super::guard::guarded;
use super::node::{Infer, NamedCall};
use super::text_columns::name_text_columns;

/// The rule; see the module.
#[derive(Debug, Default)]
pub struct LiftModelCalls;

impl OptimizerRule for LiftModelCalls {
    fn name(&self) -> &str {
        "lift_model_calls"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if !has_unlifted_call(&plan)? {
            return Ok(Transformed::no(plan));
        }
        // Before a rule renames columns.
        let plan = name_text_columns(plan)?;
        // OptimizeProjections drops needed columns above DISTINCT ON.
        let plan = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Distinct(Distinct::On(_)) => {
                ReplaceDistinctWithAggregate::new().rewrite(plan, config)
            }
            plan => Ok(Transformed::no(plan)),
        })?;
        let plan = plan.data;
        // Unused calls must not be computed.
        let plan = OptimizeProjections::new().rewrite(plan, config)?.data;
        let names = |of: &str| config.alias_generator().next(&format!("__{of}"));
        let lifter = Lifter { names: &names };
        Ok(Transformed::yes(lifter.lift_and_restore(plan)?))
    }
}

/// Whether an expression outside of an [`Infer`] contains a call.
fn has_unlifted_call(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        if Infer::of(plan).is_none() {
            plan.apply_expressions(|expr| {
                found |= has_call(expr);
                Ok(TreeNodeRecursion::Jump)
            })?;
        }
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(found)
}

/// Whether an expression of this node has a correlated subquery. Its columns must stay
/// until the subquery has become a join.
fn has_correlated_subquery(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            found |= match expr {
                Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(InSubquery { subquery, .. })
                | Expr::SetComparison(SetComparison { subquery, .. })
                | Expr::ScalarSubquery(subquery) => !subquery.outer_ref_columns.is_empty(),
                _ => false,
            };
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// A plan without the deferred columns, and the expressions that compute them.
struct Lifted {
    plan: LogicalPlan,
    /// The schema before. `plan` has all of its columns under the same names, except
    /// those in `deferred`, and may have others.
    original: DFSchemaRef,
    /// By position in `original`: the column as an expression over `plan`.
    deferred: BTreeMap<usize, Expr>,
    /// Calls whose results are columns of `plan`.
    computed: Vec<(Expr, Column)>,
}

impl Lifted {
    fn unchanged(plan: LogicalPlan) -> Self {
        Self {
            original: Arc::clone(plan.schema()),
            plan,
            deferred: BTreeMap::new(),
            computed: Vec::new(),
        }
    }

    /// Rewrites `expr` over the original schema to one over `plan`.
    fn translate(&self, expr: Expr) -> Result<Expr> {
        let expr = replace(expr, |part| match part {
            Expr::Column(column) => {
                let at = self.original.maybe_index_of_column(column)?;
                self.deferred.get(&at).cloned()
            }
            _ => None,
        })?;
        self.replace_computed(expr)
    }

    /// Replaces calls that are computed already by their columns.
    fn replace_computed(&self, expr: Expr) -> Result<Expr> {
        replace(expr, |part| {
            let known = self.computed.iter().find(|(call, _)| call == part)?;
            Some(Expr::Column(known.1.clone()))
        })
    }
}

struct Lifter<'a> {
    /// Creates a unique column name from another name.
    names: &'a dyn Fn(&str) -> String,
}

impl Lifter<'_> {
    /// Lifts all calls of the plan, and keeps its schema.
    fn lift_and_restore(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let lifted = self.lift(plan)?;
        self.restore(lifted)
    }

    fn lift_and_restore_arc(&self, plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        self.lift_and_restore(Arc::unwrap_or_clone(plan))
            .map(Arc::new)
    }

    fn lift(&self, plan: LogicalPlan) -> Result<Lifted> {
        let plan = self.subqueries(plan)?;
        if has_correlated_subquery(&plan)? {
            return self.opaque(plan);
        }
        match plan {
            LogicalPlan::Projection(node) => self.projection(node),
            LogicalPlan::Filter(node) => self.filter(node),
            LogicalPlan::Sort(node) => self.sort(node),
            LogicalPlan::Limit(node) => self.limit(node),
            LogicalPlan::SubqueryAlias(node) => self.alias(node),
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::Aggregate(node) => self.aggregate(node),
            LogicalPlan::Window(node) => self.window(node),
            other => self.opaque(other),
        }
    }

    /// Lifts within uncorrelated subqueries. A correlated one becomes a join first, and its
    /// calls are then lifted out of the join.
    fn subqueries(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(plan
            .map_subqueries(|subquery| {
                let LogicalPlan::Subquery(mut subquery) = subquery else {
                    return Ok(Transformed::no(subquery));
                };
                if subquery.outer_ref_columns.is_empty() {
                    subquery.subquery = self.lift_and_restore_arc(subquery.subquery)?;
                }
                Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
            })?
            .data)
    }

    /// Lifts the inputs of a node, and leaves its own expressions.
    fn opaque(&self, plan: LogicalPlan) -> Result<Lifted> {
        let plan = plan
            .map_children(|child| self.lift_and_restore(child).map(Transformed::yes))?
            .data;
        let mut lifted = Lifted::unchanged(plan);
        if let Some(infer) = Infer::of(&lifted.plan) {
            let known = infer.calls.iter().map(|NamedCall { name, call }| {
                (call.clone(), Column::new_unqualified(name.clone()))
            });
            lifted.computed = known.collect();
        }
        Ok(lifted)
    }

    /// Adds nodes that compute the calls in `exprs`. Returns `exprs` over their columns.
    fn compute(&self, lifted: &mut Lifted, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        let mut exprs = exprs
            .into_iter()
            .map(|expr| lifted.replace_computed(expr))
            .collect::<Result<Vec<_>>>()?;
        exprs = guarded(exprs)?;
        // A call on the result of another call needs another node.
        loop {
            let calls = innermost(&exprs)?;
            if calls.is_empty() {
                break;
            }
            let named: Vec<NamedCall> = calls
                .into_iter()
                .map(|call| NamedCall {
                    name: (self.names)(
                        LiftedCall::of(&call).map_or("infer", |lifted| lifted.name()),
                    ),
                    call,
                })
                .collect();
            for NamedCall { name, call } in &named {
                let column = Column::new_unqualified(name.clone());
                lifted.computed.push((call.clone(), column));
            }
            let input = std::mem::take(&mut lifted.plan);
            lifted.plan = Infer::new(input, named)?.into_plan();
            exprs = exprs
                .into_iter()
                .map(|expr| lifted.replace_computed(expr))
                .collect::<Result<_>>()?;
        }
        let deferred = std::mem::take(&mut lifted.deferred);
        for (at, expr) in deferred {
            let expr = lifted.replace_computed(expr)?;
            lifted.deferred.insert(at, expr);
        }
        Ok(exprs)
    }

    /// Computes the deferred columns, and drops columns that are not in the original schema.
    fn restore(&self, mut lifted: Lifted) -> Result<LogicalPlan> {
        let original = Arc::clone(&lifted.original);
        let same = lifted.plan.schema().fields().len() == original.fields().len();
        if lifted.deferred.is_empty() && same {
            return Ok(lifted.plan);
        }
        let exprs = original
            .columns()
            .into_iter()
            .map(|column| lifted.translate(Expr::Column(column)))
            .collect::<Result<Vec<_>>>()?;
        let exprs = self.compute(&mut lifted, exprs)?;
        let exprs = exprs
            .into_iter()
            .zip(original.columns())
            .map(|(expr, column)| named(expr, &column))
            .collect();
        let projection = Projection::try_new(exprs, Arc::new(lifted.plan))?;
        Ok(LogicalPlan::Projection(projection))
    }

    /// Defers expressions with calls, and keeps the columns that they need.
    fn projection(&self, node: Projection) -> Result<Lifted> {
        let mut input = self.lift(Arc::unwrap_or_clone(node.input))?;
        let columns = node.schema.columns();
        let exprs = node
            .expr
            .into_iter()
            .map(|expr| input.translate(expr))
            .collect::<Result<Vec<_>>>()?;
        let (mut kept, mut deferred, mut needed_here) = (Vec::new(), Vec::new(), Vec::new());
        for (at, expr) in exprs.into_iter().enumerate() {
            match has_call(&expr) {
                false => kept.push((at, expr)),
                true if depends_on_its_row_alone(&expr) && !has_metadata(&expr) => {
                    deferred.push((at, expr.unalias()))
                }
                true => needed_here.push((at, expr)),
            }
        }
        let (positions, exprs): (Vec<usize>, Vec<Expr>) = needed_here.into_iter().unzip();
        kept.extend(positions.into_iter().zip(self.compute(&mut input, exprs)?));
        kept.sort_by_key(|(at, _)| *at);
        // Columns of the input, each with the column here that has its values.
        let mut passed: Vec<(Column, Column)> = kept
            .iter()
            .filter_map(|(at, expr)| match expr.clone().unalias() {
                Expr::Column(from) => Some((from, columns[*at].clone())),
                _ => None,
            })
            .collect();
        let mut exprs: Vec<Expr> = kept
            .into_iter()
            .map(|(at, expr)| named(expr, &columns[at]))
            .collect();
        let mut deferred_here = BTreeMap::new();
        for (at, expr) in deferred {
            let expr = input.replace_computed(expr)?;
            let mut needed: Vec<Column> = expr.column_refs().into_iter().cloned().collect();
            needed.sort();
            for column in needed {
                if !passed.iter().any(|(from, _)| *from == column) {
                    let to = Column::new_unqualified((self.names)(&column.name));
                    exprs.push(Expr::Column(column.clone()).alias(to.name.clone()));
                    passed.push((column, to));
                }
            }
            deferred_here.insert(at, renamed(expr, &passed)?);
        }
        let plan = Projection::try_new(exprs, Arc::new(input.plan))?;
        Ok(Lifted {
            plan: LogicalPlan::Projection(plan),
            original: node.schema,
            deferred: deferred_here,
            computed: Vec::new(),
        })
    }

    /// Conditions without a call come first. Each condition with a call gets the rows that
    /// pass those before it.
    fn filter(&self, node: Filter) -> Result<Lifted> {
        let mut lifted = self.lift(Arc::unwrap_or_clone(node.input))?;
        let predicate = lifted.translate(node.predicate)?;
        self.conditions(&mut lifted, split_conjunction_owned(predicate))?;
        Ok(lifted)
    }

    fn conditions(&self, lifted: &mut Lifted, conditions: Vec<Expr>) -> Result<()> {
        let (with_calls, plain): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(has_call);
        if let Some(predicate) = conjunction(plain) {
            filtered(lifted, predicate)?;
        }
        for condition in with_calls {
            for predicate in self.compute(lifted, vec![condition])? {
                filtered(lifted, predicate)?;
            }
        }
        Ok(())
    }

    fn sort(&self, node: Sort) -> Result<Lifted> {
        let mut lifted = self.lift(Arc::unwrap_or_clone(node.input))?;
        let keys = node
            .expr
            .iter()
            .map(|key| lifted.translate(key.expr.clone()))
            .collect::<Result<Vec<_>>>()?;
        let keys = self.compute(&mut lifted, keys)?;
        let sorted = node.expr.into_iter().zip(keys);
        lifted.plan = LogicalPlan::Sort(Sort {
            expr: sorted.map(|(key, expr)| key.with_expr(expr)).collect(),
            input: Arc::new(lifted.plan),
            fetch: node.fetch,
        });
        Ok(lifted)
    }

    fn limit(&self, node: Limit) -> Result<Lifted> {
        let mut lifted = self.lift(Arc::unwrap_or_clone(node.input))?;
        lifted.plan = LogicalPlan::Limit(Limit {
            input: Arc::new(lifted.plan),
            ..node
        });
        Ok(lifted)
    }

    fn alias(&self, node: SubqueryAlias) -> Result<Lifted> {
        let input = self.lift(Arc::unwrap_or_clone(node.input))?;
        let before = input.plan.schema().columns();
        let plan = SubqueryAlias::try_new(Arc::new(input.plan), node.alias)?;
        // An alias changes names, and keeps the positions of columns.
        let names: Vec<(Column, Column)> = before.into_iter().zip(plan.schema.columns()).collect();
        let deferred = input.deferred.into_iter();
        let computed = input.computed.into_iter();
        Ok(Lifted {
            deferred: deferred
                .map(|(at, expr)| Ok((at, renamed(expr, &names)?)))
                .collect::<Result<_>>()?,
            computed: computed
                .map(|(call, column)| {
                    let column = names.iter().find(|(from, _)| *from == column);
                    let column = column.map(|(_, to)| to.clone());
                    Ok((renamed(call, &names)?, column))
                })
                .filter_map(|entry: Result<_>| match entry {
                    Ok((call, column)) => column.map(|column| Ok((call, column))),
                    Err(error) => Some(Err(error)),
                })
                .collect::<Result<_>>()?,
            plan: LogicalPlan::SubqueryAlias(plan),
            original: node.schema,
        })
    }

    /// Computes keys on their side. Defers other expressions of a side past the join, if
    /// the join does not pad the rows of that side.
    fn join(&self, node: Join) -> Result<Lifted> {
        let (mut left, mut right) = (
            self.lift(Arc::unwrap_or_clone(node.left))?,
            self.lift(Arc::unwrap_or_clone(node.right))?,
        );
        let (keeps_left, keeps_right) = keeps_rows(node.join_type);
        if !keeps_left {
            left = Lifted::unchanged(self.restore(left)?);
        }
        if !keeps_right {
            right = Lifted::unchanged(self.restore(right)?);
        }
        let mut on = Vec::with_capacity(node.on.len());
        for (l, r) in node.on {
            let l = left.translate(l)?;
            let r = right.translate(r)?;
            let l = self.compute(&mut left, vec![l])?;
            let r = self.compute(&mut right, vec![r])?;
            on.extend(l.into_iter().zip(r));
        }
        let filter = match node.filter {
            Some(filter) => Some(right.translate(left.translate(filter)?)?),
            None => None,
        };
        let conditions = filter.map(split_conjunction_owned).unwrap_or_default();
        let (mut with_calls, mut plain): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(has_call);
        if node.join_type != JoinType::Inner {
            // Such a condition is not a filter, so it cannot follow the join. Its calls on one
            // side are computed there.
            for condition in with_calls.drain(..) {
                let condition = self.one_sided(&mut left, condition)?;
                plain.push(self.one_sided(&mut right, condition)?);
            }
        }
        let offset = left.original.fields().len();
        let plan = Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            on,
            conjunction(plain),
            node.join_type,
            node.join_constraint,
            node.null_equality,
            node.null_aware,
        )?;
        let shift = match node.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => 0,
            _ => offset,
        };
        let mut deferred = left.deferred;
        deferred.extend(right.deferred.into_iter().map(|(at, e)| (at + shift, e)));
        let mut lifted = Lifted {
            plan: LogicalPlan::Join(plan),
            original: node.schema,
            deferred,
            computed: Vec::new(),
        };
        self.conditions(&mut lifted, with_calls)?;
        Ok(lifted)
    }

    /// Computes the calls in `expr` that use columns of one side only.
    fn one_sided(&self, side: &mut Lifted, expr: Expr) -> Result<Expr> {
        let schema = Arc::clone(side.plan.schema());
        let own = |call: &Expr| {
            call.column_refs()
                .into_iter()
                .all(|column| schema.has_column(column))
        };
        let calls: Vec<Expr> = innermost(std::slice::from_ref(&expr))?
            .into_iter()
            .filter(own)
            .collect();
        self.compute(side, calls)?;
        side.replace_computed(expr)
    }

    fn aggregate(&self, node: Aggregate) -> Result<Lifted> {
        let mut input = self.lift(Arc::unwrap_or_clone(node.input))?;
        let groups = node.group_expr.len();
        let exprs = node
            .group_expr
            .into_iter()
            .chain(node.aggr_expr)
            .map(|expr| input.translate(expr))
            .collect::<Result<Vec<_>>>()?;
        let mut groups_and_aggregates = self.compute(&mut input, exprs)?;
        let aggregates = groups_and_aggregates.split_off(groups);
        let input = Arc::new(input.plan);
        let plan = Aggregate::try_new(input, groups_and_aggregates, aggregates)?;
        rename_outputs(LogicalPlan::Aggregate(plan), node.schema)
    }

    fn window(&self, node: Window) -> Result<Lifted> {
        let mut input = self.lift(Arc::unwrap_or_clone(node.input))?;
        let exprs = node
            .window_expr
            .into_iter()
            .map(|expr| input.translate(expr))
            .collect::<Result<Vec<_>>>()?;
        let exprs = self.compute(&mut input, exprs)?;
        let outputs = node.schema.columns();
        let inputs = outputs.len() - exprs.len();
        let exprs = exprs
            .into_iter()
            .zip(&outputs[inputs..])
            .map(|(expr, column)| named(expr, column))
            .collect();
        let plan = Window::try_new(exprs, Arc::new(input.plan))?;
        Ok(Lifted {
            plan: LogicalPlan::Window(plan),
            original: node.schema,
            ..input
        })
    }
}

/// Whether a join returns only rows of its left and its right side, without padding by
/// NULL. An expression over such a side has the same value above the join.
fn keeps_rows(join: JoinType) -> (bool, bool) {
    match join {
        JoinType::Inner => (true, true),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            (true, false)
        }
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
            (false, true)
        }
        JoinType::Full => (false, false),
    }
}

/// Whether `expr` is an alias with metadata, which cannot be moved.
fn has_metadata(expr: &Expr) -> bool {
    matches!(expr, Expr::Alias(alias) if alias.metadata.is_some())
}

fn filtered(lifted: &mut Lifted, predicate: Expr) -> Result<()> {
    let input = std::mem::take(&mut lifted.plan);
    lifted.plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
    Ok(())
}

/// Aliases the expression to the name of `column`.
fn named(expr: Expr, column: &Column) -> Expr {
    let (relation, name) = expr.qualified_name();
    if relation == column.relation && name == column.name {
        return expr;
    }
    expr.unalias()
        .alias_qualified(column.relation.clone(), column.name.clone())
}

fn renamed(expr: Expr, names: &[(Column, Column)]) -> Result<Expr> {
    replace(expr, |part| match part {
        Expr::Column(column) => {
            let (_, to) = names.iter().find(|(from, _)| from == column)?;
            Some(Expr::Column(to.clone()))
        }
        _ => None,
    })
}

/// Restores the names that the outputs of a node had before its calls were lifted.
fn rename_outputs(plan: LogicalPlan, original: DFSchemaRef) -> Result<Lifted> {
    let columns = plan.schema().columns();
    let names = original.columns();
    if columns == names {
        return Ok(Lifted::unchanged(plan));
    }
    let exprs = columns
        .into_iter()
        .zip(&names)
        .map(|(column, name)| named(Expr::Column(column), name))
        .collect();
    let projection = Projection::try_new(exprs, Arc::new(plan))?;
    Ok(Lifted {
        original,
        ..Lifted::unchanged(LogicalPlan::Projection(projection))
    })
}
