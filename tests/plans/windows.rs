//! Window functions over the vectors of a table, and joins of the nearest rows: results
//! in semql's operators equal the engine's, and only chosen columns are in memory.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use semql_udfs::plan::{VectorJoinExec, VectorWindowExec};

use super::executed::{rows, session};

const VECTORS: &str = "(SELECT *, CASE WHEN id <> 3 THEN [price, CAST(id AS DOUBLE)] END AS v,
    [price, 1.0, CAST(id AS DOUBLE)] AS w FROM offers)";

#[tokio::test]
async fn windows_have_the_results_of_the_engine() {
    for select in [
        "SELECT id, kmeans(v, 2) OVER () AS k",
        "SELECT kmeans(v, 2) OVER () AS k, brand, pca(v, 1) OVER () AS p, id",
        "SELECT kmeans(v, 2, 7) OVER () AS k, pca(w, 2) OVER () AS p, id",
        "SELECT *, kmeans(v, 3) OVER () AS k",
        "SELECT id, v AS a, v AS b, kmeans(v, 3) OVER () + 1 AS k, row_number() OVER (ORDER BY id) AS n",
        "SELECT id, kmeans(v, 2) OVER () AS k, kmeans(w, 1) OVER (PARTITION BY brand) AS l",
    ] {
        let sql = format!("{select} FROM {VECTORS} ORDER BY id");
        let (plain, _) = session(1, false).await;
        let expected = rows(&plain, &sql).await;
        for partitions in [1, 3] {
            let (ctx, _) = session(partitions, true).await;
            assert_eq!(rows(&ctx, &sql).await, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn windows_and_joins_keep_chosen_columns_only() {
    let (ctx, _) = session(2, true).await;
    let of_window = |plan: &VectorWindowExec| plan.columns().len();
    let groups = "SELECT k, count(*) FROM (SELECT kmeans(v, 2) OVER () AS k";
    let sql = format!("{groups} FROM {VECTORS}) GROUP BY k");
    assert_eq!(find(&ctx, &sql, of_window).await, Some(1));
    let sql = format!("SELECT id, kmeans(v, 2) OVER () AS k FROM {VECTORS}");
    assert_eq!(find(&ctx, &sql, of_window).await, Some(2));
    // The engine splits a table into partitions.
    let sql = format!("SELECT id, kmeans(v, 2) OVER (PARTITION BY brand) AS k FROM {VECTORS}");
    assert_eq!(find(&ctx, &sql, of_window).await, None);

    let of_join = |plan: &VectorJoinExec| plan.columns().len();
    let join = "FROM knn_join((SELECT id, embed(title) AS v FROM offers WHERE id < 3),
        (SELECT id AS other, embed(text) AS w FROM offers), k => 2)";
    for (columns, count) in [("sum(score)", 1), ("max(other), max(id)", 2)] {
        let sql = format!("SELECT {columns} {join}");
        assert_eq!(find(&ctx, &sql, of_join).await, Some(count), "{sql}");
    }
    // Each choice of columns has the values of the whole.
    let whole = format!(
        "SELECT id, other, rank, round(score, 3) AS score, w = w AS same {join} ORDER BY id, rank"
    );
    let narrow = format!("SELECT other {join} ORDER BY id, rank");
    let (whole, narrow) = (rows(&ctx, &whole).await, rows(&ctx, &narrow).await);
    // A line of the table begins with a bar, before the first column.
    let column = |lines: &[String], at: usize| -> Vec<String> {
        let cell = |line: &String| Some(line.split('|').nth(at)?.trim().to_string());
        lines.iter().skip(3).filter_map(cell).collect()
    };
    let narrow = column(&narrow, 1);
    assert_eq!(narrow, column(&whole, 2));
    assert_eq!(narrow.len(), 4);
}

/// What `facts` finds at the first operator of a type in the plan of a query.
async fn find<P: ExecutionPlan + 'static>(
    ctx: &SessionContext,
    sql: &str,
    facts: impl Fn(&P) -> usize,
) -> Option<usize> {
    let plan = ctx
        .sql(sql)
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    let mut plans: Vec<&Arc<dyn ExecutionPlan>> = vec![&plan];
    while let Some(plan) = plans.pop() {
        if let Some(found) = plan.downcast_ref::<P>() {
            return Some(facts(found));
        }
        plans.extend(plan.children());
    }
    None
}
