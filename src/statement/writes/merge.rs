//! MERGE.

use std::ops::ControlFlow;

use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, Ident, Join, JoinConstraint, JoinOperator, Merge, MergeAction,
    MergeClause, MergeClauseKind, MergeInsertKind, Query, TableFactor, TableWithJoins, VisitMut,
    VisitorMut, With,
};

use super::modify::planned;
use super::node::{MergeStep, WriteKind, WriteNode};
use super::select::{SelectParts, is_default, row_id};
use super::target::WriteTarget;
use super::values::{PlannedValues, assigned, column_position, default_value, present_value};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tables::ROW_ID;

/// A WHEN clause.
struct Branch {
    step: MergeStep,
    /// Columns with values; all others keep theirs, or take the default.
    values: Vec<(usize, SqlExpr)>,
    condition: SqlExpr,
}

/// The write of a MERGE into a table in memory; `None` for other tables.
///
/// # Errors
/// Planning; clauses that are not supported.
pub async fn plan(
    session: &Session,
    merge: Merge,
    with: Option<With>,
) -> Result<Option<WriteNode>> {
    let Some(target) = WriteTarget::of_factor(session, &merge.table).await? else {
        return Ok(None);
    };
    let TableFactor::Table { name, .. } = &merge.table else {
        return Ok(None);
    };
    if merge.output.is_some() {
        return Err(not_supported("MERGE with RETURNING or OUTPUT"));
    }
    let branches = merge
        .clauses
        .into_iter()
        .map(|clause| branch(&target, source_name(&merge.source).as_ref(), clause));
    let branches = branches.collect::<Result<Vec<_>>>()?;
    let mut items = vec![row_id(&target.alias)];
    for branch in &branches {
        items.push(branch.condition.clone());
        let values = branch.values.iter().map(|(_, value)| value);
        items.extend(values.filter(|value| !is_default(value)).cloned());
    }
    let on = JoinConstraint::On(*merge.on);
    let parts = SelectParts {
        with,
        items,
        from: vec![TableWithJoins {
            relation: merge.source,
            joins: vec![Join {
                relation: target.rows_factor(name),
                global: false,
                join_operator: JoinOperator::LeftOuter(on),
            }],
        }],
        condition: None,
    };
    let mut planned = planned(session, parts).await?;
    let columns = columns(&target, &branches, &mut planned)?;
    let input = LogicalPlanBuilder::from(planned.input)
        .project(columns)?
        .build()?;
    let node = WriteNode::new(WriteKind::Merge, target, input, None, Vec::new())?;
    Ok(Some(node))
}

/// The id of the row, the step of the first clause whose condition holds, and the
/// values of that clause.
fn columns(
    target: &WriteTarget,
    branches: &[Branch],
    planned: &mut PlannedValues,
) -> Result<Vec<Expr>> {
    let schema = &target.table.definition().schema;
    let id = planned.next().alias(ROW_ID);
    let mut steps = Vec::new();
    let mut values: Vec<Vec<(Box<Expr>, Box<Expr>)>> = vec![Vec::new(); schema.fields().len()];
    for branch in branches {
        let condition = planned.next();
        steps.push((
            Box::new(condition.clone()),
            Box::new(lit(branch.step as i64)),
        ));
        let mut given = vec![None; schema.fields().len()];
        for (column, value) in &branch.values {
            given[*column] = Some(match is_default(value) {
                true => default_value(target, *column)?,
                false => planned.next_value(target, *column)?,
            });
        }
        if branch.step == MergeStep::Delete {
            continue;
        }
        for (column, value) in given.into_iter().enumerate() {
            let value = match (value, branch.step) {
                (Some(value), _) => value,
                (None, MergeStep::Insert) => default_value(target, column)?,
                (None, _) => present_value(target, column),
            };
            values[column].push((Box::new(condition.clone()), Box::new(value)));
        }
    }
    let nothing = Some(Box::new(lit(MergeStep::Nothing as i64)));
    let mut columns = vec![
        id,
        Expr::Case(Case::new(None, steps, nothing)).alias("step"),
    ];
    for (column, values) in values.into_iter().enumerate() {
        let value = match values.is_empty() {
            true => present_value(target, column),
            false => Expr::Case(Case::new(None, values, None)),
        };
        columns.push(value.alias(schema.field(column).name()));
    }
    Ok(columns)
}

