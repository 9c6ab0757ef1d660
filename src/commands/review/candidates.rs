//! Rows that a review may show: a random sample of a table, with predicted labels.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use datafusion::logical_expr::ident;
use semql_udfs::relations::{TEXTS, TITLES, first_called};

use super::super::call::table_reference;
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::statement::diagnose;

/// Rows of the table that are classified, beside those that have an answer.
const MAX_CANDIDATES: usize = 2_000;

/// Row to label.
pub struct ReviewCandidate {
    pub title: Option<String>,
    pub text: Option<String>,
    /// Labels with their scores, best first.
    pub scores: Vec<(String, f64)>,
}

impl ReviewCandidate {
    /// Predicted label.
    pub fn predicted(&self) -> Option<&str> {
        self.scores.first().map(|(label, _)| label.as_str())
    }

    /// Difference of the best two scores.
    pub fn margin(&self) -> f64 {
        let score = |at: usize| self.scores.get(at).map_or(0.0, |(_, score)| *score);
        score(0) - score(1)
    }
}

/// A random sample of the distinct rows of a table, classified. It is the same each time,
/// in the same random order; beside `answered` rows it has at most 2,000.
pub async fn classified_rows(
    shell: &mut Shell,
    table: &str,
    answered: usize,
) -> Result<Vec<ReviewCandidate>> {
    let session = std::sync::Arc::clone(&shell.session);
    let reference = table_reference(table, table)?;
    diagnose::check_table(&session, &reference).await?;
    let frame = session.ctx.table(reference.clone()).await?;
    let column = |names: &[&str]| first_called(frame.schema().fields(), names, |_| true);
    let wanted = [(column(TITLES), "title"), (column(TEXTS), "text")];
    if wanted.iter().all(|(column, _)| column.is_none()) {
        return Err(ShellError::query(format!(
            "{table} has no column title (or name) or text (or description, body)"
        )));
    }
    let columns = wanted.map(|(column, name)| match column {
        Some(column) => ident(column).alias(name),
        None => {
            datafusion::logical_expr::lit(datafusion::scalar::ScalarValue::Utf8(None)).alias(name)
        }
    });
    let frame = frame.select(columns.to_vec())?;
    let limit = MAX_CANDIDATES + answered;
    session
        .ctx
        .register_table(CANDIDATES_TABLE, frame.into_view())?;
    let query = async {
        // The order of hashes is random, and the same each time.
        let sql = format!(
            "SELECT title, text, s FROM (SELECT title, text, h, categorize_scores(title, text) AS s FROM \
             (SELECT title, text, md5(concat(coalesce(title, ''), chr(10), coalesce(text, ''))) AS h FROM \
             (SELECT DISTINCT CAST(title AS VARCHAR) AS title, CAST(text AS VARCHAR) AS text FROM {CANDIDATES_TABLE}) \
             ORDER BY h, title, text LIMIT {limit})) WHERE s IS NOT NULL ORDER BY h, title, text"
        );
        Ok(session.ctx.sql(&sql).await?.collect().await?)
    };
    let batches: Result<Vec<RecordBatch>> = shell.unless_interrupted(query).await;
    session.ctx.deregister_table(CANDIDATES_TABLE)?;
    let mut rows = Vec::new();
    for batch in batches? {
        add_candidates(&batch, &mut rows);
    }
    Ok(rows)
}

/// Temporary table of the rows to classify.
const CANDIDATES_TABLE: &str = "__review";

fn add_candidates(batch: &RecordBatch, rows: &mut Vec<ReviewCandidate>) {
    let text = |column: usize, row: usize| {
        let column = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8);
        let column = column.ok()?;
        let column = column.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_string())
    };
    let lists = batch.column(2).as_list::<i32>();
    for row in 0..batch.num_rows() {
        let list = lists.value(row);
        let pairs = list.as_struct();
        let names = pairs.column(0).as_string::<i32>();
        let scores = pairs.column(1).as_primitive::<Float64Type>();
        let scores = names.iter().zip(scores.iter());
        rows.push(ReviewCandidate {
            title: text(0, row),
            text: text(1, row),
            scores: scores
                .filter_map(|(name, score)| Some((name?.to_string(), score?)))
                .collect(),
        });
    }
}
