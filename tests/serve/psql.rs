//! psql: queries, its commands that read the catalogue, COPY, settings.

use super::server::for_psql;

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
        let done = server.ask(&[command]);
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
    assert!(
        server
            .rows("EXPLAIN SELECT embed(title) FROM shop")
            .contains("Infer")
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
    let set = server.ask(&[
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
    let begun = server
        .psql("")
        .args(["--tuples-only", "-c", "SHOW ai.seed"])
        .env("PGOPTIONS", "-c ai.seed=78")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&begun.stdout).contains("78"),
        "{begun:?}"
    );
    let wrong = server.ask(&["SET ai.seed = 'many'"]);
    assert_eq!(wrong.code, Some(1));
    for machine in ["datafusion.runtime.memory_limit", "ai.batch_tokens"] {
        let refused = server.failing(&format!("SET {machine} = '1K'"));
        assert!(refused.err.contains("ERROR:  42501"), "{}", refused.err);
    }
}

#[test]
fn copies_go_to_the_client() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let ask = |sql: &str| server.rows(sql);
    assert_eq!(
        ask("COPY (SELECT id, title, NULL AS n FROM shop ORDER BY id) TO STDOUT"),
        "1\tred shoes\t\\N\n2\ttea pot\t\\N\n3\tpen; blue\t\\N"
    );
    assert_eq!(
        ask(
            "COPY (SELECT title, id FROM 'shop.csv' ORDER BY id) TO STDOUT (FORMAT csv, HEADER true, DELIMITER ';')"
        ),
        "title;id\nred shoes;1\ntea pot;2\n\"pen; blue\";3"
    );
    let copied = server.ask(&["\\copy shop TO 'copied.csv' CSV HEADER"]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let wrong = server.ask(&["COPY (SELECT 1 / (id - 1) FROM shop) TO STDOUT"]);
    assert!(
        wrong.err.to_lowercase().contains("divide by zero"),
        "{}",
        wrong.err
    );
    let _ = std::fs::remove_file("copied.csv");
}

#[test]
fn errors_have_codes_and_the_connection_goes_on() {
    let Some((folder, server)) = for_psql(&[]) else {
        return;
    };
    for (sql, code, says) in [
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
        let done = server.failing(sql);
        assert!(
            done.err.contains(&format!("ERROR:  {code}")),
            "{sql}: {}",
            done.err
        );
        assert!(done.err.contains(says), "{sql}: {}", done.err);
        assert_eq!(done.out, "on\n", "{sql}");
    }
    assert_eq!(
        super::super::cli::names(folder.path()),
        ["data_dict.yaml", "serve.log", "shop.csv"]
    );
}

#[test]
fn writes_are_allowed_where_the_server_is_told_so() {
    let Some((_folder, server)) = for_psql(&["--allow-writes"]) else {
        return;
    };
    let done = server.ask(&[
        "CREATE TABLE cheap AS SELECT * FROM shop WHERE price < 20",
        "INSERT INTO cheap VALUES (4, 'cup', 5)",
        "COPY cheap TO 'cheap.parquet'",
    ]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    // Another connection finds it.
    assert_eq!(server.rows("SELECT count(*) FROM cheap"), "3");
    assert_eq!(server.rows("SELECT count(*) FROM 'cheap.parquet'"), "3");
}

#[test]
fn transactions_and_cursors_look_as_expected() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let done = server.ask(&["BEGIN; SELECT 1; COMMIT"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), "1\n"),
        "{}",
        done.err
    );
    let mut psql = server.psql("");
    let done = psql.args([
        "--tuples-only",
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
    let done = crate::cli::Done::from(done.output().unwrap());
    assert!(done.err.contains("ROLLBACK"), "{}", done.err);
    assert_eq!(done.out, "2\n");
    // psql reads with a cursor.
    let done = server.ask(&[
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
    let done = server.ask(&[
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
    let done = server.failing(sql);
    assert!(done.err.contains("ERROR:  53200"), "{}", done.err);
    assert_eq!(done.out, "on\n");
}
