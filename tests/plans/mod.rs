//! Snapshots of optimised plans: where the AI calls end up.
//!
//! After a change that is meant to move them, run the tests with
//! `INSTA_UPDATE=always` and read the difference.

use datafusion::prelude::{SessionConfig, SessionContext};

async fn plan(sql: &str) -> String {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    semql_udfs::register_all(&ctx).unwrap();
    for setup in [
        "SET ai.model = 'deterministic'",
        "CREATE TABLE offers AS SELECT 'd1' AS docid, 'red shoes' AS title, 'warm' AS text, 9.5 AS price",
    ] {
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
    a_call_on_literals_is_answered_while_planning:
        "SELECT ai_count_tokens('red shoes') AS n, ai_similarity('tea', 'tea') > 0.9 AS same";
    a_call_is_computed_once_in_a_projection:
        "SELECT embed(title) AS v, embed(title) AS w FROM offers";
    the_filter_on_a_category_stays_above_the_cheap_one:
        "SELECT docid FROM (SELECT docid, price, categorize(title, text) AS category FROM offers) WHERE category = 'Books' AND price > 5";
    grouping_by_category:
        "SELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products FROM offers GROUP BY category";
    nearest_to_words:
        "SELECT title FROM offers ORDER BY ai_similarity(title, 'something warm') DESC LIMIT 3";
}
