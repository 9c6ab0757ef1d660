//! Names of columns: those that Postgres gives to the items of a select list, and names
//! that differ, which the engine requires.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, Ident, Query, SelectItem, SetExpr, TimezoneInfo, visit_expressions,
};

use super::expressions::{folded, function_name};

/// Name of a column without a better one.
const UNNAMED: &str = "?column?";

/// Name of a column of a result, as Postgres gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnName {
    Named(String),
    /// Any number of columns with the names of their tables' columns.
    Wildcard,
}

/// Names that Postgres gives to the columns of a query.
/// Name of an item of a select list.
pub fn column_names(query: &Query) -> Vec<ColumnName> {
    match first_items(&query.body) {
        Some(items) => items.iter().map(column_name).collect(),
        None => vec![ColumnName::Wildcard],
    }
}

/// Names for the columns of a result, given those of the engine. A wildcard has the names
/// of the engine.
pub fn client_names(names: &[ColumnName], columns: &[&str]) -> Vec<String> {
    let as_planned = || columns.iter().map(|name| (*name).to_string()).collect();
    let wildcards = names.iter().filter(|name| **name == ColumnName::Wildcard);
    let expanded = match wildcards.count() {
        0 if names.len() == columns.len() => 1,
        1 if columns.len() + 1 >= names.len() => columns.len() + 1 - names.len(),
        _ => return as_planned(),
    };
    let mut out = Vec::with_capacity(columns.len());
    for name in names {
        match name {
            ColumnName::Named(name) => out.push(name.clone()),
            ColumnName::Wildcard => {
                let start = out.len();
                out.extend(
                    columns[start..start + expanded]
                        .iter()
                        .map(ToString::to_string),
                );
            }
        }
    }
    out
}

/// The select list that names the columns.
fn first_items(body: &SetExpr) -> Option<&[SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&select.projection),
        SetExpr::Query(query) => first_items(&query.body),
        SetExpr::SetOperation { left, .. } => first_items(left),
        _ => None,
    }
}

pub fn column_name(item: &SelectItem) -> ColumnName {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            let name = figure(expr).map(|name| name.text);
            ColumnName::Named(name.unwrap_or_else(|| UNNAMED.to_string()))
        }
        SelectItem::ExprWithAlias { alias, .. } => ColumnName::Named(folded(alias)),
        SelectItem::ExprWithAliases { .. }
        | SelectItem::QualifiedWildcard(..)
        | SelectItem::Wildcard(_) => ColumnName::Wildcard,
    }
}

struct FiguredName {
    text: String,
    /// Whether an enclosing cast or CASE keeps the name.
    is_strong: bool,
}

fn strong(text: impl Into<String>) -> Option<FiguredName> {
    Some(FiguredName {
        text: text.into(),
        is_strong: true,
    })
}

fn weak(text: impl Into<String>) -> Option<FiguredName> {
    Some(FiguredName {
        text: text.into(),
        is_strong: false,
    })
}

/// Name of an expression without an alias.
fn figure(expr: &Expr) -> Option<FiguredName> {
    match expr {
        Expr::Identifier(name) => strong(folded(name)),
        Expr::CompoundIdentifier(parts) => strong(folded(parts.last()?)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figure(inner),
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            strong(function_name(function).or_else(|| name.map(folded))?)
        }
        Expr::Cast {
            expr, data_type, ..
        } => match figure(expr) {
            Some(name) if name.is_strong => Some(name),
            _ => weak(type_name(data_type)),
        },
        Expr::TypedString(typed) => weak(type_name(&typed.data_type)),
        Expr::Interval(_) => weak("interval"),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(figure) {
            Some(name) if name.is_strong => Some(name),
            _ => weak("case"),
        },
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|step| match step {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(folded(name)),
                _ => None,
            });
            field.map_or_else(|| figure(root), strong)
        }
        Expr::Subquery(query) => {
            let [item, ..] = first_items(&query.body)? else {
                return None;
            };
            match column_name(item) {
                ColumnName::Named(name) if name != UNNAMED => strong(name),
                _ => None,
            }
        }
        Expr::Exists { .. } => strong("exists"),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Position { .. } => strong("position"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Trim { .. } => strong("btrim"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        _ => None,
    }
}

/// Name of a type in Postgres' catalogue.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float(_) | DataType::Float8 | DataType::Double(_) | DataType::DoublePrecision => {
            "float8"
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Varchar(_) | DataType::CharVarying(_) | DataType::CharacterVarying(_) => {
            "varchar"
        }
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Text | DataType::String(_) => "text",
        DataType::Date => "date",
        DataType::Interval { .. } => "interval",
        DataType::Bytea => "bytea",
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => "timestamptz",
        DataType::Timestamp(..) => "timestamp",
        DataType::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => "timetz",
        DataType::Time(..) => "time",
        DataType::Custom(name, _) => {
            let name = name.0.last().and_then(|part| part.as_ident());
            return name.map_or_else(|| UNNAMED.to_string(), folded);
        }
        other => return other.to_string().to_lowercase(),
    };
    name.to_string()
}

/// Alias of a rewritten expression: a cast column keeps its name unless another item of
/// the list has it, and anything else is named as it was written.
pub fn name_of_rewritten(written: &Expr, list: &[SelectItem]) -> String {
    let has_name = |item: &&SelectItem, name: &str| match item {
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().is_some_and(|part| folded(part) == name)
        }
        SelectItem::UnnamedExpr(Expr::Identifier(part))
        | SelectItem::ExprWithAlias { alias: part, .. } => folded(part) == name,
        SelectItem::UnnamedExpr(expr) => {
            expr != written && column_of(expr).is_some_and(|part| folded(part) == name)
        }
        _ => false,
    };
    match column_of(written).map(folded) {
        Some(name) if !list.iter().any(|item| has_name(&item, &name)) => name,
        _ => written.to_string(),
    }
}

