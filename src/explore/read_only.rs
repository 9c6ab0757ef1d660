//! What a page may run: one statement that only reads.

use datafusion::execution::context::SQLOptions;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::error::{Result, ShellError};
use crate::script::{Kind, first_words, split};
use crate::session::Session;

const REFUSAL: &str = "this page only reads; start `semql explore` with --allow-writes to run";

/// First words of the shell's own statements that only read; the engine does
/// not know all of them.
const READERS: &[&str] = &["SUMMARIZE", "SUMMARISE", "DESCRIBE", "DESC", "SHOW"];

/// First words of statements that change something. What is in neither list
/// is the engine's to judge.
const WRITERS: &[&str] = &[
    "COPY",
    "CREATE",
    "DROP",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "ALTER",
    "SET",
    "RESET",
    "EXPORT",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
];

/// The one statement in `text`.
///
/// # Errors
/// None, several, or a command of the prompt.
pub fn single(text: &str) -> Result<String> {
    let (mut items, unfinished) = split(text);
    if let Some(unfinished) = unfinished {
        return Err(ShellError::query(unfinished.message));
    }
    let last = items.pop();
    match last {
        None => Err(ShellError::query("there is no statement to run")),
        Some(_) if !items.is_empty() => Err(ShellError::query(
            "there are several statements; run them one at a time",
        )),
        Some(item) if item.kind == Kind::Command => Err(ShellError::query(format!(
            "{} is a command of the prompt; here is SQL only",
            item.text.split_whitespace().next().unwrap_or_default()
        ))),
        Some(item) => Ok(item.text),
    }
}

/// Refuses a statement that would change anything: data, files, the session.
///
/// # Errors
/// The refusal; what is wrong with the statement itself.
pub async fn check(session: &Session, sql: &str) -> Result<()> {
    let (words, _) = first_words(sql, 1);
    let first = words.first().map_or("", String::as_str);
    if READERS.contains(&first) {
        return Ok(());
    }
    if WRITERS.contains(&first) {
        return Err(ShellError::query(format!("{REFUSAL} {first}")));
    }
    let state = session.ctx.state();
    let limit = state.config_options().sql_parser.recursion_limit.get();
    let statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(limit)
        .build()?
        .parse_statements()?;
    for statement in statements {
        if let Statement::CopyTo(_) = statement {
            return Err(ShellError::query(format!("{REFUSAL} COPY")));
        }
        let plan = state.statement_to_plan(statement).await?;
        let reads = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan);
        if reads.is_err() {
            return Err(ShellError::query(format!("{REFUSAL} this statement")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    #[test]
    fn there_is_one_statement() {
        assert_eq!(single(" SELECT 1; ").unwrap(), "SELECT 1");
        for (text, says) in [
            ("", "no statement"),
            (" -- nothing\n", "no statement"),
            ("SELECT 1; SELECT 2", "several"),
            ("\\d", "\\d is a command"),
            ("SELECT 'a", ""),
        ] {
            let error = single(text).unwrap_err();
            assert!(error.message.contains(says), "{text}: {}", error.message);
        }
    }

    #[tokio::test]
    async fn reading_is_allowed_and_writing_is_not() {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        session
            .ctx
            .sql("CREATE TABLE t AS SELECT 1 AS n")
            .await
            .unwrap();
        for reads in [
            "SELECT * FROM t",
            "(SELECT 1) UNION ALL SELECT 2",
            "WITH a AS (SELECT 1 AS n) SELECT * FROM a",
            "VALUES (1)",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "SHOW TABLES",
            "describe t",
            "SUMMARIZE t",
        ] {
            check(&session, reads)
                .await
                .unwrap_or_else(|e| panic!("{reads}: {e}"));
        }
        for writes in [
            "COPY t TO 'x.csv'",
            "-- a remark\nCREATE VIEW v AS SELECT 1",
            "/* */ DROP TABLE t",
            "INSERT INTO t VALUES (1)",
            "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
            "EXPLAIN ANALYZE COPY t TO 'x.csv'",
            "SET ai.device = 'cpu'",
            "DROP MODEL m",
            "SELECT n INTO u FROM t",
            "PREPARE p AS SELECT 1",
        ] {
            let error = check(&session, writes).await.unwrap_err();
            let refused =
                error.message.starts_with(REFUSAL) || error.message.starts_with("not supported");
            assert!(refused, "{writes}: {}", error.message);
        }
        let error = check(&session, "SELCT 1").await.unwrap_err();
        assert!(!error.message.contains(REFUSAL), "{}", error.message);
    }
}
