//! Placement of model calls in plans: snapshots of optimized plans, and the
//! results of queries.
//!
//! After an intended change, run the tests with `INSTA_UPDATE=always` and review
//! the difference.

mod executed;
mod operator;
mod random_plans;
mod windows;

use datafusion::prelude::{SessionConfig, SessionContext};

/// Offers with a NULL and a blank among their texts, and some of them twice.
const SETUP: &[&str] = &[
    "SET ai.model = 'deterministic'",
    "CREATE TABLE offers AS SELECT * FROM (VALUES
        (1, 'red shoes', 'warm winter boots', 9.5, 'acme'),
        (2, 'blue shirt', 'soft cotton', 3.0, 'acme'),
        (3, 'a novel', 'a book of many pages', 12.0, 'press'),
        (4, 'red shoes', 'warm winter boots', 7.5, 'other'),
        (5, NULL, 'a lamp for the desk', 20.0, NULL),
        (6, 'tea pot', NULL, 6.0, 'acme'),
        (7, ' ', '', 1.0, 'press'),
        (8, 'green tea', 'leaves of spring', 4.5, 'press')
    ) AS t(id, title, text, price, brand)",
    "CREATE TABLE brands AS SELECT * FROM (VALUES ('acme', 'fine shoes'), ('press', 'good books'))
     AS t(brand, motto)",
];

async fn plan(sql: &str) -> String {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    semql_udfs::register_all(&ctx).unwrap();
    for setup in SETUP {
        ctx.sql(setup).await.unwrap().collect().await.unwrap();
    }
    let state = ctx.state();
    let plan = state.create_logical_plan(sql).await.unwrap();
    state.optimize(&plan).unwrap().display_indent().to_string()
}

macro_rules! snapshots {
    ($($name:ident: $sql:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let plan = plan($sql).await;
            insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, description => $sql }, {
                insta::assert_snapshot!(stringify!($name), plan);
            });
        }
    )*};
}

snapshots! {
    a_call_on_literals_becomes_a_constant:
        "SELECT ai_count_tokens('red shoes') AS n, ai_similarity('tea', 'tea') > 0.9 AS same";
    a_call_is_computed_once:
        "SELECT embed(title) AS v, embed(title) AS w FROM offers";
    select_where_and_order_by_share_a_call:
        "SELECT id, categorize(title, text) AS category FROM offers WHERE categorize(title, text) = 'Books' ORDER BY categorize(title, text), id";
    calls_on_the_same_text_share_a_node:
        "SELECT categorize(title, text), embed(title), ai_similarity(title, 'tea') FROM offers";
    the_cheap_condition_comes_first:
        "SELECT id FROM (SELECT id, price, categorize(title, text) AS category FROM offers) WHERE category = 'Books' AND price > 5";
    model_conditions_run_in_sequence:
        "SELECT id FROM offers WHERE ai_similarity(title, 'tea') > 0.1 AND price > 5 AND categorize(title, text) <> 'Books'";
    a_limit_bounds_the_rows:
        "SELECT id, embed(title) FROM offers LIMIT 3";
    a_cheap_order_and_a_limit_bound_the_rows:
        "SELECT id, categorize(title, text) AS category FROM offers ORDER BY price LIMIT 3";
    an_order_by_a_call_needs_all_rows:
        "SELECT title FROM offers ORDER BY ai_similarity(title, 'something warm') DESC LIMIT 3";
    grouping_by_category:
        "SELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products FROM offers GROUP BY category ORDER BY 2 DESC LIMIT 5";
    an_aggregate_of_a_call:
        "SELECT brand, count(DISTINCT categorize(title, text)) AS categories, avg(ai_similarity(title, 'tea')) FROM offers GROUP BY brand";
    a_selective_join_runs_before_the_calls:
        "SELECT o.id, categorize(o.title, o.text) AS category FROM offers o JOIN brands b ON o.brand = b.brand WHERE b.motto = 'fine shoes'";
    calls_of_a_view_run_after_its_join:
        "WITH c AS (SELECT id, brand, categorize(title, text) AS category FROM offers) SELECT c.id, c.category, b.motto FROM c JOIN brands b ON c.brand = b.brand ORDER BY c.id LIMIT 2";
    a_join_on_similarity:
        "SELECT o.id, b.brand FROM offers o JOIN brands b ON ai_similarity(o.title, b.motto) > 0.2";
    a_case_calls_the_model_only_for_taken_branches:
        "SELECT CASE WHEN price > 5 THEN categorize(title, text) ELSE 'cheap' END AS category FROM offers";
    an_or_calls_the_model_only_for_undecided_rows:
        "SELECT id FROM offers WHERE price > 5 OR categorize(title, text) = 'Books'";
    a_call_on_a_call:
        "SELECT ai_classify(categorize(title, text), ['paper', 'cloth']) AS kind FROM offers";
    a_window_over_calls:
        "SELECT id, row_number() OVER (PARTITION BY categorize(title, text) ORDER BY price) AS place FROM offers";
    both_sides_of_a_union:
        "SELECT categorize(title, text) AS c FROM offers WHERE id < 3 UNION ALL SELECT motto FROM brands";
    unused_calls_are_removed:
        "SELECT count(*) FROM (SELECT id, categorize(title, text) AS category FROM offers)";
}

#[tokio::test]
async fn lifting_twice_changes_nothing() {
    let sql = "SELECT id, categorize(title, text) AS c, embed(title) FROM offers WHERE price > 2 AND categorize(title, text) <> 'x' ORDER BY id LIMIT 3";
    let ctx = SessionContext::new();
    semql_udfs::register_all(&ctx).unwrap();
    for setup in SETUP {
        ctx.sql(setup).await.unwrap().collect().await.unwrap();
    }
    let state = ctx.state();
    let plan = state.create_logical_plan(sql).await.unwrap();
    let once = state.optimize(&plan).unwrap();
    let twice = state.optimize(&once).unwrap();
    assert_eq!(
        once.display_indent().to_string(),
        twice.display_indent().to_string()
    );
}
