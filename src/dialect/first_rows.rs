//! Correlated subqueries with `LIMIT 1`, which the engine cannot execute. The row that
//! they ask for is the first value of an aggregate.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArgumentClause, FunctionArguments, GroupByExpr, LimitClause, OrderByExpr,
    OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, folded, function_name, relations};
use super::numbers::take;

/// Aggregates, which cannot be arguments of another one.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "min",
    "string_agg",
    "sum",
];

/// Rewrites `(SELECT x FROM t WHERE t.key = outer.key ORDER BY y LIMIT 1)` as
/// `(SELECT first_value(x ORDER BY y) FROM t WHERE t.key = outer.key)`.
///
/// # Errors
/// None.
pub fn first_rows(expr: &mut Expr) -> Result<(), ParserError> {
    if let Expr::Subquery(query) = expr
        && is_one_row(query)
        && let Some(keys) = order_keys(query)
        && let SetExpr::Select(select) = query.body.as_mut()
        && is_plain(select)
        && is_correlated(select)
        && let [item] = select.projection.as_mut_slice()
        && let SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } = item
        && !has_aggregate(value)
    {
        let written = value.clone();
        *value = first_value(take(value), keys_over(keys, &written));
        query.order_by = None;
        query.limit_clause = None;
    }
    Ok(())
}

fn first_value(value: Expr, keys: Vec<OrderByExpr>) -> Expr {
    let mut first = call("first_value", vec![value]);
    if let Expr::Function(function) = &mut first
        && let FunctionArguments::List(list) = &mut function.args
        && !keys.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(keys));
    }
    first
}

/// Whether the limit of a query is one row.
fn is_one_row(query: &Query) -> bool {
    let is_one = |limit: &Expr| match limit {
        Expr::Value(value) => matches!(&value.value, Value::Number(rows, _) if rows == "1"),
        _ => false,
    };
    query.with.is_none()
        && query.fetch.is_none()
        && match &query.limit_clause {
            Some(LimitClause::LimitOffset {
                limit: Some(limit),
                offset: None,
                limit_by,
            }) => limit_by.is_empty() && is_one(limit),
            _ => false,
        }
}

/// Keys of ORDER BY; `None` for `ALL`.
fn order_keys(query: &Query) -> Option<Vec<OrderByExpr>> {
    let Some(order) = &query.order_by else {
        return Some(Vec::new());
    };
    match &order.kind {
        OrderByKind::Expressions(keys) => Some(keys.clone()),
        OrderByKind::All(_) => None,
    }
}

/// The keys over the tables of the query: a number is the position of its only value.
fn keys_over(mut keys: Vec<OrderByExpr>, value: &Expr) -> Vec<OrderByExpr> {
    for key in &mut keys {
        if matches!(key.expr, Expr::Value(_)) {
            key.expr = value.clone();
        }
    }
    keys
}

fn is_plain(select: &Select) -> bool {
    matches!(&select.group_by, GroupByExpr::Expressions(keys, with) if keys.is_empty() && with.is_empty())
        && select.having.is_none()
        && select.qualify.is_none()
        && select.top.is_none()
        && select.distinct.is_none()
}

/// Whether the filter references a table outside of the select.
fn is_correlated(select: &Select) -> bool {
    struct OuterFinder<'a>(&'a [String]);

    impl Visitor for OuterFinder<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::CompoundIdentifier(names)
                    if names.len() > 1 && !self.0.contains(&folded(&names[names.len() - 2])) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    let tables: Vec<String> = relations(&select.from).filter_map(name_of).collect();
    let selection = select.selection.as_ref();
    selection.is_some_and(|filter| filter.visit(&mut OuterFinder(&tables)).is_break())
}

/// Name that columns of a table are qualified with.
fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(folded(&alias.name)),
            None => name.0.last()?.as_ident().map(folded),
        },
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|alias| folded(&alias.name)),
        _ => None,
    }
}

/// Whether an expression has an aggregate or a window function.
fn has_aggregate(value: &Expr) -> bool {
    struct AggregateFinder;

    impl Visitor for AggregateFinder {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if function.over.is_some()
                        || function_name(function)
                            .is_some_and(|name| AGGREGATES.contains(&name.as_str())) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    value.visit(&mut AggregateFinder).is_break()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn rewritten(sql: &str) -> String {
        let mut parser = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(sql)
            .unwrap();
        let mut expr = parser.parse_expr().unwrap();
        first_rows(&mut expr).unwrap();
        expr.to_string()
    }

    #[test]
    fn correlated_rows_become_first_values() {
        assert_eq!(
            rewritten("(SELECT u.a FROM t AS u WHERE u.k = o.k ORDER BY u.b DESC LIMIT 1)"),
            "(SELECT first_value(u.a ORDER BY u.b DESC) FROM t AS u WHERE u.k = o.k)"
        );
        assert_eq!(
            rewritten("(SELECT u.a FROM t AS u WHERE u.k = o.k ORDER BY 1 DESC LIMIT 1)"),
            "(SELECT first_value(u.a ORDER BY u.a DESC) FROM t AS u WHERE u.k = o.k)"
        );
        for kept in [
            "(SELECT u.a FROM t AS u WHERE u.k = u.l ORDER BY u.b LIMIT 1)",
            "(SELECT u.a FROM t AS u WHERE u.k = o.k ORDER BY u.b LIMIT 2)",
            "(SELECT max(u.a) FROM t AS u WHERE u.k = o.k LIMIT 1)",
            "(SELECT u.a FROM t AS u WHERE u.k = o.k GROUP BY u.a LIMIT 1)",
        ] {
            assert_eq!(rewritten(kept), kept);
        }
    }
}
