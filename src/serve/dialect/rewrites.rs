//! Replacements for functions and expressions of the catalogue.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArguments, Ident, ObjectName, Query, SelectItem, SetExpr,
    Statement as Ast, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// Functions of Postgres' catalogue, and the expressions that replace them:
/// `{0}` is the first argument, `{1}` the second. They are not functions of the
/// session, because those cannot read tables. NULL replaces features that semql lacks.
pub const CATALOG_REWRITES: &[(&str, &str)] = &[
    (
        "obj_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = 0)",
    ),
    (
        "col_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = {1})",
    ),
    ("shobj_description", NO_TEXT),
    (
        "to_regclass",
        "(SELECT max(c.oid) FROM pg_catalog.pg_class c WHERE c.relname = {0})",
    ),
    (
        "to_regtype",
        "(SELECT max(t.oid) FROM pg_catalog.pg_type t WHERE t.typname = {0})",
    ),
    ("pg_size_pretty", NO_TEXT),
    ("pg_get_function_result", NO_TEXT),
    ("pg_get_function_arguments", NO_TEXT),
    ("pg_get_function_identity_arguments", NO_TEXT),
    ("pg_get_indexdef", NO_TEXT),
    ("pg_get_viewdef", NO_TEXT),
    ("pg_function_is_visible", "true"),
    ("pg_type_is_visible", "true"),
    ("pg_is_in_recovery", "false"),
    // Positions in lists of indexes and constraints, of which there are none.
    ("generate_subscripts", NO_NUMBER),
    (
        "_pg_expandarray",
        "named_struct('x', CAST(NULL AS INT), 'n', CAST(NULL AS INT))",
    ),
    // `ARRAY(SELECT ...)`: roles, members and options, of which there are none.
    ("array", NO_TEXT),
];

const NO_TEXT: &str = "CAST(NULL AS TEXT)";
const NO_NUMBER: &str = "CAST(NULL AS INT)";

/// List columns of the catalogue, which are text here.
const LIST_COLUMNS: &[&str] = &[
    "indkey",
    "indclass",
    "indoption",
    "indcollation",
    "conkey",
    "confkey",
];

/// Replaces functions and expressions that the engine lacks.
pub fn replace_functions(statement: &mut Ast) {
    struct ExpressionReplacer;

    impl VisitorMut for ExpressionReplacer {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let replacement = match expr {
                Expr::Function(function) => {
                    drop_order(function);
                    replacement_of(function)
                }
                Expr::CompoundFieldAccess { root, access_chain } => field_of(root, access_chain),
                Expr::CompoundIdentifier(parts) => missing_column(parts),
                Expr::Subquery(query) => at_most_one(query),
                _ => None,
            };
            if let Some(replacement) = replacement {
                *expr = replacement;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = statement.visit(&mut ExpressionReplacer);
}

fn replacement_of(function: &Function) -> Option<Expr> {
    let ObjectName(parts) = &function.name;
    let name = parts.last()?.as_ident()?.value.to_lowercase();
    let arguments: Vec<String> = match &function.args {
        FunctionArguments::List(list) => list.args.iter().map(ToString::to_string).collect(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => Vec::new(),
    };
    // psql joins the options of tables in an array.
    let joins_array = name == "array_to_string"
        && arguments
            .iter()
            .any(|text| text.to_lowercase().contains("array("));
    let unnests_list = name == "unnest"
        && arguments.iter().any(|text| {
            LIST_COLUMNS
                .iter()
                .any(|list| text.ends_with(&format!(".{list}")) || text == list)
        });
    let mut text = match (joins_array, unnests_list) {
        (true, _) => "''".to_string(),
        (_, true) => NO_NUMBER.to_string(),
        _ => CATALOG_REWRITES
            .iter()
            .find(|(known, _)| *known == name)?
            .1
            .to_string(),
    };
    for (at, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), argument);
    }
    expression(&text)
}

/// Drops ORDER BY from `array_agg(x ORDER BY y)`, which the engine cannot plan
/// beside other aggregates. In the catalogue it is over key columns, of which
/// there are none.
fn drop_order(function: &mut Function) {
    if function.name.to_string().eq_ignore_ascii_case("array_agg")
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.clear();
    }
}

