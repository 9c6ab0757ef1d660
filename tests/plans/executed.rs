//! Queries give the same results with and without lifted calls, and send the
//! expected number of texts to the model.

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use semql_udfs::Runtime;
use std::sync::Arc;

/// Rows as text, sorted unless the query has ORDER BY.
pub async fn rows(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    let text = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    if !sql.contains("ORDER BY") {
        lines.sort();
    }
    lines
}

pub async fn session(partitions: usize, lifted: bool) -> (SessionContext, Arc<Runtime>) {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let ctx = SessionContext::new_with_config(config);
    let runtime = Arc::new(Runtime::new());
    if lifted {
        semql_udfs::register_with(&ctx, Arc::clone(&runtime)).unwrap();
    } else {
        semql_udfs::register_functions(&ctx, Arc::clone(&runtime)).unwrap();
    }
    for setup in super::SETUP {
        ctx.sql(setup).await.unwrap().collect().await.unwrap();
    }
    // Embeds the phrases of the labels, which the tests do not count.
    ctx.sql("SELECT categorize('a', 'b'), ai_classify('a', ['paper', 'cloth'])")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    (ctx, runtime)
}

/// Compares the results of `sql`. `reads` is the number of distinct texts that the
/// lifted query sends to the model.
async fn check(sql: &str, reads: u64) {
    let (plain, _) = session(1, false).await;
    let expected = rows(&plain, sql).await;
    for partitions in [1, 3] {
        let (ctx, runtime) = session(partitions, true).await;
        let before = runtime.progress().texts_done;
        assert_eq!(rows(&ctx, sql).await, expected, "{sql}");
        let read = runtime.progress().texts_done - before;
        assert_eq!(
            read, reads,
            "texts read with {partitions} partitions: {sql}"
        );
    }
}

macro_rules! executed {
    ($($name:ident: $reads:expr, $sql:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check($sql, $reads).await;
        }
    )*};
}

