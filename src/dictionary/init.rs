//! Drafting a dictionary from a file: what can be seen in the data is written
//! down, what only people know is left as a comment to fill in.

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field};
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;

use super::annotate::DESCRIPTION;
use super::sql::{identifier, number, query, text};
use super::types::{TypeReader, fits, is_text, sql_name};
use crate::error::Result;
use crate::session::Session;

/// Text with at most this many values is taken for a choice between them...
const MOST_CHOICES: u64 = 20;
/// ... if each occurs this often on average,
const LEAST_REPEATS: u64 = 5;
/// and none is longer than this, in characters.
const LONGEST_CHOICE: u64 = 60;

/// The YAML text of a dictionary with one table: the file's. Its location is
/// `file` as given, so the draft belongs into the folder that `file` is
/// relative to.
///
/// The draft promises only what holds in the data, so a check of it is clean.
///
/// # Errors
/// If the file is absent or cannot be read.
pub async fn draft(session: &Session, file: &str) -> Result<String> {
    draft_from(&session.ctx, file).await
}

async fn draft_from(ctx: &SessionContext, file: &str) -> Result<String> {
    let provider = ctx.table_provider(TableReference::bare(file)).await?;
    let schema = provider.schema();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(Seen::new(field));
    }
    count(ctx, file, &mut columns).await?;
    find_unique(ctx, file, &mut columns).await?;
    find_choices(ctx, file, &mut columns).await?;
    Ok(write(file, &columns))
}

/// What the data shows of a column.
struct Seen<'a> {
    field: &'a Field,
    text: bool,
    rows: u64,
    nulls: u64,
    distinct: u64,
    min_length: u64,
    max_length: u64,
    unique: bool,
    choices: Vec<String>,
}

impl<'a> Seen<'a> {
    fn new(field: &'a Field) -> Self {
        Self {
            field,
            text: is_text(field.data_type()),
            rows: 0,
            nulls: 0,
            distinct: 0,
            min_length: 0,
            max_length: 0,
            unique: false,
            choices: Vec::new(),
        }
    }

    fn values(&self) -> u64 {
        self.rows - self.nulls
    }

    /// Whether values of the column may tell its rows apart.
    fn may_be_key(&self) -> bool {
        self.text || self.field.data_type().is_integer()
    }
}

/// Counts, lengths and an estimate of distinct values, in one pass.
async fn count(ctx: &SessionContext, file: &str, columns: &mut [Seen<'_>]) -> Result<()> {
    let mut parts = vec!["count(*)".to_string()];
    for column in columns.iter() {
        let name = identifier(column.field.name());
        parts.push(format!("count({name})"));
        parts.push(if column.may_be_key() {
            format!(
                "approx_distinct({})",
                plain(&name, column.field.data_type())
            )
        } else {
            "0".to_string()
        });
        for extreme in ["min", "max"] {
            parts.push(if column.text {
                format!("{extreme}(character_length({name}))")
            } else {
                "0".to_string()
            });
        }
    }
    // Named, since two equal parts (`0`) would be two columns of one name.
    let named: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(position, part)| format!("{part} AS n{position}"))
        .collect();
    let sql = format!("SELECT {} FROM {}", named.join(", "), identifier(file));
    let counted = query(ctx, &sql).await?;
    let rows = number(&counted, 0, 0)?;
    for (position, column) in columns.iter_mut().enumerate() {
        let at = |offset: usize| number(&counted, 0, 1 + position * 4 + offset);
        column.rows = rows;
        column.nulls = rows - at(0)?;
        column.distinct = at(1)?;
        column.min_length = at(2)?;
        column.max_length = at(3)?;
    }
    Ok(())
}

/// Dictionary-coded values as what they stand for.
fn plain(name: &str, data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, _) => format!("CAST({name} AS VARCHAR)"),
        _ => name.to_string(),
    }
}

