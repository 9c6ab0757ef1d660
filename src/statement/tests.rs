//! Tests of statements that run in a session.

use std::fs;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::outcome::Outcome;
use super::parser::parse_one;
use super::runner::StatementRunner;
use crate::error::{ErrorKind, Result};
use crate::session::{Session, SessionOptions};

async fn open() -> StatementRunner {
    let session = Session::open(&SessionOptions::default()).await.unwrap();
    StatementRunner::unobserved(Arc::new(session), CancellationToken::new())
}

async fn run(runner: &StatementRunner, sql: &str) -> Result<String> {
    match runner.run_text(sql).await?.outcome {
        Outcome::Rows { stream, .. } => {
            let batches: Vec<_> = stream.try_collect().await?;
            Ok(pretty_format_batches(&batches)?.to_string())
        }
        Outcome::Done { message, .. } => Ok(message),
    }
}

#[tokio::test]
async fn a_cancelled_runner_interrupts_statements_and_rows() {
    let runner = open().await;
    let token = CancellationToken::new();
    let runner = runner.with_cancellation(token.clone());
    let forever = "SELECT value FROM generate_series(1, 1000000000000)";
    let outcome = runner.run(parse_one(forever).unwrap()).await.unwrap();
    let Outcome::Rows { mut stream, .. } = outcome else {
        panic!("no rows");
    };
    assert!(stream.try_next().await.unwrap().is_some());
    token.cancel();
    let rest = stream.try_for_each(|_| async { Ok(()) }).await;
    let error = crate::error::ShellError::from(rest.unwrap_err());
    assert_eq!(error.kind, ErrorKind::Canceled);
    let refused = runner.run(parse_one("SELECT 1").unwrap()).await;
    assert_eq!(refused.err().unwrap().kind, ErrorKind::Canceled);
}

#[tokio::test]
async fn summarize_takes_tables_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some file.csv");
    fs::write(&file, "Name\ntea\n").unwrap();
    let runner = open().await;
    let sql = format!("SUMMARIZE '{}';", file.display());
    let outcome = runner.run_text(&sql).await.unwrap().outcome;
    let Outcome::Rows { stream, .. } = outcome else {
        panic!("no rows");
    };
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    assert_eq!(
        batches[0]["column_name"].as_string::<i32>().value(0),
        "Name"
    );
    assert_eq!(batches[0]["max"].as_string::<i32>().value(0), "tea");
    assert!(run(&runner, "SUMMARIZE nowhere").await.is_err());
    let nothing = run(&runner, "SUMMARIZE ;").await.unwrap_err();
    assert!(nothing.message.contains("SUMMARIZE what?"), "{nothing}");
}

#[tokio::test]
async fn explain_shows_the_estimate_first() {
    let runner = open().await;
    run(&runner, "SET ai.model = 'deterministic'")
        .await
        .unwrap();
    run(&runner, "CREATE TABLE t AS SELECT 'tea' AS a")
        .await
        .unwrap();
    for format in ["INDENT", "TREE", "PGJSON", "GRAPHVIZ"] {
        let sql = format!("EXPLAIN FORMAT {format} SELECT embed(a) FROM t");
        let explained = run(&runner, &sql).await.unwrap();
        let first = explained.lines().nth(3).unwrap();
        assert!(first.contains("| estimate "), "{explained}");
        for part in ["at most 1 text,", ", device auto, precision fp32 "] {
            assert!(first.contains(part), "{explained}");
        }
    }
    let sum = "EXPLAIN SELECT count(embed(a)), count(embed(upper(a))) FROM t";
    let sum = run(&runner, sum).await.unwrap();
    assert!(sum.contains("at most 2 texts,"), "{sum}");
    let literal = "EXPLAIN SELECT 'InferExec: rows<=7, texts<=7' AS a FROM t";
    for plain in ["EXPLAIN SELECT a FROM t", literal] {
        let plain = run(&runner, plain).await.unwrap();
        assert!(!plain.contains("estimate"), "{plain}");
    }
}

/// As the extended protocol of the server does.
#[tokio::test]
async fn a_prepared_explain_returns_the_same_rows() {
    let runner = open().await;
    for sql in [
        "SET ai.model = 'deterministic'",
        "CREATE TABLE t AS SELECT 'tea' AS a",
    ] {
        run(&runner, sql).await.unwrap();
    }
    let sql = "EXPLAIN SELECT embed(a) FROM t";
    let prepared = runner.prepare(parse_one(sql).unwrap(), Vec::new());
    let prepared = Arc::new(prepared.await.unwrap().unwrap());
    let outcome = runner.run_prepared(prepared, Vec::new()).await.unwrap();
    let Outcome::Rows { stream, .. } = outcome else {
        panic!("no rows");
    };
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    let prepared = pretty_format_batches(&batches).unwrap().to_string();
    assert!(prepared.contains("| estimate "), "{prepared}");
    assert_eq!(prepared, run(&runner, sql).await.unwrap());
}

/// Values through parameters of other types: the column keeps its type, or the
/// statement fails and the table is unchanged.
#[tokio::test]
async fn columns_keep_their_types() {
    let session = open().await;
    let types = [
        "smallint", "int", "bigint", "double", "varchar", "boolean", "date",
    ];
    let values = [
        "1",
        "-7",
        "70000",
        "'12'",
        "'x'",
        "2.5",
        "NULL",
        "true",
        "DATE '2024-02-03'",
    ];
    let (mut stored, mut refused) = (0, 0);
    for column in types {
        run(
            &session,
            &format!("CREATE OR REPLACE TABLE t AS SELECT CAST(NULL AS {column}) AS a"),
        )
        .await
        .unwrap();
        for (at, declared) in types.iter().enumerate() {
            for value in values {
                let before = run(&session, "SELECT count(*) FROM t").await.unwrap();
                let insert = format!(
                    "PREPARE p{at}({declared}) AS INSERT INTO t VALUES ($1); EXECUTE p{at}({value}); DEALLOCATE p{at}"
                );
                let inserted = run(&session, &insert).await;
                let _ = run(&session, &format!("DEALLOCATE p{at}")).await;
                let kept = run(&session, "SELECT arrow_typeof(a) FROM t GROUP BY 1").await;
                let kept = kept.unwrap_or_else(|e| panic!("{column} {declared} {value}: {e}"));
                assert_eq!(kept.matches('\n').count(), 4, "{column} {declared}: {kept}");
                run(&session, "SELECT a, count(*) FROM t GROUP BY 1 ORDER BY 1")
                    .await
                    .unwrap_or_else(|e| panic!("{column} {declared} {value}: {e}"));
                let after = run(&session, "SELECT count(*) FROM t").await.unwrap();
                match inserted {
                    Ok(_) => {
                        stored += 1;
                        assert_ne!(before, after, "{column} {declared} {value}");
                    }
                    Err(_) => {
                        refused += 1;
                        assert_eq!(before, after, "{column} {declared} {value}");
                    }
                }
            }
        }
    }
    assert!(
        stored > 100 && refused > 50,
        "{stored} stored, {refused} refused"
    );
}
