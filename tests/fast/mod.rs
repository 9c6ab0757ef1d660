//! Fast mode with the default model: agreement of the student with the model, and
//! queries that use no student.

use std::sync::Arc;

use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Synthetic offers: brand, product, color and number, so that titles are distinct
/// and their words tell the category.
const OFFERS: &str = "
    CREATE TABLE offers AS
    SELECT
        value AS id,
        ['Acme', 'Novo', 'Orion', 'Petra', 'Quill'][value % 5 + 1] || ' '
            || ['running shoes', 'leather boots', 'silk scarf', 'summer dress', 'paperback novel', 'cook book',
                'blender', 'frying pan', 'bed linen', 'laptop', 'phone charger', 'headphones', 'shampoo',
                'face cream', 'tennis racket', 'yoga mat', 'stapler', 'fountain pen', 'film on DVD',
                'jazz album'][value % 20 + 1] || ' '
            || ['red', 'blue', 'green', 'black', 'white', 'large', 'small'][value % 7 + 1]
            || ' no. ' || value AS title,
        CASE WHEN value % 3 > 0 THEN
            ['made with care', 'for every day', 'a fine gift', 'in stock now'][value % 4 + 1]
        END AS text
    FROM generate_series(1, 3000)";

const FAST: &str = "SET ai.mode = 'fast'";

struct Session(SessionContext);

impl Session {
    async fn new(partitions: usize) -> Self {
        Self::with(SessionContext::new_with_config(config(partitions))).await
    }

    async fn with(ctx: SessionContext) -> Self {
        semql_udfs::register_all(&ctx).unwrap();
        let session = Self(ctx);
        session.rows(OFFERS).await;
        session
    }

    /// The rows as text.
    async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let batches = self.0.sql(sql).await.unwrap().collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cell = |column: &Arc<dyn arrow::array::Array>| {
                    arrow::util::display::array_value_to_string(column, row).unwrap()
                };
                rows.push(batch.columns().iter().map(cell).collect());
            }
        }
        rows
    }

    async fn one(&self, sql: &str) -> String {
        self.rows(sql).await[0][0].clone()
    }

    fn notes(&self) -> String {
        semql_udfs::runtime(&self.0).take_notices().join("\n")
    }
}

fn config(partitions: usize) -> SessionConfig {
    SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(500)
}

const CATEGORIES: &str = "SELECT id, categorize(title, text) AS category FROM offers ORDER BY id";

