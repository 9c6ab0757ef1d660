//! psql: queries, commands that read the catalogue, COPY, settings.

use super::server::for_psql;
use crate::cli::{Done, names};
use crate::support::process;

#[test]
fn psql_queries_and_describes() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    assert_eq!(
        server.rows("SELECT title FROM shop ORDER BY price"),
        "pen; blue\ntea pot\nred shoes"
    );
    assert_eq!(server.rows("SELECT sum(price) FROM 'shop.csv'"), "37");

    let tables = server.rows("\\dt");
    assert!(tables.contains("public|shop|table"), "{tables}");
    let described = server.rows("\\dt+");
    assert!(described.contains("What the shop sells"), "{described}");
    let columns = server.rows("\\d shop");
    assert!(columns.contains("title|text"), "{columns}");
    assert!(columns.contains("price|bigint"), "{columns}");
    let described = server.rows("\\d+ shop");
    assert!(
        described.contains("What it says on the label"),
        "{described}"
    );
    for command in ["\\l", "\\dn", "\\du", "\\df cos*", "\\dT", "\\dv"] {
        let done = server.run(&[command]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{command}");
    }
}

#[test]
fn functions_and_statements_of_semql_work() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let label = server.rows("SELECT ai_classify(title, ['shoes', 'pens']) FROM shop WHERE id = 1");
    assert!(["shoes", "pens"].contains(&label.as_str()), "{label}");
    let vector = server.rows("SELECT embed(title) FROM shop WHERE id = 1");
    assert!(vector.starts_with('{') && vector.ends_with('}'), "{vector}");
    assert_eq!(vector.split(',').count(), 16);
    assert_eq!(
        server.rows("SELECT array_length(embed(title)), arrow_typeof(embed(title)) LIKE 'FixedSizeList%' FROM shop LIMIT 1"),
        "16|t"
    );
    let profile = server.rows("SUMMARIZE shop");
    assert_eq!(profile.lines().count(), 3, "{profile}");
    assert!(
        server
            .rows("DESCRIBE shop")
            .contains("Number of the article")
    );
    assert!(server.rows("SHOW MODELS").contains("all-minilm-l6-v2"));
    let plan = server.rows("EXPLAIN SELECT embed(title) FROM shop");
    assert!(
        plan.starts_with("estimate|") && plan.contains("Infer"),
        "{plan}"
    );
    let found = server.rows("SELECT title FROM vector_search(shop, 'shoes', 2, title)");
    assert_eq!(found.lines().count(), 2, "{found}");
    let scores = server.rows("SELECT ai_classify_scores('red shoes', ['shoes', 'pens'])");
    assert!(
        scores.contains("shoes") && scores.contains("pens"),
        "{scores}"
    );
}

#[test]
fn settings_belong_to_their_connection() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let set = server.run(&[
        "SET ai.seed = 77",
        "SHOW ai.seed",
        "SET application_name = 'x'",
        "SHOW application_name",
    ]);
    assert!(
        set.out.contains("77") && set.out.ends_with("x\n"),
        "{}{}",
        set.out,
        set.err
    );
    assert!(!server.rows("SHOW ai.seed").contains("77"));
    let mut psql = server.psql("");
    psql.args(["--tuples-only", "-c", "SHOW ai.seed"])
        .env("PGOPTIONS", "-c ai.seed=78");
    let done = Done::from(process::output(&mut psql));
    assert!(done.out.contains("78"), "{}{}", done.out, done.err);
    let wrong = server.run(&["SET ai.seed = 'many'"]);
    assert_eq!(wrong.code, Some(1));
    for machine in ["datafusion.runtime.memory_limit", "ai.batch_tokens"] {
        let refused = server.run_failing(&format!("SET {machine} = '1K'"));
        assert!(refused.err.contains("ERROR:  42501"), "{}", refused.err);
    }
}

#[test]
fn copies_go_to_the_client() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    assert_eq!(
        server.rows("COPY (SELECT id, title, NULL AS n FROM shop ORDER BY id) TO STDOUT"),
        "1\tred shoes\t\\N\n2\ttea pot\t\\N\n3\tpen; blue\t\\N"
    );
    assert_eq!(
        server.rows(
            "COPY (SELECT title, id FROM 'shop.csv' ORDER BY id) TO STDOUT (FORMAT csv, HEADER true, DELIMITER ';')"
        ),
        "title;id\nred shoes;1\ntea pot;2\n\"pen; blue\";3"
    );
    let copied = server.run(&["\\copy shop TO 'copied.csv' CSV HEADER"]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let wrong = server.run_failing("COPY (SELECT 1 / (id - 1) FROM shop) TO STDOUT");
    assert!(wrong.err.contains("ERROR:  22012"), "{}", wrong.err);
    let _ = std::fs::remove_file("copied.csv");
}

