//! ORDER BY of subqueries, which the engine executes in select lists only: the keys become
//! columns of a derived table, and the query orders by these columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

/// Name of the derived table.
const DERIVED: &str = "ordered_rows";

/// Prefix of the names of its keys.
const KEY: &str = "order_key_";

/// Moves the keys of a query with a subquery in ORDER BY into a derived table.
///
/// # Errors
/// Those of the parser, for the template of this file.
pub fn ordered_subqueries(query: &mut Query) -> Result<(), ParserError> {
    let Some(order) = &mut query.order_by else {
        return Ok(());
    };
    let OrderByKind::Expressions(keys) = &mut order.kind else {
        return Ok(());
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Ok(());
    };
    // With DISTINCT, Postgres orders by columns of the select list only.
    if select.distinct.is_some() || !keys.iter().any(|key| has_subquery(&key.expr)) {
        return Ok(());
    }
    let mut inner = select.as_ref().clone();
    let mut names = Vec::new();
    for key in keys {
        if is_column_of_result(&key.expr, select) {
            continue;
        }
        let name = Ident::new(format!("{KEY}{}", names.len() + 1));
        let expr = std::mem::replace(&mut key.expr, Expr::Identifier(name.clone()));
        inner.projection.push(SelectItem::ExprWithAlias {
            expr,
            alias: name.clone(),
        });
        names.push(name.value);
    }
    let template = format!("SELECT * EXCLUDE ({}) FROM t", names.join(", "));
    let mut outer = Parser::new(&GenericDialect {})
        .try_with_sql(&template)?
        .parse_query()?;
    let SetExpr::Select(derived) = outer.body.as_mut() else {
        return Ok(());
    };
    let rows = Parser::new(&GenericDialect {})
        .try_with_sql("SELECT 1")?
        .parse_query()?;
    derived.from = vec![derived_table(Query {
        body: Box::new(SetExpr::Select(Box::new(inner))),
        ..*rows
    })];
    query.body = outer.body;
    Ok(())
}

fn derived_table(query: Query) -> TableWithJoins {
    TableWithJoins {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query),
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::new(DERIVED),
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        },
        joins: Vec::new(),
    }
}

/// Whether a key is a position or the name of a column of the result.
fn is_column_of_result(key: &Expr, select: &Select) -> bool {
    let is_name = |name: &Ident, other: &Ident| match (name.quote_style, other.quote_style) {
        (Some(_), Some(_)) => name.value == other.value,
        _ => name.value.eq_ignore_ascii_case(&other.value),
    };
    match key {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Identifier(name) => select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(Expr::Identifier(other))
            | SelectItem::ExprWithAlias { alias: other, .. } => is_name(name, other),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                parts.last().is_some_and(|other| is_name(name, other))
            }
            _ => false,
        }),
        _ => false,
    }
}

fn has_subquery(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expr.visit(&mut Finder).is_break()
}
