//! The optimizer rule that takes model calls out of expressions and computes
//! them as late as their consumers allow.
//!
//! Going up from the leaves, an expression with a call is not computed where
//! it is written but carried along, as the columns that it needs, past sorts,
//! limits, joins and projections, until some node needs its value (a filter, a
//! sort key, a group) or the root is reached. There an [`Infer`] node computes
//! the calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, JoinType, Limit, LogicalPlan, Projection,
    ScalarUDFImpl, Sort, SubqueryAlias, Window,
};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::calls::{depends_on_its_row_alone, has_call, innermost, model_call, replace};
use super::guard::guarded;
use super::node::{Infer, NamedCall};

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
        if !calls_are_left(&plan)? {
            return Ok(Transformed::no(plan));
        }
        // Which columns are needed is found out wrongly above a DISTINCT ON.
        let plan = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Distinct(Distinct::On(_)) => {
                ReplaceDistinctWithAggregate::new().rewrite(plan, config)
            }
            plan => Ok(Transformed::no(plan)),
        })?;
        let plan = plan.data;
        // What nobody asks for must not be computed.
        let plan = OptimizeProjections::new().rewrite(plan, config)?.data;
        let names = |of: &str| config.alias_generator().next(&format!("__{of}"));
        let lifter = Lifter { names: &names };
        Ok(Transformed::yes(lifter.whole(plan)?))
    }
}

