//! Two ways of reading SQL: semql's own, and Postgres' as clients write it when
//! they look at the catalogue.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, ObjectName, Statement as Ast, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::statement::query;

/// What Postgres' SQL has and semql's has not.
const POSTGRES: &[&str] = &["pg_", "::reg", "operator(", "current_schema", "format_type", "_description("];

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
        return match postgres(session, sql).await {
            Ok(plan) => Ok(Some(plan)),
            Err(error) => query::plan(session, sql).await.map_err(|_| error),
        };
    }
    match query::plan(session, sql).await {
        Ok(plan) => Ok(plan),
        Err(error) => match postgres(session, sql).await {
            Ok(plan) => Ok(Some(plan)),
            Err(_) => Err(error),
        },
    }
}

async fn postgres(session: &Session, sql: &str) -> Result<LogicalPlan> {
    let mut statements = POSTGRES_PARSER
        .parse(&qualified(sql))
        .map_err(|error| ShellError::query(error.to_string()))?;
    let (Some(mut statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(ShellError::query("there is not one statement"));
    };
    replace_functions(&mut statement);
    let statement = Statement::Statement(Box::new(statement));
    Ok(session.ctx.state().statement_to_plan(statement).await?)
}

/// `'pg_class'::regclass` with its schema, which Postgres finds by itself and
/// the parser does not.
fn qualified(sql: &str) -> String {
    const NAME: &str = "'pg_";
    let mut parts = sql.split(NAME);
    let mut whole = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let cast = part
            .split_once('\'')
            .is_some_and(|(_, behind)| behind.starts_with("::regclass") || behind.starts_with("::pg_catalog.regclass"));
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
    ("to_regclass", "(SELECT max(c.oid) FROM pg_catalog.pg_class c WHERE c.relname = {0})"),
    ("to_regtype", "(SELECT max(t.oid) FROM pg_catalog.pg_type t WHERE t.typname = {0})"),
    ("pg_size_pretty", NO_TEXT),
    ("pg_get_function_result", NO_TEXT),
    ("pg_get_function_arguments", NO_TEXT),
    ("pg_get_function_identity_arguments", NO_TEXT),
    ("pg_get_indexdef", NO_TEXT),
    ("pg_get_viewdef", NO_TEXT),
    ("pg_function_is_visible", "true"),
    ("pg_type_is_visible", "true"),
    ("pg_is_in_recovery", "false"),
    // `ARRAY(SELECT ...)`: roles, members and options, of which there are none.
    ("array", NO_TEXT),
];

const NO_TEXT: &str = "CAST(NULL AS TEXT)";

/// Puts other expressions in the place of these functions.
fn replace_functions(statement: &mut Ast) {
    struct Replace;

    impl VisitorMut for Replace {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && let Some(other) = in_place_of(function)
            {
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
    let joined = name == "array_to_string" && arguments.iter().any(|text| text.to_lowercase().contains("array("));
    let mut text = match joined {
        true => "''".to_string(),
        false => IN_PLACE.iter().find(|(known, _)| *known == name)?.1.to_string(),
    };
    for (at, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), argument);
    }
    let parser = Parser::new(&PostgreSqlDialect {});
    parser.try_with_sql(&text).ok()?.parse_expr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_catalogue_get_their_schema() {
        let sql = "SELECT 'pg_class'::regclass, 'pg_x', 'pg_type'::pg_catalog.regclass, 't'::regclass";
        let with = "SELECT 'pg_catalog.pg_class'::regclass, 'pg_x', 'pg_catalog.pg_type'::pg_catalog.regclass, 't'::regclass";
        assert_eq!(qualified(sql), with);
    }

    #[test]
    fn descriptions_are_looked_up_by_queries() {
        let sql = "SELECT pg_catalog.obj_description(c.oid, 'pg_class'), col_description(a.attrelid, a.attnum) FROM c, a";
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        replace_functions(&mut statement);
        let written = statement.to_string();
        assert!(written.contains("d.objoid = c.oid AND d.objsubid = 0"), "{written}");
        assert!(written.contains("d.objoid = a.attrelid AND d.objsubid = a.attnum"), "{written}");
    }
}
