//! The pass of rules over the syntax tree of a statement.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderByKind, Query, Select, SelectItem, Statement, TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::column_names::{name_of_rewritten, unique_names};
use super::inner_names::name_inner_columns;
use super::numbers::bind_sign;
use super::ordered_subqueries::ordered_subqueries;
use super::row_functions::{name_series, planned_rows, series_as_rows, step_as_interval};
use super::rules::EXPRESSION_RULES;
use super::session_values::user_without_tables;
use super::subqueries::scalar_predicates;

/// Applies the rules to a statement. Columns keep the names they have in Postgres.
#[derive(Default)]
pub struct StatementRewriter {
    /// The select lists around the visited expression, as they were written.
    written: Vec<Vec<SelectItem>>,
}

impl VisitorMut for StatementRewriter {
    type Break = ParserError;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<ParserError> {
        name_inner_columns(statement);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<ParserError> {
        self.written.push(select.projection.clone());
        name_series(select);
        if select.from.is_empty() {
            for item in &mut select.projection {
                if let Some(expr) = expr_of(item) {
                    user_without_tables(expr);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<ParserError> {
        let written = self.written.pop().unwrap_or_default();
        for item in &mut select.projection {
            series_as_rows(item);
            if let Some(expr) = expr_of(item) {
                flow(scalar_predicates(expr))?;
            }
        }
        for (item, before) in select.projection.iter_mut().zip(&written) {
            if item != before
                && let (SelectItem::UnnamedExpr(expr), SelectItem::UnnamedExpr(before)) =
                    (&*item, before)
            {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', name_of_rewritten(before, &written)),
                };
            }
        }
        unique_names(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<ParserError> {
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            for key in keys {
                flow(scalar_predicates(&mut key.expr))?;
            }
        }
        flow(ordered_subqueries(query))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<ParserError> {
        step_as_interval(factor);
        flow(planned_rows(factor))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        bind_sign(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        for rule in EXPRESSION_RULES {
            flow(rule(expr))?;
        }
        ControlFlow::Continue(())
    }
}

fn flow(result: Result<(), ParserError>) -> ControlFlow<ParserError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

fn expr_of(item: &mut SelectItem) -> Option<&mut Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}
