//! Four things that Ballista 55 does to those who extend it.

use super::processes::{Cluster, offers};

const PLAN: &[&str] = &["--set", "ai.model=deterministic"];

/// With adaptive planning, which is on by default, Ballista plans with physical
/// optimizer rules of its own in place of the session's.
#[test]
fn adaptive_planning_changes_no_plan_of_ours() {
    let cluster = Cluster::start(2);
    offers(&cluster, 600);
    let sql = "SELECT categorize(title, text) AS c, count(*) AS n FROM 'offers.parquet' GROUP BY 1";
    for adaptive in ["true", "false"] {
        let set = format!("ballista.planner.adaptive.enabled={adaptive}");
        let args = [PLAN, &["--set", &set]].concat();
        let there = cluster.there(&args, sql).sorted();
        assert_eq!(there, cluster.here(PLAN, sql).sorted());
        // One operator asks the model, and it does so in parts.
        let explained = cluster
            .there(&args, &format!("EXPLAIN ANALYZE {sql}"))
            .rows();
        assert_eq!(explained.matches("InferExec:").count(), 1, "{explained}");
        assert!(explained.contains("16 partitions"), "{explained}");
    }
}

/// Ballista registers DataFusion's functions last, over those of the same name.
#[test]
fn functions_in_place_of_built_in_ones_stay_in_their_place() {
    let cluster = Cluster::start(1);
    let make =
        "COPY (SELECT value AS docid, arrow_cast([value, 2, value % 7], 'List(Float32)') AS v
        FROM generate_series(1, 400)) TO 'v.parquet'";
    assert_eq!(cluster.here(&[], make).code, Some(0));
    // A zero vector points nowhere: NULL here, a number in DataFusion's own.
    for function in [
        "cosine_distance",
        "inner_product",
        "array_distance",
        "cosine_similarity",
    ] {
        cluster.same(
            &[],
            &format!(
                "SELECT docid, {function}(v, arrow_cast([0, 0, 0], 'List(Float32)')) AS nowhere,
                 {function}(v, arrow_cast([1, docid, 3], 'List(Float32)')) AS d FROM 'v.parquet'"
            ),
        );
    }
}

/// Ballista drops settings whose prefix is not registered on the other side.
#[test]
fn settings_count_on_executors() {
    let cluster = Cluster::start(2);
    offers(&cluster, 600);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let strict = [PLAN, &["--set", "ai.min_score=0.999"]].concat();
    let lax = cluster.there(PLAN, sql).sorted();
    let there = cluster.there(&strict, sql).sorted();
    assert_ne!(there, lax, "the setting makes no difference");
    assert_eq!(there, cluster.here(&strict, sql).sorted());
    // An executor's own settings are those of its machine.
    let seeded = [PLAN, &["--set", "ai.seed=11"]].concat();
    let learnt = "SELECT w['word'] AS word, w['vector'] AS v FROM (SELECT unnest(word2vec(title, 4)) AS w FROM 'offers.parquet')";
    let there = cluster.there(&seeded, learnt).sorted();
    assert_eq!(there, cluster.here(&seeded, learnt).sorted());
    assert_ne!(there, cluster.there(PLAN, learnt).sorted());
}

/// Ballista gives every task all partitions of a leaf that it does not know.
#[test]
fn no_row_comes_twice() {
    let cluster = Cluster::start(2);
    offers(&cluster, 900);
    for sql in [
        "SELECT count(*) AS n, sum(docid) AS s FROM (
            SELECT docid FROM 'offers.parquet' WHERE price > 1
            UNION ALL SELECT docid FROM 'more.parquet' WHERE price > 1
            UNION ALL SELECT column1 FROM (VALUES (1), (2), (3)))",
        "SELECT categorize(title, NULL) AS c, count(*) AS n FROM (
            SELECT title FROM 'offers.parquet' UNION ALL SELECT title FROM 'more.parquet') GROUP BY 1",
    ] {
        cluster.same(PLAN, sql);
    }
    // Leaves of other kinds do not go there.
    for sql in [
        "SELECT count(*) AS n, sum(docid) AS s FROM (
            SELECT docid FROM 'offers.parquet' WHERE price > 1 UNION ALL SELECT value FROM generate_series(1, 1000))",
        "SELECT count(*) FROM 'offers.parquet' AS o JOIN generate_series(1, 900) AS g ON o.docid = g.value WHERE o.price > 2",
    ] {
        let (there, here) = (cluster.there(PLAN, sql), cluster.here(PLAN, sql));
        assert_eq!(there.rows(), here.rows(), "{sql}");
    }
}