/// The column that an expression casts, if that is all it does.
fn column_of(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => column_of(inner),
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    }
}

/// Adds an alias to each item whose name an earlier one has: `a`, `a_1`, `a_2`.
pub fn unique_names(items: &mut [SelectItem]) {
    name_subqueries(items);
    // Columns with the same name differ if both have a table.
    let mut names = HashSet::new();
    let mut qualified = HashSet::new();
    for item in items {
        let Some(name) = shown_name(item) else {
            continue;
        };
        let whole = match &*item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                let parts: Vec<String> = parts.iter().map(folded).collect();
                Some(parts.join("."))
            }
            _ => None,
        };
        let is_new = match whole {
            Some(whole) => !names.contains(&name) && qualified.insert((name.clone(), whole)),
            None => {
                !qualified.iter().any(|(other, _)| *other == name) && names.insert(name.clone())
            }
        };
        if is_new {
            continue;
        }
        let number = (1..)
            .map(|number| format!("{name}_{number}"))
            .find(|other| {
                !names.contains(other) && !qualified.iter().any(|(name, _)| name == other)
            });
        let Some(other) = number else { continue };
        names.insert(other.clone());
        let alias = Ident::with_quote('"', other);
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = &*item {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias,
            };
        }
    }
}

/// Names items with subqueries, which the engine does not tell apart, where several have
/// no name: a subquery after its column, another expression after its text.
fn name_subqueries(items: &mut [SelectItem]) {
    let has_subquery = |item: &&mut SelectItem| match &**item {
        SelectItem::UnnamedExpr(expr) => contains_subquery(expr),
        _ => false,
    };
    let unnamed: Vec<&mut SelectItem> = items.iter_mut().filter(has_subquery).collect();
    if unnamed.len() < 2 {
        return;
    }
    for item in unnamed {
        if let SelectItem::UnnamedExpr(expr) = &*item {
            let name = subquery_column(expr).unwrap_or_else(|| expr.to_string());
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('"', name),
            };
        }
    }
}

fn contains_subquery(expr: &Expr) -> bool {
    let found = visit_expressions(expr, |expr| match expr {
        Expr::Subquery(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Name of the column of a subquery.
fn subquery_column(expr: &Expr) -> Option<String> {
    let Expr::Subquery(query) = expr else {
        return None;
    };
    shown_name(first_items(&query.body)?.first()?)
}

/// Name of an item as the shell shows it. `None` for a wildcard.
fn shown_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => Some(folded(parts.last()?)),
        SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn query(sql: &str) -> Query {
        let parser = Parser::new(&GenericDialect {}).try_with_sql(sql);
        *parser.unwrap().parse_query().unwrap()
    }

    #[test]
    fn columns_have_the_names_of_postgres() {
        for (sql, expected) in [
            ("SELECT 1, count(*), now()", "?column? count now"),
            ("SELECT a, T.B, \"C\", a + 1", "a b C ?column?"),
            ("SELECT a::int, 1::int, '1'::text", "a int4 text"),
            (
                "SELECT CASE WHEN a THEN 1 END, CASE WHEN a THEN 1 ELSE b END",
                "case b",
            ),
            (
                "SELECT EXISTS (SELECT 1), (SELECT max(a) FROM t)",
                "exists max",
            ),
            (
                "SELECT ARRAY[1], date '2024-01-01', interval '1 day'",
                "array date interval",
            ),
            ("SELECT a AS Total, f(a) AS \"Other\"", "total Other"),
            ("SELECT 1 AS x UNION SELECT 2 AS y", "x"),
            ("SELECT a, t.*, b", "a * b"),
            ("VALUES (1)", "*"),
        ] {
            let names: Vec<String> = column_names(&query(sql))
                .into_iter()
                .map(|name| match name {
                    ColumnName::Named(name) => name,
                    ColumnName::Wildcard => "*".to_string(),
                })
                .collect();
            assert_eq!(names.join(" "), expected, "{sql}");
        }
    }

    #[test]
    fn wildcards_have_the_names_of_the_engine() {
        let names = column_names(&query("SELECT 1, t.*, count(*)"));
        let planned = ["Int64(1)", "a", "b", "count(*)"];
        assert_eq!(
            client_names(&names, &planned),
            ["?column?", "a", "b", "count"]
        );
        let names = column_names(&query("SELECT t.*, u.*"));
        assert_eq!(client_names(&names, &["a", "b"]), ["a", "b"]);
    }

    #[test]
    fn equal_names_get_a_number() {
        for (sql, expected) in [
            ("SELECT 1, 1, 1", "1, 1 AS \"1_1\", 1 AS \"1_2\""),
            ("SELECT a, A", "a, A AS \"a_1\""),
            ("SELECT t.a, u.a", "t.a, u.a"),
            ("SELECT t.a, u.a, t.a", "t.a, u.a, t.a AS \"a_1\""),
            ("SELECT t.a, a", "t.a, a AS \"a_1\""),
            ("SELECT a, t.a", "a, t.a AS \"a_1\""),
            ("SELECT 1 AS a, 2 AS a", "1 AS a, 2 AS \"a_1\""),
            (
                "SELECT 1 AS a_1, 2 AS a, 3 AS a",
                "1 AS a_1, 2 AS a, 3 AS \"a_2\"",
            ),
        ] {
            let SetExpr::Select(mut select) = *query(sql).body else {
                panic!("{sql}")
            };
            unique_names(&mut select.projection);
            let items: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
            assert_eq!(items.join(", "), expected, "{sql}");
        }
    }
}