/// Replacement of a column that the catalogue lacks.
fn missing_column(parts: &[Ident]) -> Option<Expr> {
    let last = parts.last()?;
    last.value
        .eq_ignore_ascii_case("reloptions")
        .then(|| expression(NO_TEXT))?
}

/// Replacement of `(row).field`, a call in the engine, and of `list[n]` of a
/// list column.
fn field_of(row: &Expr, path: &[AccessExpr]) -> Option<Expr> {
    let mut name = row.to_string();
    for step in path {
        match step {
            AccessExpr::Dot(field) => name = field.to_string(),
            // Aliases of such columns end with their names.
            AccessExpr::Subscript(_) => {
                let name = name.to_lowercase();
                let is_list = LIST_COLUMNS.iter().any(|list| name.ends_with(list));
                return is_list.then(|| expression(NO_NUMBER))?;
            }
        }
    }
    let [AccessExpr::Dot(Expr::Identifier(field))] = path else {
        return None;
    };
    expression(&format!("get_field({row}, '{}')", field.value))
}

/// Rewrites `(SELECT x FROM ... WHERE ...)` as `(SELECT max(x) ...)`, because the
/// engine accepts only correlated subqueries that give at most one value. In the
/// catalogue they look up one row by its identifier.
fn at_most_one(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let [SelectItem::UnnamedExpr(value)] = select.projection.as_slice() else {
        return None;
    };
    if matches!(value, Expr::Function(_))
        || select.selection.is_none()
        || query.limit_clause.is_some()
    {
        return None;
    }
    let mut query = query.clone();
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(expression(&format!(
            "max({value})"
        ))?)];
    }
    Some(Expr::Subquery(Box::new(query)))
}

fn expression(text: &str) -> Option<Expr> {
    let parser = Parser::new(&PostgreSqlDialect {});
    parser.try_with_sql(text).ok()?.parse_expr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_replaced_by_subqueries() {
        let sql = "SELECT pg_catalog.obj_description(c.oid, 'pg_class'), col_description(a.attrelid, a.attnum) FROM c, a";
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .unwrap()
            .remove(0);
        replace_functions(&mut statement);
        let written = statement.to_string();
        assert!(
            written.contains("d.objoid = c.oid AND d.objsubid = 0"),
            "{written}"
        );
        assert!(
            written.contains("d.objoid = a.attrelid AND d.objsubid = a.attnum"),
            "{written}"
        );
    }

    #[test]
    fn expressions_that_the_engine_lacks_are_replaced() {
        let of = |sql: &str| {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
                .unwrap()
                .remove(0);
            replace_functions(&mut statement);
            statement.to_string()
        };
        assert_eq!(
            of("SELECT (SELECT c.relkind = 'c' FROM c WHERE c.oid = t.typrelid) FROM t"),
            "SELECT (SELECT max(c.relkind = 'c') FROM c WHERE c.oid = t.typrelid) FROM t"
        );
        assert_eq!(
            of("SELECT (a.keys).n FROM a"),
            "SELECT get_field((a.keys), 'n') FROM a"
        );
        assert_eq!(
            of("SELECT unnest(i.indkey) FROM i"),
            "SELECT CAST(NULL AS INT) FROM i"
        );
        assert_eq!(of("SELECT unnest(x) FROM i"), "SELECT unnest(x) FROM i");
        assert_eq!(
            of("SELECT i.indoption[1], t.I_INDOPTION[n - 1] FROM i"),
            "SELECT CAST(NULL AS INT), CAST(NULL AS INT) FROM i"
        );
        assert_eq!(
            of("SELECT array_agg(a.x ORDER BY a.y) FROM a"),
            "SELECT array_agg(a.x) FROM a"
        );
    }
}
