//! `EXISTS` and `IN` with a subquery outside filters, which the engine cannot execute:
//! in select lists and in ORDER BY. They become scalar subqueries.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, LimitClause,
    Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::expressions::{arguments_mut, call, null, number};
use super::numbers::take;

/// Name of the derived table around a subquery.
const DERIVED: &str = "subquery_rows";

/// Name of its column.
const COLUMN: &str = "subquery_value";

/// Replaces the subquery predicates of an expression outside filters.
///
/// # Errors
/// Those of the parser, for the templates of this file.
pub fn scalar_predicates(expr: &mut Expr) -> Result<(), ParserError> {
    match expr.visit(&mut PredicateReplacer { depth: 0 }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct PredicateReplacer {
    /// Queries around the visited expression: their filters are the engine's.
    depth: usize,
}

impl VisitorMut for PredicateReplacer {
    type Break = ParserError;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<ParserError> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<ParserError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let replaced = match expr {
            Expr::Exists { subquery, negated } => exists(subquery, *negated).map(Some),
            Expr::InSubquery {
                expr: value,
                subquery,
                negated,
            } => contains(take(value), subquery, *negated).map(Some),
            _ => Ok(None),
        };
        match replaced {
            Ok(Some(replacement)) => *expr = replacement,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

/// `(SELECT count(*) > 0 FROM ...)`: a count is never NULL, so neither is the result.
fn exists(subquery: &Query, negated: bool) -> Result<Expr, ParserError> {
    let count = call_of_all("count");
    let compared = Expr::BinaryOp {
        left: Box::new(count),
        op: match negated {
            true => BinaryOperator::Eq,
            false => BinaryOperator::Gt,
        },
        right: Box::new(number(0)),
    };
    let mut query = subquery.clone();
    if let Some(select) = rows_of(&mut query) {
        select.projection = vec![SelectItem::UnnamedExpr(compared)];
        return Ok(Expr::Subquery(Box::new(query)));
    }
    aggregated(subquery.clone(), compared, &[])
}

/// The select of a query whose rows are those of its FROM and WHERE, without its order
/// and its limit.
fn rows_of(query: &mut Query) -> Option<&mut Select> {
    if query.with.is_some() || !is_positive_limit(query) {
        return None;
    }
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    let is_ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(keys, with) if keys.is_empty() && with.is_empty());
    let is_plain = is_ungrouped
        && select.having.is_none()
        && select.qualify.is_none()
        && select.top.is_none()
        && !select.from.is_empty()
        && !select.projection.iter().any(may_change_rows);
    if !is_plain {
        return None;
    }
    query.order_by = None;
    query.limit_clause = None;
    query.fetch = None;
    select.distinct = None;
    Some(select)
}

/// Whether there is no limit, or one of at least a row.
fn is_positive_limit(query: &Query) -> bool {
    if query.fetch.is_some() {
        return false;
    }
    match &query.limit_clause {
        None => true,
        Some(LimitClause::LimitOffset {
            limit: Some(Expr::Value(limit)),
            offset: None,
            limit_by,
        }) => {
            limit_by.is_empty()
                && matches!(&limit.value, Value::Number(rows, _) if rows.parse::<u64>().is_ok_and(|rows| rows > 0))
        }
        Some(_) => false,
    }
}

/// Whether an item of a select list may change the number of rows: an aggregate, or a
/// function that returns several rows.
fn may_change_rows(item: &SelectItem) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => !matches!(
            expr,
            Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_)
        ),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => false,
        SelectItem::ExprWithAliases { .. } => true,
    }
}

/// `CASE WHEN list IS NULL THEN false WHEN array_has(list, value) THEN true ...`, where
/// the list has the values of the subquery. It is NULL where `value IN (...)` is.
fn contains(value: Expr, subquery: &Query, negated: bool) -> Result<Expr, ParserError> {
    let column = Expr::Identifier(Ident::new(COLUMN));
    let list = aggregated(subquery.clone(), call("array_agg", vec![column]), &[COLUMN])?;
    let truth = |value: bool| Expr::Value(Value::Boolean(value).into());
    let has_null = Expr::IsNotNull(Box::new(call("array_position", vec![list.clone(), null()])));
    let unknown = Expr::BinaryOp {
        left: Box::new(Expr::IsNull(Box::new(value.clone()))),
        op: BinaryOperator::Or,
        right: Box::new(has_null),
    };
    let when = |condition: Expr, result: Expr| CaseWhen { condition, result };
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(Expr::IsNull(Box::new(list.clone())), truth(negated)),
            when(call("array_has", vec![list, value]), truth(!negated)),
            when(unknown, null()),
        ],
        else_result: Some(Box::new(truth(negated))),
    })
}

/// `(SELECT aggregate FROM (subquery) AS subquery_rows (columns))`.
fn aggregated(subquery: Query, aggregate: Expr, columns: &[&str]) -> Result<Expr, ParserError> {
    let mut query = Parser::new(&GenericDialect {})
        .try_with_sql("SELECT 1 FROM t")?
        .parse_query()?;
    let columns = columns.iter().map(|name| TableAliasColumnDef {
        name: Ident::new(*name),
        data_type: None,
    });
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(aggregate)];
        select.from = vec![TableWithJoins {
            relation: TableFactor::Derived {
                lateral: false,
                subquery: Box::new(subquery),
                alias: Some(TableAlias {
                    explicit: true,
                    name: Ident::new(DERIVED),
                    columns: columns.collect(),
                    at: None,
                }),
                sample: None,
            },
            joins: Vec::new(),
        }];
    }
    Ok(Expr::Subquery(query))
}

/// `name(*)`.
fn call_of_all(name: &str) -> Expr {
    let mut whole = call(name, Vec::new());
    if let Expr::Function(function) = &mut whole
        && let Some(arguments) = arguments_mut(function)
    {
        arguments.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    }
    whole
}
