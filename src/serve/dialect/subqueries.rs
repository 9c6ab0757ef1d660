//! Subqueries of statements about the catalogue, which the engine executes only with
//! an aggregate and with equalities between their tables and the outer ones.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArgumentClause, FunctionArguments, OrderByKind, Query,
    Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Visit, VisitMut, Visitor,
    VisitorMut,
};

use super::emptiness::{has_aggregate, has_no_rows};
use super::expressions::{arguments, call, expression, folded, function_name, parts};
use crate::dialect::relations;

/// Replaces subqueries.
pub fn replace(statement: &mut Statement) {
    let _ = statement.visit(&mut SubqueryReplacer);
}

struct SubqueryReplacer;

impl VisitorMut for SubqueryReplacer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if has_no_rows(select) {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                {
                    let _ = expr.visit(&mut ValueDropper);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replacement = match expr {
            Expr::Subquery(query) => at_most_one(query),
            Expr::Function(function) if function_name(function).as_deref() == Some("array") => {
                match &function.args {
                    FunctionArguments::Subquery(query) => array_of(query),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
        }
        ControlFlow::Continue(())
    }
}

/// Replaces subqueries of a select list that is never evaluated.
struct ValueDropper;

impl VisitorMut for ValueDropper {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replacement = match expr {
            Expr::Function(function) if unnests_subquery(function) => {
                expression(&format!("unnest({NO_TEXTS})"))
            }
            Expr::Subquery(_) => expression("NULL"),
            Expr::Exists { .. } => expression("false"),
            Expr::Function(function) if function_name(function).as_deref() == Some("array") => {
                match &function.args {
                    FunctionArguments::Subquery(_) => expression(NO_TEXTS),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
        }
        ControlFlow::Continue(())
    }
}

/// Whether a function is `unnest((SELECT ...))`.
fn unnests_subquery(function: &Function) -> bool {
    let is_subquery = |argument: &&Expr| match argument {
        Expr::Nested(inner) => matches!(inner.as_ref(), Expr::Subquery(_)),
        other => matches!(other, Expr::Subquery(_)),
    };
    function_name(function).as_deref() == Some("unnest")
        && arguments(function).iter().any(is_subquery)
}

const NO_TEXTS: &str = "CAST(NULL AS TEXT[])";

/// Rewrites `(SELECT x FROM ... WHERE ...)` as `(SELECT max(x) ...)`, because the
/// engine accepts only correlated subqueries that give at most one value. In the
/// catalogue they look up one row by its identifier.
fn at_most_one(query: &Query) -> Option<Expr> {
    // Drivers walk from a domain to its base type, and there are no domains.
    if query.with.as_ref().is_some_and(|with| with.recursive) {
        return expression("CAST(NULL AS INT)");
    }
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_slice()
    else {
        return None;
    };
    if select.selection.is_none() || query.limit_clause.is_some() || has_aggregate(select) {
        return None;
    }
    // The engine has no plan for these. They look for exceptions that the catalogue
    // lacks, such as a collation that is not the default of its type.
    if has_no_rows(select) || compares_unequal_with_outer(select) {
        return expression("NULL");
    }
    let (outer, inner) = split_conditions(select);
    let mut query = query.clone();
    query.order_by = None;
    let value = call("max", value.clone());
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(value)];
        select.selection = inner;
    }
    let lookup = Expr::Subquery(Box::new(query));
    match outer {
        None => Some(lookup),
        Some(condition) => expression(&format!("CASE WHEN {condition} THEN {lookup} END")),
    }
}

/// The conditions of a select on outer tables alone, and the others.
fn split_conditions(select: &Select) -> (Option<Expr>, Option<Expr>) {
    let aliases: Vec<String> = select.from.iter().flat_map(aliases).collect();
    let conditions = select.selection.iter().flat_map(conjuncts);
    let (outer, inner): (Vec<&Expr>, Vec<&Expr>) =
        conditions.partition(|condition| references(condition, &aliases) == (false, true));
    let all = |conditions: Vec<&Expr>| {
        let conditions = conditions.into_iter().cloned();
        conditions.reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        })
    };
    (all(outer), all(inner))
}

/// Whether a condition of a select compares with an outer table by another operator
/// than equality.
fn compares_unequal_with_outer(select: &Select) -> bool {
    let aliases: Vec<String> = select.from.iter().flat_map(aliases).collect();
    let Some(selection) = &select.selection else {
        return false;
    };
    conjuncts(selection).into_iter().any(|condition| {
        let is_equality = matches!(
            condition,
            Expr::BinaryOp {
                op: BinaryOperator::Eq,
                ..
            }
        );
        !is_equality && references(condition, &aliases) == (true, true)
    })
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        Expr::Nested(inner) => conjuncts(inner),
        other => vec![other],
    }
}

