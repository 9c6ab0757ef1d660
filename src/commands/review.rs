//! `\review`: labels rows by hand, one key for each label. `estimate_shares` and CREATE
//! MODEL can read the file of labels.

mod answers;
mod candidates;
mod intervals;
mod keys;
mod order;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::value::{cut, one_line};
use crate::shell::Shell;
use answers::{ReviewAnswer, ReviewFile};
use candidates::{ReviewCandidate, classified_rows};
use intervals::describe_intervals;
use keys::{KeyBindings, ReviewKey};
use order::ReviewOrder;

/// Default file of the answers.
const DEFAULT_FILE: &str = "reviewed.jsonl";

/// Width of a line in columns.
const MAX_LINE_WIDTH: usize = 100;
/// Lines of a text.
const MAX_TEXT_LINES: usize = 4;

/// `\review TABLE [FILE [ORDER]]`.
pub async fn run(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let usage = || {
        ShellError::query(format!(
            "\\review takes a table or 'file', a file for the answers, and the order of the rows, {}: \\review products reviewed.jsonl",
            ReviewOrder::names()
        ))
    };
    let table = call.first().ok_or_else(usage)?.to_string();
    let file = call.words.get(1).map_or(DEFAULT_FILE, String::as_str);
    let order = match call.words.get(2) {
        Some(word) => ReviewOrder::find(word).ok_or_else(usage)?,
        None => ReviewOrder::default(),
    };
    if call.words.len() > 3 {
        return Err(usage());
    }
    let mut answers = ReviewFile::open(file)?;
    let candidates = classified_rows(shell, &table, answers.len()).await?;
    let rows = order.arrange(&candidates, &answers)?;
    let Some(first) = rows.first() else {
        shell.print_notice(&format!(
            "All classified rows of {table} are answered already or have no text."
        ));
        return Ok(Action::Continue);
    };
    let labels: Vec<String> = labels(first);
    let mut keys = KeyBindings::new(&labels)?;
    let before = describe_intervals(&candidates, &answers)?;
    shell.print_notice(&format!(
        "{before}{} rows, {}. Enter confirms the predicted label; s skips, u undoes the last answer, q quits.\n",
        rows.len(),
        order.description()
    ));
    let mut at = 0;
    // Positions of the answered rows, for undo.
    let mut answered: Vec<usize> = Vec::new();
    while let Some(&row) = rows.get(at) {
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
    let after = describe_intervals(&candidates, &answers)?;
    shell.print_notice(&format!(
        "{after}{count} in {file}. CREATE MODEL name FROM (SELECT title, text, label FROM '{file}') PREDICT label;"
    ));
    Ok(Action::Continue)
}

/// Labels in alphabetical order, the same for all rows.
fn labels(row: &ReviewCandidate) -> Vec<String> {
    let mut labels: Vec<String> = row.scores.iter().map(|(label, _)| label.clone()).collect();
    labels.sort();
    labels
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
