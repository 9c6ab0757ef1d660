//! `\review`: labels the rows with the least certain category by hand, one key
//! for each label. CREATE MODEL can read the file of labels.

mod answers;
mod keys;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use datafusion::logical_expr::ident;
use semql_udfs::relations::{TEXTS, TITLES, first_called};

use super::call::{Action, Call, table_reference};
use crate::error::{Result, ShellError};
use crate::output::value::{cut, one_line};
use crate::shell::Shell;
use crate::statement::diagnose;
use answers::{ReviewAnswer, ReviewFile};
use keys::{KeyBindings, ReviewKey};

/// Rows of the table that are classified.
const MAX_CANDIDATES: usize = 2_000;
/// Rows that are shown.
const MAX_REVIEWED: usize = 200;

/// Default file of the answers.
const DEFAULT_FILE: &str = "reviewed.jsonl";

/// Width of a line in columns.
const MAX_LINE_WIDTH: usize = 100;
/// Lines of a text.
const MAX_TEXT_LINES: usize = 4;

/// Row to label.
struct ReviewCandidate {
    title: Option<String>,
    text: Option<String>,
    /// Labels with their scores, best first.
    scores: Vec<(String, f64)>,
}

/// `\review TABLE [FILE]`.
pub async fn run(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let usage = || {
        ShellError::query(
            "\\review takes a table or 'file', and a file for the answers: \\review products reviewed.jsonl",
        )
    };
    let table = call.first().ok_or_else(usage)?.to_string();
    let file = call.words.get(1).map_or(DEFAULT_FILE, String::as_str);
    if call.words.len() > 2 {
        return Err(usage());
    }
    let mut answers = ReviewFile::open(file)?;
    let rows = least_certain(shell, &table, &answers).await?;
    let Some(first) = rows.first() else {
        shell.print_notice(&format!(
            "All classified rows of {table} are answered already or have no text."
        ));
        return Ok(Action::Continue);
    };
    let labels: Vec<String> = labels(first);
    let mut keys = KeyBindings::new(&labels)?;
    shell.print_notice(&format!(
        "{} rows, the least certain first. Enter confirms the predicted label; s skips, u undoes the last answer, q quits.\n",
        rows.len()
    ));
    let mut at = 0;
    // Positions of the answered rows, for undo.
    let mut answered: Vec<usize> = Vec::new();
    while let Some(row) = rows.get(at) {
        shell.print_notice(&describe(row, at, rows.len(), &labels, &keys));
        match keys.next().await? {
            ReviewKey::Quit => break,
            ReviewKey::Skip => at += 1,
            ReviewKey::Undo => {
                if let Some(last) = answered.pop() {
                    answers.undo()?;
                    at = last;
                }
            }
            ReviewKey::Unknown => {}
            key @ (ReviewKey::Label(_) | ReviewKey::Predicted) => {
                let label = match key {
                    ReviewKey::Label(label) => labels.get(label),
                    _ => row.scores.first().map(|(label, _)| label),
                };
                let Some(label) = label else { continue };
                answers.add(ReviewAnswer {
                    title: row.title.clone(),
                    text: row.text.clone(),
                    label: label.clone(),
                })?;
                answered.push(at);
                at += 1;
            }
        }
    }
    let count = match answers.len() {
        1 => "1 answer".to_string(),
        count => format!("{count} answers"),
    };
    shell.print_notice(&format!(
        "{count} in {file}. CREATE MODEL name FROM (SELECT title, text, label FROM '{file}') PREDICT label;"
    ));
    Ok(Action::Continue)
}

/// Labels in alphabetical order, the same for all rows.
fn labels(row: &ReviewCandidate) -> Vec<String> {
    let mut labels: Vec<String> = row.scores.iter().map(|(label, _)| label.clone()).collect();
    labels.sort();
    labels
}

/// Rows without an answer, the least certain first.
async fn least_certain(
    shell: &mut Shell,
    table: &str,
    answers: &ReviewFile,
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
    let frame = frame
        .select(columns.to_vec())?
        .limit(0, Some(MAX_CANDIDATES + answers.len()))?;
    session
        .ctx
        .register_table(CANDIDATES_TABLE, frame.into_view())?;
    let query = async {
        let sql = format!(
            "SELECT title, text, s FROM (SELECT title, text, categorize_scores(title, text) AS s FROM \
             (SELECT DISTINCT CAST(title AS VARCHAR) AS title, CAST(text AS VARCHAR) AS text FROM {CANDIDATES_TABLE})) \
             WHERE s IS NOT NULL ORDER BY s[1]['score'] - s[2]['score'], title, text"
        );
        Ok(session.ctx.sql(&sql).await?.collect().await?)
    };
    let batches: Result<Vec<RecordBatch>> = shell.unless_interrupted(query).await;
    session.ctx.deregister_table(CANDIDATES_TABLE)?;
    let mut rows = Vec::new();
    for batch in batches? {
        add_candidates(&batch, &mut rows);
    }
    rows.retain(|row| !answers.contains(row.title.as_deref(), row.text.as_deref()));
    rows.truncate(MAX_REVIEWED);
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

/// Text of a row with its scores and the keys of the labels.
fn describe(
    row: &ReviewCandidate,
    at: usize,
    all: usize,
    labels: &[String],
    keys: &KeyBindings,
) -> String {
    let score = |at: usize| row.scores.get(at).map_or(0.0, |(_, score)| *score);
    let mut lines = vec![format!(
        "\n[{} of {all}] margin {:.3}",
        at + 1,
        score(0) - score(1)
    )];
    for text in [&row.title, &row.text].into_iter().flatten() {
        lines.push(format!(
            "  {}",
            cut(&one_line(text), MAX_LINE_WIDTH * MAX_TEXT_LINES)
        ));
    }
    for (label, name) in labels.iter().enumerate() {
        let predicted = row.scores.first().is_some_and(|(best, _)| best == name);
        let score = row.scores.iter().find(|(other, _)| other == name);
        lines.push(format!(
            "  {} {} {}  {:.3}",
            if predicted { '>' } else { ' ' },
            keys.key_of(label),
            cut(&one_line(name), MAX_LINE_WIDTH),
            score.map_or(0.0, |(_, score)| *score)
        ));
    }
    lines.join("\n")
}