/// Whether some expression outside of an [`Infer`] has a call.
fn calls_are_left(plan: &LogicalPlan) -> Result<bool> {
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

/// Whether a subquery in the expressions of this node looks at its rows. Then
/// the columns must be there until the subquery has become a join.
fn looks_out_of_a_subquery(plan: &LogicalPlan) -> Result<bool> {
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

/// A plan whose output lacks some columns, and how they come about.
struct Lifted {
    plan: LogicalPlan,
    /// What the plan gave before. All its columns are still there, under the
    /// same names, but for those in `deferred`; there may be others besides.
    original: DFSchemaRef,
    /// By position in `original`: the column as an expression over `plan`.
    deferred: BTreeMap<usize, Expr>,
    /// Calls whose answers are columns of `plan`.
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

    /// `expr`, written over what the plan gave before, over what it gives now.
    fn translate(&self, expr: Expr) -> Result<Expr> {
        let expr = replace(expr, |part| match part {
            Expr::Column(column) => {
                let at = self.original.maybe_index_of_column(column)?;
                self.deferred.get(&at).cloned()
            }
            _ => None,
        })?;
        self.recall(expr)
    }

    /// Puts columns in place of calls that are computed already.
    fn recall(&self, expr: Expr) -> Result<Expr> {
        replace(expr, |part| {
            let known = self.computed.iter().find(|(call, _)| call == part)?;
            Some(Expr::Column(known.1.clone()))
        })
    }
}

struct Lifter<'a> {
    /// Gives a name that no column has, made from another.
    names: &'a dyn Fn(&str) -> String,
}

impl Lifter<'_> {
    /// The plan with all its calls lifted and its output as it was.
    fn whole(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let lifted = self.lift(plan)?;
        self.restore(lifted)
    }

    fn whole_arc(&self, plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        self.whole(Arc::unwrap_or_clone(plan)).map(Arc::new)
    }

    fn lift(&self, plan: LogicalPlan) -> Result<Lifted> {
        let plan = self.subqueries(plan)?;
        if looks_out_of_a_subquery(&plan)? {
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

    /// Lifts within subqueries that stand alone. One that looks at the outer
    /// row becomes a join first, and its calls are lifted out of that.
    fn subqueries(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(plan
            .map_subqueries(|subquery| {
                let LogicalPlan::Subquery(mut subquery) = subquery else {
                    return Ok(Transformed::no(subquery));
                };
                if subquery.outer_ref_columns.is_empty() {
                    subquery.subquery = self.whole_arc(subquery.subquery)?;
                }
                Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
            })?
            .data)
    }

    /// A node that this rule does not look into.
    fn opaque(&self, plan: LogicalPlan) -> Result<Lifted> {
        let plan = plan
            .map_children(|child| self.whole(child).map(Transformed::yes))?
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

    /// Adds nodes below which every call in `exprs` is a column.
    fn compute(&self, lifted: &mut Lifted, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        let mut exprs = exprs
            .into_iter()
            .map(|expr| lifted.recall(expr))
            .collect::<Result<Vec<_>>>()?;
        exprs = guarded(exprs)?;
        // A call over the answer of another has to wait for it.
        loop {
            let calls = innermost(&exprs)?;
            if calls.is_empty() {
                break;
            }
            let named: Vec<NamedCall> = calls
                .into_iter()
                .map(|call| NamedCall {
                    name: (self.names)(model_call(&call).map_or("infer", |(_, udf)| udf.name())),
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
                .map(|expr| lifted.recall(expr))
                .collect::<Result<_>>()?;
        }
        let deferred = std::mem::take(&mut lifted.deferred);
        for (at, expr) in deferred {
            let expr = lifted.recall(expr)?;
            lifted.deferred.insert(at, expr);
        }
        Ok(exprs)
    }

    /// Computes what is deferred and drops what was not there before.
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

    /// Expressions with calls are deferred; the columns that they need come
    /// along.
    fn projection(&self, node: Projection) -> Result<Lifted> {
        let mut input = self.lift(Arc::unwrap_or_clone(node.input))?;
        let columns = node.schema.columns();
        let exprs = node
            .expr
            .into_iter()
            .map(|expr| input.translate(expr))
            .collect::<Result<Vec<_>>>()?;
        let (mut kept, mut deferred, mut here) = (Vec::new(), Vec::new(), Vec::new());
        for (at, expr) in exprs.into_iter().enumerate() {
            match has_call(&expr) {
                false => kept.push((at, expr)),
                true if depends_on_its_row_alone(&expr) && !has_metadata(&expr) => {
                    deferred.push((at, expr.unalias()))
                }
                true => here.push((at, expr)),
            }
        }
        let (places, exprs): (Vec<usize>, Vec<Expr>) = here.into_iter().unzip();
        kept.extend(places.into_iter().zip(self.compute(&mut input, exprs)?));
        kept.sort_by_key(|(at, _)| *at);
        // By column of the input, the column here that has its values.
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
        let mut carried = BTreeMap::new();
        for (at, expr) in deferred {
            let expr = input.recall(expr)?;
            let mut needed: Vec<Column> = expr.column_refs().into_iter().cloned().collect();
            needed.sort();
            for column in needed {
                if !passed.iter().any(|(from, _)| *from == column) {
                    let to = Column::new_unqualified((self.names)(&column.name));
                    exprs.push(Expr::Column(column.clone()).alias(to.name.clone()));
                    passed.push((column, to));
                }
            }
            carried.insert(at, renamed(expr, &passed)?);
        }
        let plan = Projection::try_new(exprs, Arc::new(input.plan))?;
        Ok(Lifted {
            plan: LogicalPlan::Projection(plan),
            original: node.schema,
            deferred: carried,
            computed: Vec::new(),
        })
    }

    /// What needs no model decides first; each condition that needs one sees
    /// what those before it let through.
    fn filter(&self, node: Filter) -> Result<Lifted> {
        let mut lifted = self.lift(Arc::unwrap_or_clone(node.input))?;
        let predicate = lifted.translate(node.predicate)?;
        self.conditions(&mut lifted, split_conjunction_owned(predicate))?;
        Ok(lifted)
    }

    fn conditions(&self, lifted: &mut Lifted, conditions: Vec<Expr>) -> Result<()> {
        let (asking, plain): (Vec<Expr>, Vec<Expr>) = conditions.into_iter().partition(has_call);
        if let Some(predicate) = conjunction(plain) {
            filtered(lifted, predicate)?;
        }
        for condition in asking {
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
        // An alias changes names and leaves every column in its place.
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

    /// Keys are computed on their side. Whatever else a side defers goes past
    /// the join, where it keeps that side's rows as they are.
    fn join(&self, node: Join) -> Result<Lifted> {
        let (mut left, mut right) = (
            self.lift(Arc::unwrap_or_clone(node.left))?,
            self.lift(Arc::unwrap_or_clone(node.right))?,
        );
        let (keeps_left, keeps_right) = passes(node.join_type);
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
        let (mut asking, mut plain): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(has_call);
        if node.join_type != JoinType::Inner {
            // Such a condition does not sort rows out, so it cannot wait until
            // after the join; what it asks of one side alone is computed there.
            for condition in asking.drain(..) {
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
        self.conditions(&mut lifted, asking)?;
        Ok(lifted)
    }

    /// Computes the calls in `expr` that look at the columns of one side.
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
        side.recall(expr)
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

/// Which sides of a join give rows that are their own, at most more than once
/// or not at all, so that an expression over one of them means the same above.
fn passes(join: JoinType) -> (bool, bool) {
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

/// Whether an alias adds metadata, which it can only do where it stands.
fn has_metadata(expr: &Expr) -> bool {
    matches!(expr, Expr::Alias(alias) if alias.metadata.is_some())
}

fn filtered(lifted: &mut Lifted, predicate: Expr) -> Result<()> {
    let input = std::mem::take(&mut lifted.plan);
    lifted.plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
    Ok(())
}

/// The expression under the name of `column`.
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

/// Gives the outputs of a node the names they had before its calls became
/// columns.
fn rename_outputs(plan: LogicalPlan, original: DFSchemaRef) -> Result<Lifted> {
    let columns = plan.schema().columns();
    let wanted = original.columns();
    if columns == wanted {
        return Ok(Lifted::unchanged(plan));
    }
    let exprs = columns
        .into_iter()
        .zip(&wanted)
        .map(|(column, wanted)| named(Expr::Column(column), wanted))
        .collect();
    let projection = Projection::try_new(exprs, Arc::new(plan))?;
    Ok(Lifted {
        original,
        ..Lifted::unchanged(LogicalPlan::Projection(projection))
    })
}
