//! Results in a cluster equal those of a single process.

use super::processes::{Cluster, DETERMINISTIC, create_offers};

#[test]
fn queries_have_the_rows_of_a_single_process() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 1500);
    for sql in [
        "SELECT categorize(title, text) AS category, count(*) AS n FROM 'offers.parquet' GROUP BY 1",
        "SELECT docid, ai_classify(title, ['shoes', 'books', 'tools']) AS label FROM 'offers.parquet'",
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet' WHERE price > 3 AND embed(title) IS NOT NULL",
        "SELECT price, avg(ai_similarity(title, 'a pair of shoes')) > 0 AS near, count(*) FROM 'offers.parquet' GROUP BY price",
        "SELECT o.docid, categorize(o.title, m.title) AS c FROM 'offers.parquet' AS o JOIN 'more.parquet' AS m USING (docid)",
        "SELECT docid FROM 'offers.parquet' WHERE docid NOT IN (SELECT docid FROM 'more.parquet') AND price = 1",
        "SELECT ai_count_tokens(title) AS tokens, count(*) FROM 'offers.parquet' GROUP BY 1",
        "SELECT price, kmeans(embed(title), 3, 1) OVER (PARTITION BY price) AS k, docid FROM 'offers.parquet' WHERE price < 3",
        "SELECT docid, kmeans(embed(title), 3, 1) OVER () AS k, pca(embed(title), 2) OVER () AS p FROM 'offers.parquet'",
        "SELECT right_docid, round(score, 4) AS score FROM knn_join((SELECT docid, embed(title) AS v FROM 'offers.parquet' WHERE docid < 50),
         (SELECT docid, embed(text) AS w FROM 'offers.parquet'), k => 1)",
        "SELECT w['word'] AS word, w['count'] AS n FROM (SELECT unnest(word2vec(title, 8)) AS w FROM 'offers.parquet')",
    ] {
        cluster.assert_same(DETERMINISTIC, sql);
    }
}

#[test]
fn order_and_limit_are_kept() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 1500);
    for sql in [
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' ORDER BY docid DESC",
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' ORDER BY price, docid LIMIT 700",
        "SELECT docid, embed(title) AS v FROM 'offers.parquet' ORDER BY docid LIMIT 5",
        "SELECT docid, title FROM 'offers.parquet' ORDER BY ai_similarity(title, 'boots') DESC, docid LIMIT 20",
        // The key of this sort is projected away below the call.
        "SELECT c, count(*) FROM (SELECT categorize(title, text) AS c FROM (SELECT * FROM 'offers.parquet'
         ORDER BY docid LIMIT 700 OFFSET 100)) GROUP BY c ORDER BY c",
        "SELECT c, count(*) FROM (SELECT categorize(title, text) AS c FROM (SELECT * FROM 'offers.parquet'
         ORDER BY price DESC, docid LIMIT 700)) GROUP BY c ORDER BY c",
    ] {
        let (remote, local) = (
            cluster.run_remote(DETERMINISTIC, sql),
            cluster.run_local(DETERMINISTIC, sql),
        );
        assert_eq!(remote.rows(), local.rows(), "{sql}");
    }
}

/// The rows below a LIMIT are in one partition, which one executor would work on.
#[test]
fn sorted_rows_are_shared_by_the_executors() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 1500);
    let sql = "EXPLAIN ANALYZE SELECT categorize(title, text), count(*) FROM (SELECT * FROM 'offers.parquet'
               ORDER BY docid LIMIT 700 OFFSET 100) GROUP BY 1";
    let stages = cluster.run_remote(DETERMINISTIC, sql).rows();
    let infer = stages.find("InferExec").expect("a stage has the operator");
    let stage = stages[..infer]
        .rfind("Stage ")
        .expect("the operator is in a stage");
    assert!(stages[stage..infer].contains("16 partitions"), "{stages}");
}

