//! Selects that give no rows, because they read a table of the catalogue that is
//! always empty.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Join, JoinOperator, Query, Select, SelectItem, TableFactor,
    TableWithJoins, Visit, Visitor,
};

use super::expressions::{folded, function_name, parts};
use crate::serve::catalog::{LIST_COLUMNS, is_always_empty};

/// Aggregates that queries on the catalogue use: a subquery with one gives one row.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "json_agg",
    "max",
    "min",
    "string_agg",
    "sum",
];

/// Whether a select gives no rows, because it joins a table of the catalogue that is
/// always empty.
pub fn has_no_rows(select: &Select) -> bool {
    select.from.iter().any(is_empty_join) && !has_aggregate(select)
}

fn is_empty_join(from: &TableWithJoins) -> bool {
    let keeps_right = |join: &Join| {
        matches!(
            join.join_operator,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
        )
    };
    if from.joins.iter().any(keeps_right) {
        return false;
    }
    let requires_right = |join: &Join| {
        matches!(
            join.join_operator,
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
        )
    };
    is_empty_table(&from.relation)
        || from
            .joins
            .iter()
            .any(|join| requires_right(join) && is_empty_table(&join.relation))
}

/// Lists of objects that exist. They are NULL.
const NULL_LISTS: &[&str] = &["attacl", "attoptions", "nspacl", "reloptions", "relacl"];

/// Prefix of the columns of `pg_proc`, whose lists have elements.
const PROCEDURE_PREFIX: &str = "pro";

/// Whether an argument of `unnest` is a list of the catalogue that never has elements.
pub fn is_empty_list(argument: &Expr) -> bool {
    let name = match argument {
        Expr::Identifier(name) => folded(name),
        Expr::CompoundIdentifier(names) => names.last().map_or_else(String::new, folded),
        Expr::Nested(inner) => return is_empty_list(inner),
        _ => return false,
    };
    let mut lists = LIST_COLUMNS.iter();
    NULL_LISTS.contains(&name.as_str())
        || (lists.any(|(list, _)| *list == name) && !name.starts_with(PROCEDURE_PREFIX))
}

/// Arguments of `unnest` in FROM.
pub fn unnested(factor: &TableFactor) -> Option<Vec<&Expr>> {
    match factor {
        TableFactor::Table {
            name,
            args: Some(arguments),
            ..
        } if parts(name).last().is_some_and(|name| name == "unnest") => plain(&arguments.args),
        TableFactor::Function { name, args, .. }
            if parts(name).last().is_some_and(|name| name == "unnest") =>
        {
            plain(args)
        }
        TableFactor::UNNEST { array_exprs, .. } => Some(array_exprs.iter().collect()),
        _ => None,
    }
}

/// Arguments without names, if all are.
fn plain(arguments: &[FunctionArg]) -> Option<Vec<&Expr>> {
    let arguments = arguments.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    arguments.collect()
}

fn is_empty_table(factor: &TableFactor) -> bool {
    if let Some(lists) = unnested(factor) {
        return lists.into_iter().any(is_empty_list);
    }
    match factor {
        TableFactor::Table {
            name, args: None, ..
        } => {
            let parts = parts(name);
            match parts.as_slice() {
                [table] => is_always_empty(table),
                [.., schema, table] => schema == "pg_catalog" && is_always_empty(table),
                [] => false,
            }
        }
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_empty_join(table_with_joins),
        _ => false,
    }
}

/// Whether a select list has an aggregate.
pub fn has_aggregate(select: &Select) -> bool {
    /// The number of queries around the visited expression: those inside the select
    /// list have their own aggregates.
    struct AggregateFinder(usize);

    impl Visitor for AggregateFinder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if self.0 == 0
                        && function_name(function)
                            .is_some_and(|name| AGGREGATES.contains(&name.as_str())) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    let mut items = select.projection.iter();
    items.any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            expr.visit(&mut AggregateFinder(0)).is_break()
        }
        _ => false,
    })
}
