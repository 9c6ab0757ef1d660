use datafusion::common::TableReference;

use super::*;
use crate::statement::parsed::{Access, ConnectionCommand, DescribeSource, Effect};

fn one(sql: &str) -> Statement {
    parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[test]
fn statements_of_a_text_have_separate_texts() {
    let statements = parse("SELECT ';'; -- one\nSELECT 2 ;; SUMMARIZE t").unwrap();
    let texts: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["SELECT ';'", "SELECT 2", "SUMMARIZE t"]);
    assert!(parse(" ; -- nothing\n;").unwrap().is_empty());
    for wrong in ["SELECT 'x", "SELECT 1 SELECT 2", "SUMMARIZE t u v", "\\d"] {
        assert_eq!(parse(wrong).unwrap_err().kind, ErrorKind::Syntax, "{wrong}");
    }
}

#[test]
fn extensions_become_commands() {
    let command = |sql: &str| one(sql).command;
    assert!(matches!(
        command("show models"),
        StatementCommand::ShowModels
    ));
    assert!(matches!(
        command("show devices"),
        StatementCommand::ShowDevices
    ));
    assert!(matches!(
        command("/* x */ Show Tables"),
        StatementCommand::ShowTables
    ));
    assert!(matches!(command("SHOW ALL"), StatementCommand::Show { name, .. } if name == "all"));
    assert!(matches!(
        command("SUMMARIZE 'a.b/c.csv'"),
        StatementCommand::Summarize(query) if query.to_string() == "SELECT * FROM 'a.b/c.csv'"
    ));
    for query in [
        "SUMMARIZE SELECT 1",
        "SUMMARIZE (SELECT 1)",
        "SUMMARIZE f(1)",
        "DESC VALUES (1)",
    ] {
        let command = command(query);
        assert!(
            matches!(
                command,
                StatementCommand::Summarize(_)
                    | StatementCommand::Describe(DescribeSource::Query(_))
            ),
            "{query}"
        );
    }
    assert!(matches!(
        command("DESCRIBE TABLE T"),
        StatementCommand::Describe(DescribeSource::Table(TableReference::Bare { table })) if &*table == "t"
    ));
    assert!(matches!(
        command("drop model if exists m"),
        StatementCommand::DropModel(drop) if drop.if_exists && !drop.is_external
    ));
    assert!(matches!(
        command("DROP EXTERNAL MODEL m"),
        StatementCommand::DropModel(drop) if drop.is_external && drop.name == "m"
    ));
    assert!(matches!(
        command("DROP TABLE external"),
        StatementCommand::Engine(_)
    ));
    for target in ["PREDICT y", "EXTRACT y, z USING llm OPTIONS (seed 1)"] {
        assert!(matches!(
            command(&format!("CREATE MODEL m FROM (SELECT 1) {target}")),
            StatementCommand::CreateModel(_)
        ));
    }
    assert!(matches!(
        command("EXPORT MODEL m TO 'm.onnx'"),
        StatementCommand::ExportModel(_)
    ));
    assert!(matches!(
        command("CREATE OR REPLACE INDEX i ON 'a.parquet' USING hnsw (v)"),
        StatementCommand::CreateIndex(_)
    ));
}

#[test]
fn settings_have_several_spellings() {
    for (sql, key, value) in [
        ("SET ai.model = 'x'", "ai.model", Some("x")),
        ("set AI . Model TO x", "ai.model", Some("x")),
        (
            "SET SESSION extra_float_digits = 3",
            "extra_float_digits",
            Some("3"),
        ),
        ("SET search_path TO a, \"B\"", "search_path", Some("a, B")),
        ("SET TIME ZONE 'UTC'", "timezone", Some("UTC")),
        ("SET x = -1", "x", Some("-1")),
        ("SET NAMES utf8", "client_encoding", Some("utf8")),
        ("SET x = DEFAULT", "x", None),
    ] {
        let StatementCommand::Set { key: k, value: v } = one(sql).command else {
            panic!("{sql}");
        };
        assert_eq!((k.as_str(), v.as_deref()), (key, value), "{sql}");
    }
}

