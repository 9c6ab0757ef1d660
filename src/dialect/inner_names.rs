//! Names of the columns of CTEs and derived tables. Postgres calls `count(*)` `count` there
//! too, and the engine calls it `count(*)`.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, Statement, TableFactor, Visit, VisitMut, Visitor,
    VisitorMut,
};

use super::column_names::{ColumnName, column_name};

/// Gives the columns of inner queries their names in Postgres, as far as the statement
/// uses these names.
pub fn name_inner_columns(statement: &mut Statement) {
    let mut used = UsedNames::default();
    let _ = Visit::visit(&*statement, &mut used);
    let _ = statement.visit(&mut InnerNamer(used.0));
}

/// Names of columns in a statement.
#[derive(Default)]
struct UsedNames(HashSet<String>);

impl Visitor for UsedNames {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Infallible> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        if let Some(name) = name.filter(|name| name.quote_style.is_none()) {
            self.0.insert(name.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }
}

struct InnerNamer(HashSet<String>);

impl VisitorMut for InnerNamer {
    type Break = Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let tables = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
        for table in tables.filter(|table| table.alias.columns.is_empty()) {
            self.name(&mut table.query.body);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Infallible> {
        if let TableFactor::Derived {
            subquery, alias, ..
        } = factor
            && alias.as_ref().is_none_or(|alias| alias.columns.is_empty())
        {
            self.name(&mut subquery.body);
        }
        ControlFlow::Continue(())
    }
}

impl InnerNamer {
    fn name(&self, body: &mut SetExpr) {
        let select = match body {
            SetExpr::Select(select) => select,
            SetExpr::Query(query) => return self.name(&mut query.body),
            SetExpr::SetOperation { left, .. } => return self.name(left),
            _ => return,
        };
        let names: Vec<ColumnName> = select.projection.iter().map(column_name).collect();
        for (item, name) in select.projection.iter_mut().zip(&names) {
            if let ColumnName::Named(text) = name
                && let SelectItem::UnnamedExpr(expr) = item
                && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                && self.0.contains(text)
                && names.iter().filter(|other| *other == name).count() == 1
            {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', text),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn named(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .unwrap()
            .remove(0);
        name_inner_columns(&mut statement);
        statement.to_string()
    }

    #[test]
    fn inner_columns_have_the_names_that_are_used() {
        assert_eq!(
            named("WITH w AS (SELECT count(*) FROM t) SELECT count FROM w"),
            "WITH w AS (SELECT count(*) AS \"count\" FROM t) SELECT count FROM w"
        );
        assert_eq!(
            named("SELECT q.max FROM (SELECT max(a), min(a) FROM t) AS q"),
            "SELECT q.max FROM (SELECT max(a) AS \"max\", min(a) FROM t) AS q"
        );
        for kept in [
            "SELECT * FROM (SELECT count(*) FROM t) AS q",
            "SELECT n FROM (SELECT count(*) FROM t) AS q (n)",
            "SELECT count(*), count FROM t",
        ] {
            assert_eq!(named(kept), kept);
        }
    }
}
