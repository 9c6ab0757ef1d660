//! The operator in `EXPLAIN`, and with a small memory pool.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};

async fn text(ctx: &SessionContext, sql: &str) -> Result<String, String> {
    let frame = ctx.sql(sql).await.map_err(|e| e.to_string())?;
    let batches = frame.collect().await.map_err(|e| e.to_string())?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

async fn session(memory: Option<usize>) -> SessionContext {
    let mut environment = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory {
        environment = environment.with_memory_limit(bytes, 1.0);
    }
    let config = SessionConfig::new().with_target_partitions(1);
    let ctx = SessionContext::new_with_config_rt(config, environment.build_arc().unwrap());
    semql_udfs::register_all(&ctx).unwrap();
    for sql in [
        "SET ai.model = 'deterministic'",
        "CREATE VIEW many AS SELECT value AS id, concat('text ', value % 3000, repeat(' word', CAST(value % 30 AS INT))) AS t FROM generate_series(1, 12000)",
    ] {
        text(&ctx, sql).await.unwrap();
    }
    ctx
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_analyze_reports_costs() {
    let ctx = session(None).await;
    let plan = text(&ctx, "EXPLAIN ANALYZE SELECT id, embed(t) FROM many")
        .await
        .unwrap();
    let line = plan
        .lines()
        .find(|line| line.contains("InferExec"))
        .unwrap();
    for part in [
        "device=cpu",
        "precision=fp32",
        "output_rows=12.00 K",
        "distinct_texts=",
        "cache_hits=",
        "tokens=",
        "padding=",
        "truncated=0",
        "failed=0",
        "model_batches=",
        "model_time=",
        "tokenizer_time=",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    let padding = line.split("padding=").nth(1).unwrap();
    let share: f64 = padding.split('%').next().unwrap().trim().parse().unwrap();
    assert!(share < 5.0, "padding of {share}%: {line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_estimates_rows() {
    let ctx = session(None).await;
    text(&ctx, "CREATE TABLE few AS SELECT * FROM many LIMIT 100")
        .await
        .unwrap();
    let plan = text(&ctx, "EXPLAIN SELECT embed(t) FROM few")
        .await
        .unwrap();
    assert!(plan.contains("rows<=100, texts<=100"), "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_pool_makes_small_chunks() {
    let ctx = session(Some(6 << 20)).await;
    let count = "SELECT count(embed(t)), count(DISTINCT t) FROM many";
    assert!(text(&ctx, count).await.unwrap().contains("12000"));
    let ctx = session(Some(1000)).await;
    let error = text(&ctx, "SELECT embed(t) FROM many").await.unwrap_err();
    assert!(error.contains("Infer[0]"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tree_plans_show_calls() {
    let ctx = session(None).await;
    let plan = text(&ctx, "EXPLAIN FORMAT TREE SELECT embed(t) FROM many")
        .await
        .unwrap();
    assert!(
        plan.contains("InferExec") && plan.contains("calls"),
        "{plan}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_in_fast_mode_runs_twice() {
    let ctx = session(None).await;
    text(&ctx, "SET ai.mode = 'fast'").await.unwrap();
    let frame = ctx
        .sql("SELECT id, categorize(t, t) FROM many WHERE id <= 600 ORDER BY id")
        .await
        .unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let mut results = Vec::new();
    for _ in 0..2 {
        let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
        results.push(pretty_format_batches(&batches).unwrap().to_string());
    }
    assert!(results[0].contains("| 600 "), "{}", results[0]);
    assert_eq!(results[0], results[1]);
}
