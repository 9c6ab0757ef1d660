//! Casts to types of objects: `'shop'::regclass` is the identifier of the table, and
//! `c.oid::regclass` its name where it is shown.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Query, SelectItem, SetExpr, Statement,
    VisitMut, VisitorMut,
};

use super::expressions::{arguments, call, folded, function_name, parts};
use crate::serve::catalog::FUNCTION_COLUMNS;

/// Types of objects, the functions that give their identifiers, and those that give
/// their names.
const OBJECT_TYPES: &[(&str, &str, &str)] = &[
    ("regclass", "regclass_oid", "regclass_text"),
    ("regnamespace", "regnamespace_oid", "regnamespace_text"),
    ("regproc", "regproc_oid", "regproc_text"),
    ("regprocedure", "regproc_oid", "regproc_text"),
    ("regrole", "regrole_oid", "regrole_text"),
    ("regtype", "regtype_oid", "regtype_text"),
];

/// Types that the catalogue has as texts.
const TEXT_TYPES: &[&str] = &[
    "name",
    "cstring",
    "char",
    "pg_node_tree",
    "aclitem",
    "character_data",
    "sql_identifier",
    "yes_or_no",
];

/// Types that the catalogue has as integers.
const INTEGER_TYPES: &[&str] = &["xid", "cid", "cardinal_number"];

/// Replaces casts to types of objects.
pub fn replace(statement: &mut Statement) {
    let _ = statement.visit(&mut CastReplacer);
    if let Statement::Query(query) = statement {
        show_names(query);
    }
}

struct CastReplacer;

impl VisitorMut for CastReplacer {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => {
                if let Some((_, oid, _)) = object_type(data_type) {
                    *expr = call(oid, inner.as_ref().clone());
                } else {
                    replace_type(data_type);
                    if is_text(data_type)
                        && let Some(name) = name_of(inner)
                    {
                        **inner = name;
                    }
                }
            }
            Expr::Function(function) if function_name(function).as_deref() == Some("text") => {
                let name = match arguments(function).as_slice() {
                    [argument] => name_of(argument),
                    _ => None,
                };
                if let Some(name) = name {
                    *expr = name;
                }
            }
            Expr::BinaryOp {
                left,
                op: BinaryOperator::StringConcat,
                right,
            } => {
                for side in [left, right] {
                    if let Some(name) = name_of(side) {
                        **side = name;
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn object_type(
    data_type: &DataType,
) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_string(),
        DataType::Custom(name, _) => parts(name).pop()?,
        _ => return None,
    };
    OBJECT_TYPES.iter().find(|(known, _, _)| *known == name)
}

/// Replaces a type that the engine lacks by the one that the catalogue uses.
fn replace_type(data_type: &mut DataType) {
    match data_type {
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::AngleBracket(element)
            | ArrayElemTypeDef::Parenthesis(element),
        ) => replace_type(element),
        DataType::Custom(name, _) => {
            let name = parts(name).pop().unwrap_or_default();
            if TEXT_TYPES.contains(&name.as_str()) {
                *data_type = DataType::Text;
            } else if INTEGER_TYPES.contains(&name.as_str()) {
                *data_type = DataType::Int(None);
            }
        }
        _ => {}
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) => true,
        DataType::Custom(name, _) => {
            let name = parts(name).pop();
            name.is_some_and(|name| ["text", "varchar"].contains(&name.as_str()))
        }
        _ => false,
    }
}

/// The name of the object whose identifier an expression gives.
fn name_of(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Nested(inner) => name_of(inner),
        Expr::Function(function) => {
            let name = function_name(function)?;
            let (_, _, text) = OBJECT_TYPES.iter().find(|(_, oid, _)| *oid == name)?;
            match arguments(function).as_slice() {
                [argument] => Some(call(text, (*argument).clone())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Shows names in the columns of the result, as Postgres writes values of these types.
fn show_names(query: &mut Query) {
    show_names_in(&mut query.body);
}

fn show_names_in(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => select.projection.iter_mut().for_each(show_name),
        SetExpr::Query(query) => show_names(query),
        SetExpr::SetOperation { left, right, .. } => {
            show_names_in(left);
            show_names_in(right);
        }
        _ => {}
    }
}

fn show_name(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
        && let Some(name) = shown(expr)
    {
        *expr = name;
    }
}

fn shown(expr: &Expr) -> Option<Expr> {
    match column_of(expr) {
        Some(column) if FUNCTION_COLUMNS.contains(&column.as_str()) => {
            Some(call("regproc_text", expr.clone()))
        }
        Some(_) => None,
        None => name_of(expr),
    }
}

fn column_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(names) => names.last().map(folded),
        _ => None,
    }
}
