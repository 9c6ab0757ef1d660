//! `\review`: the rows whose category is least certain, one at a time, one key
//! for each label. The labels go to a file that CREATE MODEL can take.

mod answers;
mod keys;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use datafusion::common::TableReference;
use datafusion::logical_expr::ident;
use semql_udfs::relations::{TEXTS, TITLES, first_called};

use super::Call;
use crate::error::{Result, ShellError};
use crate::output::value::{cut, one_line};
use crate::shell::{Flow, Shell};
use crate::statement::{diagnose, syntax};
use answers::{Answer, Answers};
use keys::{Key, Keys};

/// Rows of the table that are looked at, and of these the ones that are shown.
const LOOKED_AT: usize = 2_000;
const SHOWN: usize = 200;

/// Where answers go if nobody says.
const FILE: &str = "reviewed.jsonl";

/// Columns of the terminal that a line takes.
const WIDTH: usize = 100;
/// Lines that a text takes.
const LINES: usize = 4;

/// One row to be looked at.
struct Row {
    title: Option<String>,
    text: Option<String>,
    /// Labels with their scores, best first.
    scores: Vec<(String, f64)>,
}

/// `\review TABLE [FILE]`.
pub async fn run(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let usage = || {
        ShellError::query(
            "\\review takes a table or 'file', and a file for the answers: \\review products reviewed.jsonl",
        )
    };
    let table = call.first().ok_or_else(usage)?.to_string();
    let file = call.words.get(1).map_or(FILE, String::as_str);
    if call.words.len() > 2 {
        return Err(usage());
    }
    let mut answers = Answers::open(file)?;
    let rows = uncertain(shell, &table, &answers).await?;
    let Some(first) = rows.first() else {
        shell.say(&format!(
            "Every row of {table} that was looked at is answered already, or has no text."
        ));
        return Ok(Flow::Continue);
    };
    let labels: Vec<String> = labels(first);
    let mut keys = Keys::of(&labels)?;
    shell.say(&format!(
        "{} rows, the least certain first. Enter takes the label that is offered; s skips, u takes the last answer back, q ends.\n",
        rows.len()
    ));
    let mut at = 0;
    // Rows that were answered, so that the last can be taken back.
    let mut answered: Vec<usize> = Vec::new();
    while let Some(row) = rows.get(at) {
        shell.say(&shown(row, at, rows.len(), &labels, &keys));
        match keys.next().await? {
            Key::Quit => break,
            Key::Skip => at += 1,
            Key::Undo => {
                if let Some(last) = answered.pop() {
                    answers.take_back()?;
                    at = last;
                }
            }
            Key::Unknown => {}
            chosen @ (Key::Label(_) | Key::Offered) => {
                let label = match chosen {
                    Key::Label(label) => labels.get(label),
                    _ => row.scores.first().map(|(label, _)| label),
                };
                let Some(label) = label else { continue };
                answers.add(Answer {
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
    shell.say(&format!(
        "{count} in {file}. CREATE MODEL name FROM (SELECT title, text, label FROM '{file}') PREDICT label;"
    ));
    Ok(Flow::Continue)
}

/// The labels in an order that stays the same from row to row.
fn labels(row: &Row) -> Vec<String> {
    let mut labels: Vec<String> = row.scores.iter().map(|(label, _)| label.clone()).collect();
    labels.sort();
    labels
}

/// The rows that are not answered yet, the least certain first.
async fn uncertain(shell: &mut Shell, table: &str, answers: &Answers) -> Result<Vec<Row>> {
    let session = std::sync::Arc::clone(&shell.session);
    let reference = match std::path::Path::new(table).exists() {
        true => TableReference::bare(table),
        false => syntax::table_in(table)?,
    };
    diagnose::check_table(&session, &reference).await?;
    let frame = session.ctx.table(reference.clone()).await?;
    let column = |names: &[&str]| first_called(frame.schema().fields(), names, |_| true);
    let wanted = [(column(TITLES), "title"), (column(TEXTS), "text")];
    if wanted.iter().all(|(column, _)| column.is_none()) {
        return Err(ShellError::query(format!(
            "{table} has no column title (or name) or text (or description, body) to look at"
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
        .limit(0, Some(LOOKED_AT + answers.len()))?;
    session.ctx.register_table(LOOKED_UPON, frame.into_view())?;
    let asked = async {
        let sql = format!(
            "SELECT title, text, s FROM (SELECT title, text, categorize_scores(title, text) AS s FROM \
             (SELECT DISTINCT CAST(title AS VARCHAR) AS title, CAST(text AS VARCHAR) AS text FROM {LOOKED_UPON})) \
             WHERE s IS NOT NULL ORDER BY s[1]['score'] - s[2]['score'], title, text"
        );
        Ok(session.ctx.sql(&sql).await?.collect().await?)
    };
    let batches: Result<Vec<RecordBatch>> = shell.unless_interrupted(asked).await;
    session.ctx.deregister_table(LOOKED_UPON)?;
    let mut rows = Vec::new();
    for batch in batches? {
        add(&batch, &mut rows);
    }
    rows.retain(|row| !answers.has(row.title.as_deref(), row.text.as_deref()));
    rows.truncate(SHOWN);
    Ok(rows)
}

/// The rows that are looked at, while they are.
const LOOKED_UPON: &str = "__review";

fn add(batch: &RecordBatch, rows: &mut Vec<Row>) {
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
        rows.push(Row {
            title: text(0, row),
            text: text(1, row),
            scores: scores
                .filter_map(|(name, score)| Some((name?.to_string(), score?)))
                .collect(),
        });
    }
}

fn shown(row: &Row, at: usize, all: usize, labels: &[String], keys: &Keys) -> String {
    let score = |at: usize| row.scores.get(at).map_or(0.0, |(_, score)| *score);
    let mut lines = vec![format!(
        "\n[{} of {all}] margin {:.3}",
        at + 1,
        score(0) - score(1)
    )];
    for text in [&row.title, &row.text].into_iter().flatten() {
        lines.push(format!("  {}", cut(&one_line(text), WIDTH * LINES)));
    }
    for (label, name) in labels.iter().enumerate() {
        let offered = row.scores.first().is_some_and(|(best, _)| best == name);
        let score = row.scores.iter().find(|(other, _)| other == name);
        lines.push(format!(
            "  {} {} {}  {:.3}",
            if offered { '>' } else { ' ' },
            keys.of_label(label),
            cut(&one_line(name), WIDTH),
            score.map_or(0.0, |(_, score)| *score)
        ));
    }
    lines.join("\n")
}
