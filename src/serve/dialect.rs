//! Two ways of reading SQL: semql's own, and Postgres' as clients write it when
//! they look at the catalogue.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArguments, Ident, ObjectName, Query, SelectItem, SetExpr,
    Statement as Ast, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::statement::query;

/// What Postgres' SQL has and semql's has not.
const POSTGRES: &[&str] = &[
    "pg_",
    "::reg",
    "operator(",
    "current_schema",
    "format_type",
    "_description(",
    "to_reg",
];

static POSTGRES_PARSER: LazyLock<PostgresCompatibilityParser> =
    LazyLock::new(PostgresCompatibilityParser::new);

/// The plan of one statement, whichever way it is written; `None` for COPY,
/// which has none before it runs.
///
/// # Errors
/// Those of the way that it looks like.
pub async fn plan(session: &Session, sql: &str) -> Result<Option<LogicalPlan>> {
    let lower = sql.to_lowercase();
    if POSTGRES.iter().any(|words| lower.contains(words)) {
        return match postgres(session, sql, true).await {
            Ok(plan) => Ok(Some(plan)),
            Err(error) => query::plan(session, sql).await.map_err(|_| error),
        };
    }
    match query::plan(session, sql).await {
        Ok(plan) => Ok(plan),
        Err(error) => match postgres(session, sql, false).await {
            Ok(plan) => Ok(Some(plan)),
            Err(_) => Err(error),
        },
    }
}

/// `catalogue` is whether the statement looks at Postgres' catalogue.
async fn postgres(session: &Session, sql: &str, catalogue: bool) -> Result<LogicalPlan> {
    let mut statements = POSTGRES_PARSER
        .parse(&qualified(sql))
        .map_err(|error| ShellError::query(error.to_string()))?;
    let (Some(mut statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(ShellError::query("there is not one statement"));
    };
    if catalogue {
        replace_functions(&mut statement);
    }
    let statement = Statement::Statement(Box::new(statement));
    Ok(session.ctx.state().statement_to_plan(statement).await?)
}

/// `'pg_class'::regclass` with its schema, which Postgres finds by itself and
/// the parser does not; and functions by their names, which they are in the
/// catalogue here.
fn qualified(sql: &str) -> String {
    let sql = sql
        .replace("'::regproc", "'")
        .replace("'::pg_catalog.regproc", "'");
    const NAME: &str = "'pg_";
    let mut parts = sql.split(NAME);
    let mut whole = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let cast = part.split_once('\'').is_some_and(|(_, behind)| {
            behind.starts_with("::regclass") || behind.starts_with("::pg_catalog.regclass")
        });
        whole.push_str(if cast { "'pg_catalog.pg_" } else { NAME });
        whole.push_str(part);
    }
    whole
}

/// Functions of Postgres' catalogue, and what stands in their place: `{0}` is
/// the first argument, `{1}` the second. A function of ours could not read
/// tables; what there is nothing of is NULL.
const IN_PLACE: &[(&str, &str)] = &[
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
    // What is in lists that indexes and constraints have; there are none.
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

/// Columns of the catalogue that are lists of columns, and text here.
const LISTS: &[&str] = &[
    "indkey",
    "indclass",
    "indoption",
    "indcollation",
    "conkey",
    "confkey",
];

/// Puts other expressions in the place of these functions.
fn replace_functions(statement: &mut Ast) {
    struct Replace;

    impl VisitorMut for Replace {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let other = match expr {
                Expr::Function(function) => {
                    forget_order(function);
                    in_place_of(function)
                }
                Expr::CompoundFieldAccess { root, access_chain } => field_of(root, access_chain),
                Expr::CompoundIdentifier(parts) => missing_column(parts),
                Expr::Subquery(query) => at_most_one(query),
                _ => None,
            };
            if let Some(other) = other {
                *expr = other;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = statement.visit(&mut Replace);
}

fn in_place_of(function: &Function) -> Option<Expr> {
    let ObjectName(parts) = &function.name;
    let name = parts.last()?.as_ident()?.value.to_lowercase();
    let arguments: Vec<String> = match &function.args {
        FunctionArguments::List(list) => list.args.iter().map(ToString::to_string).collect(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => Vec::new(),
    };
    // psql joins options of tables with an array that it selects.
    let joined = name == "array_to_string"
        && arguments
            .iter()
            .any(|text| text.to_lowercase().contains("array("));
    let listed = name == "unnest"
        && arguments.iter().any(|text| {
            LISTS
                .iter()
                .any(|list| text.ends_with(&format!(".{list}")) || text == list)
        });
    let mut text = match (joined, listed) {
        (true, _) => "''".to_string(),
        (_, true) => NO_NUMBER.to_string(),
        _ => IN_PLACE
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

/// `array_agg(x ORDER BY y)` of the columns of keys, of which there are none:
/// the engine has no plan for it beside other aggregates.
fn forget_order(function: &mut Function) {
    if function.name.to_string().eq_ignore_ascii_case("array_agg")
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.clear();
    }
}

/// A column that the catalogue lacks.
fn missing_column(parts: &[Ident]) -> Option<Expr> {
    let last = parts.last()?;
    last.value
        .eq_ignore_ascii_case("reloptions")
        .then(|| expression(NO_TEXT))?
}

/// `(row).field`, which the engine writes as a call, and `list[n]` of a list
/// that is text here.
fn field_of(row: &Expr, path: &[AccessExpr]) -> Option<Expr> {
    let mut name = row.to_string();
    for step in path {
        match step {
            AccessExpr::Dot(field) => name = field.to_string(),
            // Aliases of such columns end as they do.
            AccessExpr::Subscript(_) => {
                let name = name.to_lowercase();
                let listed = LISTS.iter().any(|list| name.ends_with(list));
                return listed.then(|| expression(NO_NUMBER))?;
            }
        }
    }
    let [AccessExpr::Dot(Expr::Identifier(field))] = path else {
        return None;
    };
    expression(&format!("get_field({row}, '{}')", field.value))
}

/// `(SELECT x FROM ... WHERE ...)` as `(SELECT max(x) ...)`: the engine wants to
/// see that a query which hangs on the row outside gives one value at most. In
/// the catalogue they look up one thing by its identifier.
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
    fn tables_of_the_catalogue_get_their_schema() {
        let sql =
            "SELECT 'pg_class'::regclass, 'pg_x', 'pg_type'::pg_catalog.regclass, 't'::regclass";
        let with = "SELECT 'pg_catalog.pg_class'::regclass, 'pg_x', 'pg_catalog.pg_type'::pg_catalog.regclass, 't'::regclass";
        assert_eq!(qualified(sql), with);
    }

    #[test]
    fn descriptions_are_looked_up_by_queries() {
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
    fn what_the_engine_does_not_know_is_written_otherwise() {
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