#[test]
fn effects_come_from_the_syntax_tree() {
    for (sql, effect) in [
        ("SELECT 1", Effect::Query),
        ("(SELECT 1) UNION ALL SELECT 2", Effect::Query),
        ("WITH a AS (SELECT 1) SELECT * FROM a", Effect::Query),
        ("VALUES (1)", Effect::Query),
        ("EXPLAIN INSERT INTO t VALUES (1)", Effect::Query),
        ("EXPLAIN ANALYZE SELECT 1", Effect::Query),
        ("SHOW TABLES", Effect::Query),
        ("SUMMARIZE t", Effect::Query),
        ("SET ai.model = 'x'", Effect::Settings),
        ("BEGIN", Effect::Settings),
        ("PREPARE p AS SELECT 1", Effect::Settings),
        ("DECLARE c CURSOR FOR SELECT 1", Effect::Settings),
        ("EXPLAIN ANALYZE INSERT INTO t VALUES (1)", Effect::Writes),
        ("EXPLAIN ANALYZE COPY t TO 'x.csv'", Effect::Writes),
        ("PREPARE p AS INSERT INTO t VALUES (1)", Effect::Writes),
        ("SELECT n INTO u FROM t", Effect::Writes),
        ("COPY t TO 'x.csv'", Effect::Writes),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x.csv'",
            Effect::Writes,
        ),
        ("CREATE VIEW v AS SELECT 1", Effect::Writes),
        ("DROP TABLE t", Effect::Writes),
        ("CREATE MODEL m FROM (SELECT 1) EXTRACT y", Effect::Writes),
        ("DROP MODEL m", Effect::Writes),
        ("DROP EXTERNAL MODEL m", Effect::Writes),
        (
            "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x'",
            Effect::Writes,
        ),
        ("TRUNCATE TABLE t", Effect::Writes),
        ("COPY t TO STDOUT", Effect::Query),
    ] {
        assert_eq!(one(sql).effect(), effect, "{sql}");
    }
}

#[test]
fn tags_match_postgres() {
    for (sql, tag) in [
        ("insert into t values (1)", "INSERT"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("DROP VIEW v", "DROP VIEW"),
        ("COPY t TO 'x.parquet'", "COPY"),
        ("begin", "BEGIN"),
        ("START TRANSACTION READ ONLY", "START TRANSACTION"),
        ("END", "COMMIT"),
        ("ABORT", "ROLLBACK"),
        ("ROLLBACK TO s", "ROLLBACK"),
        ("MOVE 3 FROM c", "MOVE"),
        ("SELECT 1", "SELECT"),
    ] {
        assert_eq!(one(sql).tag(), tag, "{sql}");
    }
}

#[test]
fn cursors_and_transactions_become_commands() {
    let command = |sql: &str| match one(sql).command {
        StatementCommand::Connection(command) => command,
        other => panic!("{sql}: {other:?}"),
    };
    assert!(matches!(
        command("FETCH FORWARD 100 FROM c"),
        ConnectionCommand::Fetch {
            count: Some(100),
            shown: true,
            ..
        }
    ));
    assert!(matches!(
        command("MOVE ALL IN \"C\""),
        ConnectionCommand::Fetch { count: None, shown: false, name } if name == "C"
    ));
    assert!(matches!(
        command("declare C no scroll cursor with hold for SELECT * FROM 'x.csv'"),
        ConnectionCommand::Declare { name, .. } if name == "c"
    ));
    assert!(matches!(
        command("BEGIN READ ONLY"),
        ConnectionCommand::Begin {
            access: Some(Access::ReadOnly),
            ..
        }
    ));
    assert!(matches!(
        command("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"),
        ConnectionCommand::SetTransaction {
            access: Some(Access::ReadWrite),
            session: true
        }
    ));
    assert!(matches!(
        command("SET ROLE boss"),
        ConnectionCommand::SetRole(Some(_))
    ));
    assert!(matches!(
        command("SET ROLE NONE"),
        ConnectionCommand::SetRole(None)
    ));
    for wrong in [
        "DECLARE c FOR SELECT 1",
        "DECLARE c SCROLL CURSOR FOR SELECT 1",
        "DECLARE c CURSOR FOR SELECT 1 SELECT 2",
        "FETCH PRIOR FROM c",
        "FETCH",
        "COPY (SELECT 1) FROM STDIN",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn misspelt_statements_have_suggestions() {
    let message = |sql: &str| parse(sql).unwrap_err().message;
    assert_eq!(
        message("SELCT 1"),
        "unknown statement 'SELCT'; did you mean SELECT?"
    );
    assert!(message("SELECT 1 FROM (").starts_with("syntax error"));
}

#[test]
fn all_tables_of_a_statement_count() {
    let list = |count: usize| vec!["t"; count].join(", ");
    parse(&format!("SELECT 1 FROM {}", list(900))).unwrap();
    let with = |count: usize| {
        let parts = (1..count).map(|at| format!("a{at} AS (SELECT * FROM a{})", at - 1));
        format!(
            "WITH a0 AS (SELECT 1), {} SELECT 1",
            parts.collect::<Vec<_>>().join(", ")
        )
    };
    for sql in [
        format!("SELECT 1 FROM {}", list(1_100)),
        format!("EXPLAIN SELECT 1 FROM {}", list(1_100)),
        format!("SUMMARIZE SELECT 1 FROM {}", list(1_100)),
        with(1_200),
    ] {
        let error = parse(&sql).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooComplex);
    }
}