/// The name of the source in expressions.
fn source_name(source: &TableFactor) -> Option<Ident> {
    match source {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => Some(alias.name.clone()),
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

/// Qualifies the columns of an expression of WHEN NOT MATCHED, which sees the source
/// alone. Columns of subqueries may be those of their own tables.
fn qualify(expr: &mut SqlExpr, source: Option<&Ident>) {
    struct Qualifier<'a> {
        source: &'a Ident,
        depth: usize,
    }

    impl VisitorMut for Qualifier<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<()> {
            if self.depth == 0
                && !is_default(expr)
                && let SqlExpr::Identifier(column) = expr
            {
                *expr = SqlExpr::CompoundIdentifier(vec![self.source.clone(), column.clone()]);
            }
            ControlFlow::Continue(())
        }
    }

    if let Some(source) = source {
        let _ = expr.visit(&mut Qualifier { source, depth: 0 });
    }
}

fn branch(target: &WriteTarget, source: Option<&Ident>, mut clause: MergeClause) -> Result<Branch> {
    let is_matched = match clause.clause_kind {
        MergeClauseKind::Matched => true,
        MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => false,
        MergeClauseKind::NotMatchedBySource => {
            return Err(not_supported("WHEN NOT MATCHED BY SOURCE"));
        }
    };
    if !is_matched && let Some(predicate) = &mut clause.predicate {
        qualify(predicate, source);
    }
    let id = Box::new(row_id(&target.alias));
    let matched = match is_matched {
        true => SqlExpr::IsNotNull(id),
        false => SqlExpr::IsNull(id),
    };
    let condition = match clause.predicate {
        Some(predicate) => SqlExpr::BinaryOp {
            left: Box::new(matched),
            op: BinaryOperator::And,
            right: Box::new(SqlExpr::Nested(Box::new(predicate))),
        },
        None => matched,
    };
    let (step, values) = match clause.action {
        MergeAction::Delete { .. } if is_matched => (MergeStep::Delete, Vec::new()),
        MergeAction::Update(update) if is_matched => {
            if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                return Err(not_supported("WHERE in a clause of MERGE"));
            }
            (MergeStep::Update, assigned(target, update.assignments)?)
        }
        MergeAction::Insert(insert) if !is_matched => {
            if insert.insert_predicate.is_some() {
                return Err(not_supported("WHERE in a clause of MERGE"));
            }
            let MergeInsertKind::Values(mut values) = insert.kind else {
                return Err(not_supported("INSERT ROW in MERGE"));
            };
            let (Some(mut row), true) = (values.rows.pop(), values.rows.is_empty()) else {
                return Err(not_supported("INSERT of several rows in MERGE"));
            };
            for value in &mut row.content {
                qualify(value, source);
            }
            let columns = match insert.columns.is_empty() {
                true => (0..row.len()).collect(),
                false => insert
                    .columns
                    .iter()
                    .map(|name| column_position(target, name))
                    .collect::<Result<Vec<_>>>()?,
            };
            let width = target.table.definition().columns.len();
            if columns.len() != row.len() || columns.len() > width {
                return Err(ShellError::of_kind(
                    ErrorKind::Syntax,
                    format!(
                        "INSERT of MERGE has {} columns and {} values",
                        columns.len(),
                        row.len()
                    ),
                ));
            }
            (
                MergeStep::Insert,
                columns.into_iter().zip(row.content).collect(),
            )
        }
        _ => {
            return Err(ShellError::of_kind(
                ErrorKind::Syntax,
                "MERGE updates or deletes WHEN MATCHED, and inserts WHEN NOT MATCHED",
            ));
        }
    };
    Ok(Branch {
        step,
        values,
        condition,
    })
}

fn not_supported(what: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::NotSupported, format!("{what} is not supported"))
}
