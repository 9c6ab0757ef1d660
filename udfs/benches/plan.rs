//! Gain of the planning of model calls: queries with and without lifted calls. And the
//! cost for queries without model calls.
//!
//! `cargo bench --workspace --bench plan -- [--data DIR]` prints markdown. Both
//! versions of a query alternate in one process; a figure is the median.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::error::Result;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use semql_udfs::Runtime;

/// Rows of text in the queries with model calls.
const ROWS: usize = 300;

const REPEATS: usize = 3;
const PLAIN_REPEATS: usize = 9;

const MODEL_QUERIES: &[(&str, &str)] = &[
    (
        "one call in SELECT, WHERE and ORDER BY",
        "SELECT id, categorize(title, text) AS c FROM offers WHERE categorize(title, text) <> 'Books' ORDER BY categorize(title, text)",
    ),
    (
        "categorize, embed and ai_similarity over the same text",
        "SELECT categorize(title, text), embed(title), ai_similarity(title, 'a gift for a child') FROM offers",
    ),
    (
        "a cheap condition after a dear one",
        "SELECT id FROM offers WHERE categorize(title, text) = 'Clothing' AND id % 20 = 0",
    ),
    ("LIMIT 20", "SELECT id, embed(text) FROM offers LIMIT 20"),
    (
        "ORDER BY a cheap key LIMIT 20",
        "SELECT id, embed(text) AS v FROM offers ORDER BY length(title), id LIMIT 20",
    ),
    (
        "the branch of a CASE",
        "SELECT CASE WHEN id % 10 = 0 THEN categorize(title, text) ELSE 'other' END AS c FROM offers",
    ),
    (
        "a selective join",
        "SELECT o.id, categorize(o.title, o.text) FROM offers o JOIN chosen c ON o.id = c.id",
    ),
    (
        "a join that repeats each text five times",
        "SELECT o.id, embed(o.title) FROM offers o CROSS JOIN (VALUES (1), (2), (3), (4), (5)) AS five(n)",
    ),
];

const PLAIN_QUERIES: &[&str] = &[
    "SELECT count(*) FROM products",
    "SELECT count(*), avg(length(title)), max(length(text)) FROM products",
    "SELECT left(docid, 6) AS source, count(*) FROM products GROUP BY 1 ORDER BY 2 DESC",
    "SELECT count(*) FROM products WHERE title LIKE '%book%'",
    "SELECT lower(title) AS t, count(*) AS n FROM products GROUP BY 1 ORDER BY n DESC, t LIMIT 10",
    "SELECT count(DISTINCT title) FROM products",
    "SELECT docid, title FROM products ORDER BY length(title) DESC, docid LIMIT 20",
    "SELECT a.docid FROM products a JOIN products b ON a.docid = b.docid WHERE length(a.title) < 20 ORDER BY 1 LIMIT 50",
    "SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY left(title, 2) ORDER BY docid) AS n FROM products) WHERE n <= 3",
    "SELECT substr(title, 1, 1) AS c, sum(length(text)) FROM products WHERE text <> '' GROUP BY 1 HAVING count(*) > 10 ORDER BY 2 DESC",
];

fn main() -> Result<()> {
    let data = data();
    let tokio = tokio::runtime::Runtime::new()?;
    tokio.block_on(async {
        bench_model_queries(&data).await?;
        bench_plain_queries(&data).await
    })
}

fn data() -> PathBuf {
    let mut args = std::env::args().skip_while(|arg| arg != "--data").skip(1);
    args.next().map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}

async fn time(ctx: &SessionContext, sql: &str) -> Result<Duration> {
    let began = Instant::now();
    ctx.sql(sql).await?.collect().await?;
    Ok(began.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

async fn bench_model_queries(data: &std::path::Path) -> Result<()> {
    let file = data.join("products.parquet");
    if !file.is_file() {
        println!("skipped: {} does not exist", file.display());
        return Ok(());
    }
    let (with, without) = (SessionContext::new(), SessionContext::new());
    // One runtime, so that both sessions use the same loaded model.
    let runtime = Arc::new(Runtime::new());
    semql_udfs::register_with(&with, Arc::clone(&runtime))?;
    semql_udfs::register_functions(&without, Arc::clone(&runtime))?;
    for ctx in [&with, &without] {
        let path = file.display().to_string();
        ctx.register_parquet("products", path, ParquetReadOptions::default())
            .await?;
        for sql in [
            format!(
                "CREATE TABLE offers AS SELECT row_number() OVER (ORDER BY docid) AS id, title, left(text, 600) AS text FROM products WHERE length(text) > 20 ORDER BY docid LIMIT {ROWS}"
            ),
            "CREATE TABLE chosen AS SELECT id FROM offers WHERE id % 15 = 0".to_string(),
            "SELECT categorize('warm', 'up')".to_string(),
        ] {
            ctx.sql(&sql).await?.collect().await?;
        }
    }
    println!("## Model calls as nodes of the plan ({ROWS} rows)\n");
    println!("| query | as written, s | texts | lifted, s | texts | ratio |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, sql) in MODEL_QUERIES {
        let (mut lifted, mut written) = (Vec::new(), Vec::new());
        let mut texts = [0; 2];
        for _ in 0..REPEATS {
            for (at, (ctx, times)) in [(&without, &mut written), (&with, &mut lifted)]
                .into_iter()
                .enumerate()
            {
                let before = runtime.progress().texts_done;
                times.push(time(ctx, sql).await?);
                texts[at] = runtime.progress().texts_done - before;
            }
        }
        let (written, lifted) = (median(written), median(lifted));
        println!(
            "| {name} | {written:.2} | {} | {lifted:.2} | {} | {:.1} |",
            texts[0],
            texts[1],
            written / lifted
        );
    }
    Ok(())
}

async fn bench_plain_queries(data: &std::path::Path) -> Result<()> {
    let file = data.join("products.parquet");
    if !file.is_file() {
        return Ok(());
    }
    let config = || SessionConfig::new().with_target_partitions(2);
    let (own, other) = (
        SessionContext::new_with_config(config()),
        SessionContext::new_with_config(config()),
    );
    semql_udfs::register_all(&own)?;
    for ctx in [&own, &other] {
        let path = file.display().to_string();
        ctx.register_parquet("products", path, ParquetReadOptions::default())
            .await?;
    }
    println!("\n## Plain SQL in DataFusion, without semql and with it\n");
    println!("| query | DataFusion, ms | with semql, ms | ratio |");
    println!("|---|---:|---:|---:|");
    let mut product = 1.0;
    for sql in PLAIN_QUERIES {
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for _ in 0..PLAIN_REPEATS {
            alone.push(time(&other, sql).await?);
            together.push(time(&own, sql).await?);
        }
        let (alone, together) = (median(alone) * 1e3, median(together) * 1e3);
        product *= together / alone;
        println!(
            "| `{sql}` | {alone:.1} | {together:.1} | {:.2} |",
            together / alone
        );
    }
    let mean = f64::powf(product, 1.0 / PLAIN_QUERIES.len() as f64);
    println!("\nGeometric mean of the ratios: {mean:.3}");
    Ok(())
}
