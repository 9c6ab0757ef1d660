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
        .parse(sql)
        .map_err(|error| ShellError::query(error.to_string()))?;
    let (Some(mut statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(ShellError::query("there is not one statement"));
    };
    describe(&mut statement);
    let statement = Statement::Statement(Box::new(statement));
    Ok(session.ctx.state().statement_to_plan(statement).await?)
}

/// Functions that look a description up: the value that they give for the
/// first argument, where `{}` is it and `{1}` the second.
const LOOK_UPS: &[(&str, &str)] = &[
    (
        "obj_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = 0)",
    ),
    (
        "col_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = {1})",
    ),
    ("shobj_description", "CAST(NULL AS TEXT)"),
];

/// Puts queries in the place of these functions: a function of ours cannot
/// read tables.
fn describe(statement: &mut Ast) {
    struct Describe;

    impl VisitorMut for Describe {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && let Some(query) = look_up(function)
            {
                *expr = query;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = statement.visit(&mut Describe);
}

fn look_up(function: &Function) -> Option<Expr> {
    let ObjectName(parts) = &function.name;
    let name = parts.last()?.as_ident()?.value.to_lowercase();
    let (_, query) = LOOK_UPS.iter().find(|(known, _)| *known == name)?;
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let mut query = (*query).to_string();
    for (at, argument) in list.args.iter().enumerate() {
        query = query.replace(&format!("{{{at}}}"), &argument.to_string());
    }
    let parser = Parser::new(&PostgreSqlDialect {});
    parser.try_with_sql(&query).ok()?.parse_expr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_looked_up_by_queries() {
        let sql = "SELECT pg_catalog.obj_description(c.oid, 'pg_class'), col_description(a.attrelid, a.attnum) FROM c, a";
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        describe(&mut statement);
        let written = statement.to_string();
        assert!(written.contains("d.objoid = c.oid AND d.objsubid = 0"), "{written}");
        assert!(written.contains("d.objoid = a.attrelid AND d.objsubid = a.attnum"), "{written}");
    }
}