#[test]
fn errors_have_codes_and_the_connection_goes_on() {
    let Some((folder, server)) = for_psql(&[]) else {
        return;
    };
    for (sql, code, named) in [
        ("SELCT 1", "42601", "SELECT"),
        ("SELECT * FROM shopp", "42P01", "did you mean 'shop'"),
        ("SELECT titel FROM shop", "42703", "titel"),
        ("SELECT 'a", "42601", ""),
        ("SELECT nothing_like_it(1)", "42883", "nothing_like_it"),
        ("CREATE TABLE t AS SELECT 1", "25006", "--allow-writes"),
        (
            "INSERT INTO shop VALUES (1, 'x', 1)",
            "25006",
            "--allow-writes",
        ),
        ("COPY shop TO 'x.parquet'", "25006", "--allow-writes"),
        ("WITH t AS (SELECT 1) SELECT * INTO u FROM t", "25006", ""),
        ("SET client_encoding = 'LATIN1'", "22023", "UTF8"),
        ("FETCH 1 FROM nowhere", "34000", "nowhere"),
        (
            "SELECT embed('x', 'no-such/model')",
            "42501",
            "no-such/model",
        ),
    ] {
        let done = server.run_failing(sql);
        assert!(
            done.err.contains(&format!("ERROR:  {code}")),
            "{sql}: {}",
            done.err
        );
        assert!(done.err.contains(named), "{sql}: {}", done.err);
        assert_eq!(done.out, "on\n", "{sql}");
    }
    assert_eq!(
        names(folder.path()),
        ["data_dict.yaml", "serve.log", "shop.csv"]
    );
}

#[test]
fn allow_writes_permits_writes() {
    let Some((_folder, server)) = for_psql(&["--allow-writes"]) else {
        return;
    };
    let done = server.run(&[
        "CREATE TABLE cheap AS SELECT * FROM shop WHERE price < 20",
        "INSERT INTO cheap VALUES (4, 'cup', 5)",
        "COPY cheap TO 'cheap.parquet'",
    ]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    // Other connections read the new table and file.
    assert_eq!(server.rows("SELECT count(*) FROM cheap"), "3");
    assert_eq!(server.rows("SELECT count(*) FROM 'cheap.parquet'"), "3");
}

#[test]
fn transactions_and_cursors_work() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let done = server.run(&["BEGIN; SELECT 1; COMMIT"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), "1\n"),
        "{}",
        done.err
    );
    let mut psql = server.psql("");
    psql.args([
        "--tuples-only",
        "-v",
        "VERBOSITY=verbose",
        "-c",
        "BEGIN",
        "-c",
        "SELECT nothing",
        "-c",
        "SELECT 1",
        "-c",
        "ROLLBACK",
        "-c",
        "SELECT 2",
    ]);
    let done = Done::from(process::output(&mut psql));
    assert!(done.err.contains("ERROR:  25P02"), "{}", done.err);
    assert_eq!(done.out, "2\n");
    // psql fetches with a cursor.
    let done = server.run(&[
        "\\set FETCH_COUNT 7",
        "SELECT * FROM generate_series(1, 20)",
    ]);
    let numbers: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    assert_eq!(
        done.out.lines().collect::<Vec<_>>(),
        numbers,
        "{}",
        done.err
    );
    let done = server.run(&[
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT * FROM generate_series(1, 100000)",
        "FETCH 2 FROM c",
        "MOVE FORWARD 10 FROM c",
        "FETCH NEXT FROM c",
        "CLOSE c",
        "COMMIT",
    ]);
    assert_eq!(done.out, "1\n2\n13\n", "{}", done.err);
}

#[test]
fn a_query_larger_than_memory_fails_alone() {
    let Some((_folder, server)) = for_psql(&["--memory-limit", "1M"]) else {
        return;
    };
    let sql = "SELECT count(*) FROM (SELECT array_agg(value) AS a FROM generate_series(1, 5000000)) WHERE cardinality(a) > 1";
    let done = server.run_failing(sql);
    assert!(done.err.contains("ERROR:  53200"), "{}", done.err);
    assert_eq!(done.out, "on\n");
}