/// Whether an expression references tables among the aliases, and whether others.
fn references(expr: &Expr, aliases: &[String]) -> (bool, bool) {
    struct ReferenceFinder<'a> {
        aliases: &'a [String],
        inner: bool,
        outer: bool,
    }

    impl Visitor for ReferenceFinder<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(names) = expr
                && let [.., table, _] = names.as_slice()
            {
                match self.aliases.contains(&folded(table)) {
                    true => self.inner = true,
                    false => self.outer = true,
                }
            }
            ControlFlow::Continue(())
        }
    }

    let mut finder = ReferenceFinder {
        aliases,
        inner: false,
        outer: false,
    };
    let _ = expr.visit(&mut finder);
    (finder.inner, finder.outer)
}

fn aliases(from: &TableWithJoins) -> Vec<String> {
    let factors = relations(std::slice::from_ref(from));
    let aliases = factors.filter_map(|factor| match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(folded(&alias.name)),
            None => parts(name).pop(),
        },
        TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => {
            alias.as_ref().map(|alias| folded(&alias.name))
        }
        _ => None,
    });
    aliases.collect()
}

/// Rewrites `ARRAY(SELECT x FROM ... ORDER BY y)` as
/// `(SELECT array_agg(x ORDER BY y) FROM ...)`.
fn array_of(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return wrapped_array(query);
    };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_slice()
    else {
        return wrapped_array(query);
    };
    if has_no_rows(select) {
        return expression(NO_TEXTS);
    }
    if select.distinct.is_some() || query.limit_clause.is_some() || has_aggregate(select) {
        return wrapped_array(query);
    }
    let mut aggregate = call("array_agg", value.clone());
    let mut query = query.clone();
    if let Some(order) = query.order_by.take()
        && let OrderByKind::Expressions(keys) = order.kind
        && let Expr::Function(function) = &mut aggregate
        && let FunctionArguments::List(list) = &mut function.args
    {
        // A number is the position of the only column.
        let keys = keys.into_iter().map(|mut key| {
            if matches!(key.expr, Expr::Value(_)) {
                key.expr = value.clone();
            }
            key
        });
        let keys = keys.collect();
        list.clauses.push(FunctionArgumentClause::OrderBy(keys));
    }
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(aggregate)];
    }
    Some(Expr::Subquery(Box::new(query)))
}

/// `(SELECT array_agg(array_element) FROM (query) AS array_rows (array_element))`.
fn wrapped_array(query: &Query) -> Option<Expr> {
    expression(&format!(
        "(SELECT array_agg(array_element) FROM ({query}) AS array_rows (array_element))"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn replaced(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .unwrap()
            .remove(0);
        replace(&mut statement);
        statement.to_string()
    }

    #[test]
    fn lookups_are_aggregates() {
        assert_eq!(
            replaced("SELECT (SELECT c.relkind = 'c' FROM c WHERE c.oid = t.typrelid) FROM t"),
            "SELECT (SELECT max(c.relkind = 'c') FROM c WHERE c.oid = t.typrelid) FROM t"
        );
        assert_eq!(
            replaced("SELECT (SELECT d.x FROM d WHERE d.id = a.id AND a.has) FROM a"),
            "SELECT CASE WHEN a.has THEN (SELECT max(d.x) FROM d WHERE d.id = a.id) END FROM a"
        );
        let counted = "SELECT (SELECT count(*) FROM c WHERE c.oid = t.typrelid) FROM t";
        assert_eq!(replaced(counted), counted);
    }

    #[test]
    fn arrays_of_subqueries_are_aggregates() {
        assert_eq!(
            replaced("SELECT ARRAY(SELECT c.a FROM c WHERE c.x = t.x ORDER BY 1) FROM t"),
            "SELECT (SELECT array_agg(c.a ORDER BY c.a) FROM c WHERE c.x = t.x) FROM t"
        );
    }

    #[test]
    fn empty_tables_give_no_values() {
        assert_eq!(
            replaced("SELECT a, (SELECT b FROM c LIMIT 1) FROM pg_policy JOIN d ON true"),
            "SELECT a, NULL FROM pg_policy JOIN d ON true"
        );
        let kept = "SELECT (SELECT b FROM c LIMIT 1) FROM d LEFT JOIN pg_policy ON true";
        assert_eq!(replaced(kept), kept);
        assert_eq!(
            replaced("SELECT (SELECT max(b) FROM c WHERE c.x < polrelid) FROM pg_policy"),
            "SELECT NULL FROM pg_policy"
        );
        assert_eq!(
            replaced("SELECT unnest((SELECT array_agg(b) FROM c)) FROM pg_policy"),
            "SELECT unnest(CAST(NULL AS TEXT[])) FROM pg_policy"
        );
        let counted = "SELECT count(*), (SELECT b FROM c LIMIT 1) FROM pg_policy";
        assert_eq!(replaced(counted), counted);
    }
}
