//! The same SQL gives the same answers in a cluster as in one process.

use super::processes::{Cluster, offers};

/// A model that needs no files: what counts is the plan.
const PLAN: &[&str] = &["--set", "ai.model=deterministic"];

#[test]
fn queries_give_what_they_give_in_one_process() {
    let cluster = Cluster::start(2);
    offers(&cluster, 1500);
    for sql in [
        "SELECT categorize(title, text) AS category, count(*) AS n FROM 'offers.parquet' GROUP BY 1",
        "SELECT docid, ai_classify(title, ['shoes', 'books', 'tools']) AS label FROM 'offers.parquet'",
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet' WHERE price > 3 AND embed(title) IS NOT NULL",
        "SELECT price, avg(ai_similarity(title, 'a pair of shoes')) > 0 AS near, count(*) FROM 'offers.parquet' GROUP BY price",
        "SELECT o.docid, categorize(o.title, m.title) AS c FROM 'offers.parquet' AS o JOIN 'more.parquet' AS m USING (docid)",
        "SELECT docid FROM 'offers.parquet' WHERE docid NOT IN (SELECT docid FROM 'more.parquet') AND price = 1",
        "SELECT ai_count_tokens(title) AS tokens, count(*) FROM 'offers.parquet' GROUP BY 1",
        "SELECT price, kmeans(embed(title), 3, 1) OVER (PARTITION BY price) AS k, docid FROM 'offers.parquet' WHERE price < 3",
        "SELECT w['word'] AS word, w['count'] AS n FROM (SELECT unnest(word2vec(title, 8)) AS w FROM 'offers.parquet')",
    ] {
        cluster.same(PLAN, sql);
    }
}

#[test]
fn order_and_limit_are_kept() {
    let cluster = Cluster::start(2);
    offers(&cluster, 1500);
    for sql in [
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' ORDER BY docid DESC",
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' ORDER BY price, docid LIMIT 700",
        "SELECT docid, embed(title) AS v FROM 'offers.parquet' ORDER BY docid LIMIT 5",
        "SELECT docid, title FROM 'offers.parquet' ORDER BY ai_similarity(title, 'boots') DESC, docid LIMIT 20",
    ] {
        let (there, here) = (cluster.there(PLAN, sql), cluster.here(PLAN, sql));
        assert_eq!(there.rows(), here.rows(), "{sql}");
    }
}

#[test]
fn the_saved_pipeline_runs_and_its_files_are_the_same() {
    let cluster = Cluster::start(2);
    offers(&cluster, 1200);
    let copy = |target: &str| {
        format!(
            "COPY (SELECT docid, title, embed(title) AS v, categorize(title, text) AS category FROM 'offers.parquet') TO '{target}'"
        )
    };
    let done = cluster.there(PLAN, &copy("there.parquet"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    cluster.here(PLAN, &copy("here.parquet")).rows();
    let all = |table: &str| format!("SELECT * FROM '{table}' ORDER BY docid");
    let (there, here) = (all("there.parquet"), all("here.parquet"));
    assert_eq!(
        cluster.here(&[], &there).rows(),
        cluster.here(&[], &here).rows()
    );
    // A vector remembers its model also when it was made elsewhere.
    let about = |table: &str| format!("DESCRIBE '{table}'");
    assert_eq!(
        cluster.here(&[], &about("there.parquet")).rows(),
        cluster.here(&[], &about("here.parquet")).rows()
    );
    for sql in [
        "SELECT docid, score FROM vector_search('there.parquet', 'warm boots', k => 7) ORDER BY score DESC, docid",
        "SELECT category, count(*) AS amount_of_products FROM 'there.parquet' GROUP BY category",
        "SELECT count(*) FROM knn_join('there.parquet', (SELECT v AS w FROM 'there.parquet' WHERE docid <= 40), 3)",
        "SELECT a.docid, b.docid AS other FROM 'there.parquet' AS a JOIN 'there.parquet' AS b
         ON cosine_similarity(a.v, b.v) > 0.9 WHERE a.docid < 50",
    ] {
        let (there, here) = (cluster.there(PLAN, sql), cluster.here(PLAN, sql));
        assert_eq!(there.code, here.code, "{sql}: {} {}", there.err, here.err);
        assert_eq!(there.out.lines().count(), here.out.lines().count(), "{sql}");
    }
    cluster.same(
        PLAN,
        "SELECT category, count(*) FROM 'there.parquet' WHERE v IS NOT NULL GROUP BY category",
    );
}

#[test]
fn the_model_answers_on_executors_as_it_does_here() {
    let cluster = Cluster::start(2);
    offers(&cluster, 60);
    cluster.same(
        &[],
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet'",
    );
    // A label set of the client's own dictionary.
    std::fs::write(
        cluster.path().join("data_dict.yaml"),
        "version: 1\ntaxonomies:\n  - name: own\n    labels:\n      - name: wear\n        phrases: [shoes, boots, a scarf]\n      - name: other\n        phrases: [a book, a kitchen tool, a computer, music]\n",
    )
    .unwrap();
    cluster.same(
        &["--set", "ai.taxonomy=own"],
        "SELECT categorize(title, text) AS category, count(*) AS n FROM 'offers.parquet' GROUP BY 1",
    );
}

#[test]
fn fast_mode_gives_what_it_gives_in_one_process() {
    let cluster = Cluster::start(2);
    offers(&cluster, 2500);
    cluster.same(
        &["--set", "ai.mode=fast", "--set", "ai.fast_agreement=0.3"],
        "SELECT docid, categorize(title, text) AS category FROM 'offers.parquet'",
    );
}

#[test]
fn what_is_in_the_clients_memory_stays_there() {
    let cluster = Cluster::start(1);
    offers(&cluster, 300);
    // `_` is small enough to go along.
    let twice = "SELECT docid, title FROM 'offers.parquet' WHERE price = 2; SELECT categorize(title, 'x') AS c, count(*) FROM _ GROUP BY 1";
    assert_eq!(
        cluster.there(PLAN, twice).sorted(),
        cluster.here(PLAN, twice).sorted()
    );
    // A function that makes rows is not: Ballista would make them several times.
    let made = "SELECT categorize('offer ' || value, NULL) AS c, count(*) FROM generate_series(1, 500) GROUP BY 1";
    let there = cluster.there(PLAN, made);
    assert!(there.err.contains("ran in this process"), "{}", there.err);
    assert_eq!(there.sorted(), cluster.here(PLAN, made).sorted());
    for sql in [
        "SELECT 1 + 1",
        "SHOW MODELS",
        "DESCRIBE 'offers.parquet'",
        "CREATE TABLE t AS SELECT docid FROM 'offers.parquet' WHERE price > 5; SELECT count(*) FROM t",
        "SELECT count(*) FROM 'offers.parquet'",
    ] {
        let (there, here) = (cluster.there(PLAN, sql), cluster.here(PLAN, sql));
        assert_eq!(there.rows(), here.rows(), "{sql}");
    }
    let profile = cluster.there(PLAN, "SUMMARIZE 'offers.parquet'").rows();
    assert!(profile.contains("docid"), "{profile}");
}

#[test]
fn explain_analyze_shows_what_the_executors_did() {
    let cluster = Cluster::start(1);
    offers(&cluster, 300);
    let sql = "EXPLAIN ANALYZE SELECT categorize(title, text) AS c, count(*) FROM 'offers.parquet' GROUP BY 1";
    let shown = cluster.there(PLAN, sql).rows();
    for part in ["ClusterExec", "Stage ", "InferExec", "distinct_texts"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