fn share_of_equal(a: &[Vec<String>], b: &[Vec<String>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / a.len() as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn the_student_reaches_the_requested_agreement() {
    let session = Session::new(2).await;
    let exact = session.rows(CATEGORIES).await;
    assert_eq!(session.notes(), "");
    session.rows(FAST).await;
    let before = semql_udfs::runtime(&session.0).progress().texts_done;
    let fast = session.rows(CATEGORIES).await;
    let read = semql_udfs::runtime(&session.0).progress().texts_done - before;
    let equal = share_of_equal(&exact, &fast);
    assert!(equal >= 0.85, "{equal}");
    assert!(equal < 1.0 || read < 3000, "no student answered");
    let notes = session.notes();
    assert!(
        notes.contains("a student learnt from the model's answers to 400 rows"),
        "{notes}"
    );

    // A higher agreement sends more rows to the model, and is reached.
    session.rows("SET ai.fast_agreement = '0.97'").await;
    session.rows("SET ai.fast_escalation = '0.6'").await;
    let strict = session.rows(CATEGORIES).await;
    let stricter = share_of_equal(&exact, &strict);
    assert!(stricter >= equal && stricter >= 0.95, "{equal} {stricter}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_do_not_depend_on_partitions_or_order() {
    let one = Session::new(1).await;
    let four = Session::new(4).await;
    for session in [&one, &four] {
        session.rows(FAST).await;
    }
    four.rows("CREATE TABLE shuffled AS SELECT * FROM offers ORDER BY title")
        .await;
    let expected = one.rows(CATEGORIES).await;
    assert_eq!(four.rows(CATEGORIES).await, expected);
    let shuffled = CATEGORIES.replace("offers", "shuffled");
    assert_eq!(four.rows(&shuffled).await, expected);
    let twice =
        "SELECT DISTINCT id, category FROM (SELECT id, categorize(title, text) AS category FROM
                 (SELECT * FROM offers UNION ALL SELECT * FROM shuffled)) ORDER BY id";
    assert_eq!(four.rows(twice).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_rows_use_exact_mode_with_a_notice() {
    let session = Session::new(2).await;
    let few = "SELECT id, categorize(title, text) FROM offers WHERE id <= 300 ORDER BY id";
    let exact = session.rows(few).await;
    session.rows(FAST).await;
    assert_eq!(session.rows(few).await, exact);
    assert!(session.notes().contains("only 300 different ones"));
    assert!(
        session
            .rows("SELECT categorize(title, text) FROM offers WHERE id < 0")
            .await
            .is_empty()
    );
    let limited = "SELECT id, categorize(title, text) FROM offers ORDER BY id LIMIT 5";
    assert_eq!(session.rows(limited).await, exact[..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_agreement_falls_back_to_exact_mode() {
    let session = Session::new(2).await;
    let exact = session.rows(CATEGORIES).await;
    session.rows(FAST).await;
    session.rows("SET ai.fast_agreement = '1'").await;
    session.rows("SET ai.fast_escalation = '0'").await;
    assert_eq!(session.rows(CATEGORIES).await, exact);
    let notes = session.notes();
    assert!(
        notes.contains("ai.fast_agreement requires 100.0 %"),
        "{notes}"
    );
    let explained = session.rows(&format!("EXPLAIN ANALYZE {CATEGORIES}")).await;
    let explained = format!("{explained:?}");
    assert!(explained.contains("mode=exact after fast"), "{explained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_and_explain_analyze_show_the_mode() {
    let session = Session::new(2).await;
    session.rows(FAST).await;
    let estimate = format!("{:?}", session.rows(&format!("EXPLAIN {CATEGORIES}")).await);
    assert!(
        estimate.contains("mode=fast, rows<=3000, texts~2000"),
        "{estimate}"
    );
    let explained = session.rows(&format!("EXPLAIN ANALYZE {CATEGORIES}")).await;
    let explained = format!("{explained:?}");
    for part in [
        "mode=fast, sample=400",
        "agreement~",
        "bound=",
        "student_rows=",
        "escalated=",
        "student_time=",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_calls_and_blank_rows_are_unchanged() {
    let session = Session::new(2).await;
    session.rows(FAST).await;
    let labels = "['clothes and shoes', 'books', 'machines']";
    let query = format!(
        "SELECT count(*), count(label), count(v), count(category) FROM (
            SELECT ai_classify(title, {labels}) AS label, embed(text) AS v, categorize(title, text) AS category
            FROM (SELECT title, text FROM offers UNION ALL SELECT NULL, ' '))"
    );
    assert_eq!(
        session.rows(&query).await,
        [["3001", "3000", "2000", "3000"]]
    );
    assert!(session.notes().contains("400 rows"));
    // `embed` needs the model's vectors of all titles, so the labels are free.
    let free =
        format!("SELECT count(ai_classify(title, {labels})), count(embed(title)) FROM offers");
    assert_eq!(session.rows(&free).await, [["3000", "3000"]]);
    assert_eq!(session.notes(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_beyond_the_memory_limit_spill_to_disk() {
    let heavy = "CREATE TABLE heavy AS SELECT *, repeat(title, 300) AS ballast FROM offers";
    let counts = "SELECT category, count(*), max(length(ballast)) FROM (
        SELECT ballast, categorize(title, text) AS category FROM heavy
    ) GROUP BY category ORDER BY category";
    let expected = {
        let session = Session::new(2).await;
        session.rows(heavy).await;
        session.rows(FAST).await;
        session.rows(counts).await
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(16 << 20)))
        .with_disk_manager_builder(DiskManagerBuilder::default())
        .build_arc()
        .unwrap();
    let ctx = SessionContext::new_with_config_rt(config(2), runtime);
    let session = Session::with(ctx).await;
    session.rows(heavy).await;
    session.rows(FAST).await;
    assert_eq!(session.rows(counts).await, expected);
    let explained = format!(
        "{:?}",
        session.rows(&format!("EXPLAIN ANALYZE {counts}")).await
    );
    let (_, infer) = explained.split_once("InferExec").unwrap();
    let (_, spills) = infer.split_once("spill_count=").unwrap();
    assert!(!spills.starts_with('0'), "{explained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn below_min_score_the_answer_is_null() {
    let session = Session::new(2).await;
    session.rows("SET ai.min_score = '0.35'").await;
    let query = "SELECT count(category), count(*) FROM
        (SELECT categorize(title, text) AS category FROM offers WHERE id <= 200)";
    let counts = session.rows(query).await;
    let answered: usize = counts[0][0].parse().unwrap();
    assert!(0 < answered && answered < 200, "{answered}");
    session.rows("SET ai.min_score = '1'").await;
    assert_eq!(session.one(query).await, "0");
}
