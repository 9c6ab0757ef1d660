//! Parser for statements of clients.

use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};

use super::references::references_catalog;
use super::rules;
use crate::error::Result;
use crate::statement::Statement;
use crate::statement::parsed::{ConnectionCommand, StatementCommand};
use crate::statement::parser;

/// Parses the statements of a client, and rewrites those about the catalogue.
///
/// # Errors
/// As [`parser::parse`].
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    let statements = parser::parse_of_client(text)?;
    Ok(statements.into_iter().map(rewritten).collect())
}

/// Statement in the SQL of the engine.
fn rewritten(mut statement: Statement) -> Statement {
    match &mut statement.command {
        StatementCommand::Engine(engine) => rewrite(engine),
        StatementCommand::Explain(explain) => rewrite_explained(explain),
        StatementCommand::Connection(ConnectionCommand::Declare { query, .. }) => {
            rewrite_inner(query)
        }
        StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
            rewrite_inner(&mut copy.query)
        }
        _ => {}
    }
    statement
}

fn rewrite_inner(statement: &mut Statement) {
    if let StatementCommand::Engine(engine) = &mut statement.command {
        rewrite(engine);
    }
}

fn rewrite_explained(explain: &mut ExplainStatement) {
    match explain.statement.as_mut() {
        EngineStatement::Explain(inner) => rewrite_explained(inner),
        engine => rewrite(engine),
    }
}

/// Rewrites a statement about the catalogue.
fn rewrite(engine: &mut EngineStatement) {
    if let EngineStatement::Statement(ast) = engine
        && references_catalog(ast)
    {
        rules::apply(ast);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::random_cases::Random;
    use crate::session::{Session, SessionOptions};
    use crate::statement::{StatementRunner, query};

    fn is_rewritten(sql: &str) -> bool {
        let before = parser::parse_of_client(sql).unwrap().remove(0);
        let after = parse(sql).unwrap().remove(0);
        let shown = |statement: &Statement| match &statement.command {
            StatementCommand::Engine(engine) => engine.to_string(),
            other => panic!("{sql}: {other:?}"),
        };
        shown(&before) != shown(&after)
    }

    #[test]
    fn only_statements_about_the_catalogue_are_rewritten() {
        for sql in [
            "SELECT array_agg(attname ORDER BY attnum) FROM pg_catalog.pg_attribute",
            "SELECT (SELECT typname FROM pg_type t WHERE t.oid = a.atttypid) FROM pg_attribute a",
            "SELECT obj_description(1, 'pg_class')",
        ] {
            assert!(is_rewritten(sql), "{sql}");
        }
        for sql in [
            "SELECT jpg_url, 'pg_class', \"to_reg\" FROM shop",
            "SELECT array_agg(x ORDER BY pg_rank) FROM shop -- pg_catalog.pg_class",
            "SELECT (SELECT price FROM shop s WHERE s.id = t.id) FROM shop t WHERE t.note = '::regclass'",
            "SELECT reloptions, (t.a).b FROM t",
            "SELECT ARRAY(SELECT 1)",
        ] {
            assert!(!is_rewritten(sql), "{sql}");
        }
    }

    /// Any statement that is not about the catalogue is planned unchanged.
    #[tokio::test]
    async fn other_statements_are_planned_unchanged() {
        const EXPRESSIONS: &[&str] = &[
            "a",
            "jpg_url",
            "pg_rank",
            "'pg_class'",
            "array_agg(a ORDER BY pg_rank)",
            "count(*)",
            "(SELECT max(a) FROM t)",
            "(SELECT u.a FROM t u WHERE u.pg_rank = t.a LIMIT 1)",
            "a + 1",
            "upper(jpg_url)",
            "CASE WHEN a > 1 THEN jpg_url END",
            "[a, 2][1]",
            "NULL",
            "coalesce(reloptions, 'x')",
            "a::text",
            "'::regclass'",
            "current_schema_of",
        ];
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let table = "CREATE TABLE t AS SELECT 1 AS a, 'x' AS jpg_url, 2 AS pg_rank, 'y' AS reloptions, 'z' AS current_schema_of";
        let session = Arc::new(session);
        let runner = StatementRunner::unobserved(Arc::clone(&session), CancellationToken::new());
        runner.run_text(table).await.unwrap();
        let mut random = Random::new(7);
        let mut planned = 0;
        for _ in 0..300 {
            let count = 1 + random.below(4);
            let columns: Vec<&str> = (0..count).map(|_| random.pick(EXPRESSIONS)).collect();
            let filter = random.pick(EXPRESSIONS);
            let sql = format!(
                "SELECT {} FROM t WHERE {filter} IS NOT NULL",
                columns.join(", ")
            );
            let direct = parser::parse(&sql).unwrap().remove(0);
            let client = parse(&sql).unwrap().remove(0);
            let direct = query::plan_of(&session, &direct).await;
            let client = query::plan_of(&session, &client).await;
            match (direct, client) {
                (Ok(direct), Ok(client)) => {
                    planned += 1;
                    assert_eq!(direct, client, "{sql}");
                }
                (Err(direct), Err(client)) => assert_eq!(direct.message, client.message, "{sql}"),
                (direct, client) => panic!("{sql}: {direct:?} and {client:?}"),
            }
        }
        assert!(planned > 50, "{planned}");
    }
}
