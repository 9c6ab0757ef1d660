//! Behavior of Ballista 55 that semql works around.

use super::processes::{Cluster, DETERMINISTIC, create_offers};

/// Adaptive planning, the default, replaces the session's physical optimizer rules
/// by Ballista's.
#[test]
fn adaptive_planning_keeps_the_plan() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 600);
    let sql = "SELECT categorize(title, text) AS c, count(*) AS n FROM 'offers.parquet' GROUP BY 1";
    for adaptive in ["true", "false"] {
        let set = format!("ballista.planner.adaptive.enabled={adaptive}");
        let args = [DETERMINISTIC, &["--set", &set]].concat();
        let remote = cluster.run_remote(&args, sql).sorted_rows();
        assert_eq!(remote, cluster.run_local(DETERMINISTIC, sql).sorted_rows());
        // A single operator runs the model, in several partitions.
        let explained = cluster
            .run_remote(&args, &format!("EXPLAIN ANALYZE {sql}"))
            .rows();
        assert_eq!(explained.matches("InferExec:").count(), 1, "{explained}");
        assert!(explained.contains("16 partitions"), "{explained}");
    }
}

/// Ballista registers DataFusion's functions last, and replaces those of the same name.
#[test]
fn functions_that_replace_built_in_ones_are_kept() {
    let cluster = Cluster::start(1);
    let make =
        "COPY (SELECT value AS docid, arrow_cast([value, 2, value % 7], 'List(Float32)') AS v
        FROM generate_series(1, 400)) TO 'v.parquet'";
    cluster.run_local(&[], make).rows();
    // A zero vector has no direction: NULL in semql, a number in DataFusion.
    for function in [
        "cosine_distance",
        "inner_product",
        "array_distance",
        "cosine_similarity",
    ] {
        cluster.assert_same(
            &[],
            &format!(
                "SELECT docid, {function}(v, arrow_cast([0, 0, 0], 'List(Float32)')) AS zero,
                 {function}(v, arrow_cast([1, docid, 3], 'List(Float32)')) AS d FROM 'v.parquet'"
            ),
        );
    }
}

/// Ballista drops settings whose prefix is not registered on the other side.
#[test]
fn settings_of_the_client_apply_on_executors() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 600);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let strict = [DETERMINISTIC, &["--set", "ai.min_score=0.999"]].concat();
    let lax = cluster.run_remote(DETERMINISTIC, sql).sorted_rows();
    let remote = cluster.run_remote(&strict, sql).sorted_rows();
    assert_ne!(remote, lax, "the setting has no effect");
    assert_eq!(remote, cluster.run_local(&strict, sql).sorted_rows());
    let seeded = [DETERMINISTIC, &["--set", "ai.seed=11"]].concat();
    let word_vectors = "SELECT w['word'] AS word, w['vector'] AS v FROM (SELECT unnest(word2vec(title, 4)) AS w FROM 'offers.parquet')";
    let remote = cluster.run_remote(&seeded, word_vectors).sorted_rows();
    assert_eq!(
        remote,
        cluster.run_local(&seeded, word_vectors).sorted_rows()
    );
    assert_ne!(
        remote,
        cluster
            .run_remote(DETERMINISTIC, word_vectors)
            .sorted_rows()
    );
}

/// Ballista assigns all partitions of an unknown leaf to every task.
#[test]
fn no_row_is_duplicated() {
    let cluster = Cluster::start(2);
    create_offers(&cluster, 900);
    for sql in [
        "SELECT count(*) AS n, sum(docid) AS s FROM (
            SELECT docid FROM 'offers.parquet' WHERE price > 1
            UNION ALL SELECT docid FROM 'more.parquet' WHERE price > 1
            UNION ALL SELECT column1 FROM (VALUES (1), (2), (3)))",
        "SELECT categorize(title, NULL) AS c, count(*) AS n FROM (
            SELECT title FROM 'offers.parquet' UNION ALL SELECT title FROM 'more.parquet') GROUP BY 1",
    ] {
        cluster.assert_same(DETERMINISTIC, sql);
    }
    // Unknown leaves run locally.
    for sql in [
        "SELECT count(*) AS n, sum(docid) AS s FROM (
            SELECT docid FROM 'offers.parquet' WHERE price > 1 UNION ALL SELECT value FROM generate_series(1, 1000))",
        "SELECT count(*) FROM 'offers.parquet' AS o JOIN generate_series(1, 900) AS g ON o.docid = g.value WHERE o.price > 2",
    ] {
        let (remote, local) = (cluster.run_remote(DETERMINISTIC, sql), cluster.run_local(DETERMINISTIC, sql));
        assert_eq!(remote.rows(), local.rows(), "{sql}");
    }
}