#[test]
fn copy_writes_the_file_of_a_single_process() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 1200);
    let copy = |target: &str| {
        format!(
            "COPY (SELECT docid, title, embed(title) AS v, categorize(title, text) AS category FROM 'offers.parquet') TO '{target}'"
        )
    };
    cluster
        .run_remote(DETERMINISTIC, &copy("remote.parquet"))
        .rows();
    cluster
        .run_local(DETERMINISTIC, &copy("local.parquet"))
        .rows();
    let all = |table: &str| format!("SELECT * FROM '{table}' ORDER BY docid");
    let (remote, local) = (all("remote.parquet"), all("local.parquet"));
    assert_eq!(
        cluster.run_local(&[], &remote).rows(),
        cluster.run_local(&[], &local).rows()
    );
    // The metadata of a column names the model of its vectors.
    let describe = |table: &str| format!("DESCRIBE '{table}'");
    assert_eq!(
        cluster.run_local(&[], &describe("remote.parquet")).rows(),
        cluster.run_local(&[], &describe("local.parquet")).rows()
    );
    for sql in [
        "SELECT docid, score FROM vector_search('remote.parquet', 'warm boots', k => 7) ORDER BY score DESC, docid",
        "SELECT category, count(*) AS amount_of_products FROM 'remote.parquet' GROUP BY category",
        "SELECT count(*) FROM knn_join('remote.parquet', (SELECT v AS w FROM 'remote.parquet' WHERE docid <= 40), 3)",
        "SELECT a.docid, b.docid AS other FROM 'remote.parquet' AS a JOIN 'remote.parquet' AS b
         ON cosine_similarity(a.v, b.v) > 0.9 WHERE a.docid < 50",
    ] {
        let (remote, local) = (
            cluster.run_remote(DETERMINISTIC, sql),
            cluster.run_local(DETERMINISTIC, sql),
        );
        assert_eq!(
            remote.code, local.code,
            "{sql}: {} {}",
            remote.stderr, local.stderr
        );
        assert_eq!(
            remote.stdout.lines().count(),
            local.stdout.lines().count(),
            "{sql}"
        );
    }
    cluster.assert_same(
        DETERMINISTIC,
        "SELECT category, count(*) FROM 'remote.parquet' WHERE v IS NOT NULL GROUP BY category",
    );
}

#[test]
fn executors_run_the_model_and_label_sets_of_the_client() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 60);
    cluster.assert_same(
        &[],
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet'",
    );
    // A label set of the client's dictionary.
    std::fs::write(
        cluster.path().join("data_dict.yaml"),
        "version: 1\ntaxonomies:\n  - name: own\n    labels:\n      - name: wear\n        phrases: [shoes, boots, a scarf]\n      - name: other\n        phrases: [a book, a kitchen tool, a computer, music]\n",
    )
    .unwrap();
    cluster.assert_same(
        &["--set", "ai.taxonomy=own"],
        "SELECT categorize(title, text) AS category, count(*) AS n FROM 'offers.parquet' GROUP BY 1",
    );
}

#[test]
fn fast_mode_has_the_rows_of_a_single_process() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 2500);
    cluster.assert_same(
        &["--set", "ai.mode=fast", "--set", "ai.fast_agreement=0.3"],
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet'",
    );
}

#[test]
fn queries_over_data_of_the_client_run_locally_unless_it_is_small() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 300);
    // `_` is small enough to be sent.
    let small_table = "SELECT docid, title FROM 'offers.parquet' WHERE price = 2; SELECT categorize(title, 'x') AS c, count(*) FROM _ GROUP BY 1";
    assert_eq!(
        cluster.run_remote(DETERMINISTIC, small_table).sorted_rows(),
        cluster.run_local(DETERMINISTIC, small_table).sorted_rows()
    );
    // A table function is not sent: Ballista would run it in every task.
    let generated = "SELECT categorize('offer ' || value, NULL) AS c, count(*) FROM generate_series(1, 500) GROUP BY 1";
    let remote = cluster.run_remote(DETERMINISTIC, generated);
    assert!(
        remote.stderr.contains("ran in this process"),
        "{}",
        remote.stderr
    );
    assert_eq!(
        remote.sorted_rows(),
        cluster.run_local(DETERMINISTIC, generated).sorted_rows()
    );
    for sql in [
        "SELECT 1 + 1",
        "SHOW MODELS",
        "SHOW DEVICES",
        "DESCRIBE 'offers.parquet'",
        "CREATE TABLE t AS SELECT docid FROM 'offers.parquet' WHERE price > 5; SELECT count(*) FROM t",
        "SELECT count(*) FROM 'offers.parquet'",
    ] {
        let (remote, local) = (
            cluster.run_remote(DETERMINISTIC, sql),
            cluster.run_local(DETERMINISTIC, sql),
        );
        assert_eq!(remote.rows(), local.rows(), "{sql}");
    }
    let profile = cluster
        .run_remote(DETERMINISTIC, "SUMMARIZE 'offers.parquet'")
        .rows();
    assert!(profile.contains("docid"), "{profile}");
}

#[test]
fn explain_analyze_shows_the_stages() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 300);
    let sql = "EXPLAIN ANALYZE SELECT categorize(title, text) AS c, count(*) FROM 'offers.parquet' GROUP BY 1";
    let shown = cluster.run_remote(DETERMINISTIC, sql).rows();
    for part in ["ClusterExec", "Stage ", "InferExec", "distinct_texts"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
