//! Expressions of RETURNING.

use datafusion::common::{Column, DFSchema};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, ExprWithAlias, SelectItem};

use super::target::WriteTarget;
use crate::error::{ErrorKind, Result, ShellError};
use crate::statement::syntax::folded;

/// The expressions of RETURNING over the table's columns, with their names.
///
/// # Errors
/// Columns of other tables; subqueries.
pub fn expressions(
    state: &SessionState,
    target: &WriteTarget,
    items: Option<Vec<SelectItem>>,
) -> Result<Vec<Expr>> {
    let schema = target.schema()?;
    let mut all = Vec::new();
    for item in items.unwrap_or_default() {
        match item {
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                let columns = schema.iter().map(|(qualifier, field)| {
                    let column = Column::new(qualifier.cloned(), field.name());
                    Expr::Column(column).alias(field.name())
                });
                all.extend(columns);
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = name_of(&expr);
                all.push(expression(state, &schema, expr)?.alias(name));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                all.push(expression(state, &schema, expr)?.alias(folded(alias)));
            }
            SelectItem::ExprWithAliases { .. } => {
                return Err(ShellError::of_kind(
                    ErrorKind::NotSupported,
                    "RETURNING with several names for one value is not supported",
                ));
            }
        }
    }
    Ok(all)
}

/// An expression over columns of a table.
///
/// # Errors
/// Those of the engine.
pub fn expression(state: &SessionState, schema: &DFSchema, expr: SqlExpr) -> Result<Expr> {
    let expr = ExprWithAlias { expr, alias: None };
    Ok(state.create_logical_expr_from_sql_expr(expr, schema)?)
}

/// Name of an unnamed value, as in Postgres.
fn name_of(expr: &SqlExpr) -> String {
    match expr {
        SqlExpr::Identifier(name) => folded(name.clone()),
        SqlExpr::CompoundIdentifier(parts) => {
            let last = parts.last().cloned();
            last.map_or_else(|| "?column?".to_string(), folded)
        }
        SqlExpr::Cast { expr, .. } | SqlExpr::Nested(expr) => name_of(expr),
        SqlExpr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            name.cloned().map_or_else(|| "?column?".to_string(), folded)
        }
        _ => "?column?".to_string(),
    }
}