// The eight offers have six different titles or texts that stand alone, and
// four different pairs of title and text.
executed! {
    every_text_is_read_once: 10,
        "SELECT id, categorize(title, text) FROM offers";
    a_call_in_three_clauses_is_computed_once: 10,
        "SELECT id, categorize(title, text) AS c FROM offers WHERE categorize(title, text) <> 'Books' ORDER BY categorize(title, text), id";
    three_functions_share_a_pass: 11,
        "SELECT id, categorize(title, text), embed(title), ai_similarity(title, 'tea') FROM offers";
    survivors_of_the_cheap_condition_alone_are_read: 2,
        "SELECT id, categorize(title, text) AS c FROM offers WHERE price > 8 AND price < 10 AND categorize(title, text) IS NOT NULL";
    a_second_condition_reads_nothing_again: 10,
        "SELECT id FROM offers WHERE categorize(title, text) IS NOT NULL AND embed(title) IS NOT NULL";
    a_limit_reads_that_many: 2,
        "SELECT id, embed(title) FROM offers LIMIT 2";
    the_cheapest_three: 4,
        "SELECT id, categorize(title, text) AS c FROM offers ORDER BY price LIMIT 3";
    the_most_alike: 5,
        "SELECT id FROM offers ORDER BY ai_similarity(title, 'green tea') DESC NULLS LAST, id LIMIT 2";
    the_branch_of_a_case: 5,
        "SELECT id, CASE WHEN price > 8 THEN categorize(title, text) ELSE 'cheap' END AS c FROM offers";
    a_case_on_a_category: 10,
        "SELECT id, CASE categorize(title, text) WHEN 'Books' THEN 'b' WHEN 'Office' THEN 'o' ELSE brand END AS c FROM offers";
    a_case_with_a_call_in_each_branch: 5,
        "SELECT id, CASE WHEN brand = 'acme' THEN ai_classify(title, ['paper', 'cloth']) WHEN brand = 'press' THEN ai_classify(text, ['paper', 'cloth']) END AS c FROM offers";
    an_or_with_undecided_rows: 4,
        "SELECT id FROM offers WHERE price > 5 OR categorize(title, text) IS NOT NULL";
    an_and_inside_an_or: 2,
        "SELECT id FROM offers WHERE (price > 8 AND price < 10 AND categorize(title, text) <> 'x') OR id = 2";
    the_first_that_is_not_null: 1,
        "SELECT id, coalesce(brand, ai_classify(text, ['paper', 'cloth'])) AS c FROM offers";
    groups: 10,
        "SELECT categorize(title, text) AS c, count(*) FROM offers GROUP BY c";
    grouping_sets: 10,
        "SELECT categorize(title, text) AS c, brand, count(*) FROM offers GROUP BY ROLLUP (categorize(title, text), brand)";
    a_having: 10,
        "SELECT categorize(title, text) AS c, count(*) AS n FROM offers GROUP BY 1 HAVING count(*) > 0";
    a_filtered_aggregate: 10,
        "SELECT count(*) FILTER (WHERE categorize(title, text) = 'Clothing'), max(categorize(title, text)) FROM offers";
    distinct_answers: 10,
        "SELECT DISTINCT categorize(title, text) FROM offers";
    a_selective_join: 4,
        "SELECT o.id, categorize(o.title, o.text) FROM offers o JOIN brands b ON o.brand = b.brand WHERE b.brand = 'acme' AND o.price > 2 AND o.id <> 6";
    a_join_that_multiplies: 10,
        "SELECT a.id, b.id, categorize(a.title, a.text) FROM offers a CROSS JOIN offers b";
    a_join_on_meaning: 7,
        "SELECT o.id, b.brand FROM offers o JOIN brands b ON ai_similarity(o.title, b.motto) > -2";
    a_left_join_on_meaning: 7,
        "SELECT o.id, b.brand FROM offers o LEFT JOIN brands b ON ai_similarity(o.title, b.motto) > 0.2";
    a_left_join_with_a_condition_on_one_side: 2,
        "SELECT o.id, b.brand FROM offers o LEFT JOIN brands b ON o.brand = b.brand AND ai_classify(b.motto, ['paper', 'cloth']) = 'paper'";
    a_join_on_a_category: 10,
        "SELECT a.id, b.id FROM offers a JOIN offers b ON categorize(a.title, a.text) = categorize(b.title, b.text) AND a.id < b.id";
    calls_of_the_padded_side: 2,
        "SELECT o.id, m.c FROM offers o LEFT JOIN (SELECT brand, coalesce(ai_classify(motto, ['paper', 'cloth']), 'none') AS c FROM brands) m ON o.brand = m.brand";
    a_common_table_twice: 10,
        "WITH c AS (SELECT id, categorize(title, text) AS c FROM offers) SELECT a.id, b.c FROM c a JOIN c b ON a.id = b.id";
    an_in_subquery: 10,
        "SELECT id FROM offers WHERE categorize(title, text) IN (SELECT categorize(title, text) FROM offers WHERE id = 1)";
    a_correlated_subquery: 7,
        "SELECT id FROM offers o WHERE EXISTS (SELECT 1 FROM brands b WHERE b.brand = o.brand AND ai_similarity(b.motto, o.title) > -2)";
    a_scalar_subquery: 5,
        "SELECT id, ai_similarity(title, (SELECT max(title) FROM offers)) > 0.9 AS same FROM offers";
    a_subquery_over_a_category: 10,
        "SELECT id FROM (SELECT id, categorize(title, text) AS c FROM offers) s WHERE EXISTS (SELECT 1 FROM brands b WHERE b.motto <> s.c)";
    a_union: 12,
        "SELECT id, categorize(title, text) AS c FROM offers UNION ALL SELECT 0, ai_classify(motto, ['paper', 'cloth']) FROM brands";
    a_window: 10,
        "SELECT id, row_number() OVER (PARTITION BY categorize(title, text) ORDER BY id) AS n, categorize(title, text) FROM offers";
    a_call_in_a_window: 6,
        "SELECT id, max(ai_similarity(title, 'tea')) OVER (PARTITION BY brand) > -2 AS m FROM offers";
    a_call_on_a_call: 15,
        "SELECT id, ai_classify(categorize(title, text), ['paper', 'cloth']) AS kind FROM offers";
    nested_selects_with_wrapped_calls: 10,
        "SELECT id, upper(c) || '!' AS u FROM (SELECT id, categorize(title, text) || '?' AS c FROM offers WHERE id > 0) WHERE c LIKE '%?' ORDER BY id";
    an_offset: 1,
        "SELECT id, embed(title) IS NULL AS no FROM offers ORDER BY price DESC LIMIT 2 OFFSET 2";
    no_rows: 0,
        "SELECT categorize(title, text), embed(title) FROM offers WHERE id > 100";
    a_call_on_a_random_argument_is_not_lifted: 2,
        "SELECT count(ai_classify(CASE WHEN random() < 2 THEN motto END, ['paper', 'cloth'])) AS n FROM brands";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_statement() {
    let (ctx, runtime) = session(2, true).await;
    let before = runtime.progress().texts_done;
    ctx.sql("PREPARE near(VARCHAR, INT) AS SELECT id FROM offers WHERE id < $2 ORDER BY ai_similarity(title, $1) DESC NULLS LAST, id LIMIT 1")
        .await
        .unwrap();
    let lines = rows(&ctx, "EXECUTE near('blue shirt', 4)").await;
    assert!(lines.iter().any(|line| line.contains("| 2 ")), "{lines:?}");
    assert_eq!(runtime.progress().texts_done - before, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_rows_is_kept() {
    let (ctx, _) = session(1, true).await;
    ctx.sql("CREATE TABLE many AS SELECT value AS id, concat('text ', value % 700, repeat(' word', CAST(value % 13 AS INT))) AS t FROM generate_series(1, 20000)")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let batches = ctx
        .sql("SELECT id, embed(t) AS v, t FROM many")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let ids: Vec<i64> = batches
        .iter()
        .flat_map(|batch| {
            let ids = batch.column(0);
            let ids = ids
                .as_any()
                .downcast_ref::<datafusion::arrow::array::Int64Array>();
            ids.unwrap().values().to_vec()
        })
        .collect();
    assert_eq!(ids, (1..=20000).collect::<Vec<i64>>());
}
