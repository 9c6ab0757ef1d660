//! What those may run who reach the session from outside: one statement that
//! only reads.

use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;

use super::{Effect, effect, query};
use crate::error::{Result, ShellError};
use crate::script::{Kind, first_words, split};
use crate::session::Session;

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
/// `refusal` says why, up to the name of what is refused.
///
/// # Errors
/// The refusal; what is wrong with the statement itself.
pub async fn check(session: &Session, sql: &str, refusal: &str) -> Result<()> {
    if let Some(word) = writes(sql) {
        return Err(refused(refusal, &word));
    }
    if effect(sql) == Effect::Planned
        && let Some(plan) = query::plan(session, sql).await?
    {
        verify(&plan, refusal, false)?;
    }
    Ok(())
}

/// The first word of a statement whose words tell already that it changes
/// something.
pub fn writes(sql: &str) -> Option<String> {
    let (words, _) = first_words(sql, 1);
    let first = words.into_iter().next().unwrap_or_default();
    let writes = match effect(sql) {
        Effect::Nothing => false,
        Effect::Settings | Effect::Writes => true,
        Effect::Planned => WRITERS.contains(&first.as_str()),
    };
    writes.then_some(first)
}

/// Refuses a plan that would change anything; `prepares` allows `PREPARE` and
/// `EXECUTE`, which keep something in the session.
///
/// # Errors
/// The refusal.
pub fn verify(plan: &LogicalPlan, refusal: &str, prepares: bool) -> Result<()> {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(prepares)
        .verify_plan(plan)
        .map_err(|_| refused(refusal, "this statement"))
}

pub fn refused(refusal: &str, what: &str) -> ShellError {
    ShellError::query(format!("{refusal} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    const REFUSAL: &str = "only reading here, not";

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
            check(&session, reads, REFUSAL)
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
            let error = check(&session, writes, REFUSAL).await.unwrap_err();
            let refused =
                error.message.starts_with(REFUSAL) || error.message.starts_with("not supported");
            assert!(refused, "{writes}: {}", error.message);
        }
        let error = check(&session, "SELCT 1", REFUSAL).await.unwrap_err();
        assert!(!error.message.contains(REFUSAL), "{}", error.message);
    }
}