/// Columns that the estimate leaves as possible keys are counted exactly.
async fn find_unique(ctx: &SessionContext, file: &str, columns: &mut [Seen<'_>]) -> Result<()> {
    for column in columns.iter_mut() {
        let values = column.values();
        // The estimate is off by a few percent at most.
        if !column.may_be_key() || values < 2 || column.distinct < values / 10 * 9 {
            continue;
        }
        let name = identifier(column.field.name());
        let sql = format!("SELECT count(DISTINCT {name}) FROM {}", identifier(file));
        column.unique = number(&query(ctx, &sql).await?, 0, 0)? == values;
    }
    Ok(())
}

/// Text that takes few values, each many times, is a choice between them.
async fn find_choices(ctx: &SessionContext, file: &str, columns: &mut [Seen<'_>]) -> Result<()> {
    for column in columns.iter_mut() {
        let few = column.distinct <= MOST_CHOICES && column.max_length <= LONGEST_CHOICE;
        if !column.text || !few || column.values() < column.distinct.max(1) * LEAST_REPEATS {
            continue;
        }
        let name = identifier(column.field.name());
        let sql = format!(
            "SELECT DISTINCT CAST({name} AS VARCHAR) AS value FROM {} WHERE {name} IS NOT NULL \
             ORDER BY value LIMIT {}",
            identifier(file),
            MOST_CHOICES + 1
        );
        let found = query(ctx, &sql).await?;
        if found.num_rows() as u64 <= MOST_CHOICES {
            for row in 0..found.num_rows() {
                column.choices.push(text(&found, row, 0)?);
            }
        }
    }
    Ok(())
}

fn write(file: &str, columns: &[Seen<'_>]) -> String {
    let types = TypeReader::default();
    let mut out = String::new();
    let rows = columns.first().map_or(0, |column| column.rows);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# Draft of a data dictionary, from the {rows} rows of the file named below. What holds in\n\
         # them is stated; replace every TODO, and drop what need not hold for later rows.\n\
         version: 1\n\
         tables:\n\
         \x20 - name: {}\n\
         \x20   # description: TODO what one row stands for\n\
         \x20   location: {}\n\
         \x20   # source: {{name: TODO, url: TODO}}\n\
         \x20   # owner: TODO\n\
         \x20   # maintainer: TODO\n\
         \x20   # licence: TODO\n\
         \x20   # tags: [TODO]\n\
         \x20   columns:{}\n",
        scalar(&table_name(file)),
        scalar(file),
        if columns.is_empty() { " []" } else { "" },
    );
    for column in columns {
        write_column(&mut out, column, &types);
    }
    out
}

fn write_column(out: &mut String, column: &Seen<'_>, types: &TypeReader) {
    let _ = writeln!(out, "      - name: {}", scalar(column.field.name()));
    let mut line = |text: String| {
        out.push_str("        ");
        out.push_str(&text);
        out.push('\n');
    };
    let data_type = column.field.data_type();
    let name = sql_name(data_type);
    let known = types.read(&name).is_ok_and(|read| fits(&read, data_type));
    if known {
        line(format!("type: {}", scalar(&name)));
    } else {
        line(format!("# type: {name} has no SQL name"));
    }
    line(format!(
        "nullable: {}",
        column.nulls > 0 || column.rows == 0
    ));
    if column.unique {
        line("unique: true".to_string());
    }
    match column.field.metadata().get(DESCRIPTION) {
        Some(words) => line(format!("description: {}", scalar(words))),
        None => line("# description: TODO".to_string()),
    }
    if !column.choices.is_empty() {
        line("accepted_values:".to_string());
        for choice in &column.choices {
            line(format!("  - {}", scalar(choice)));
        }
    } else if column.text && column.values() > 0 {
        line(format!("min_length: {}", column.min_length));
        line(format!("max_length: {}", column.max_length));
    }
}

/// A YAML scalar that reads back as exactly this text: plain where nothing in
/// it can be taken for anything else, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '(' | ')'))
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_string();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Beyond control characters: line separators and the byte order
            // mark, which YAML treats specially.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Words that YAML, or an older version of it, does not read as text.
const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A name for the table that needs no quotes in SQL.
fn table_name(file: &str) -> String {
    let last = file
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(file);
    let stem = last.split('.').next().unwrap_or(last);
    let mut name: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    name = name.trim_matches('_').to_string();
    match name.chars().next() {
        None => "data".to_string(),
        Some(c) if c.is_ascii_digit() => format!("t{name}"),
        Some(_) => name,
    }
}

#[cfg(test)]
mod tests;
