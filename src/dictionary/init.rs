//! Draft of a dictionary from a file: what the data shows, and comments to complete.

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field};
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;

use super::annotate::DESCRIPTION;
use super::sql::{identifier, number, query, text};
use super::types::{TypeReader, fits, is_text, sql_name};
use crate::error::Result;

/// Maximum number of values of a column with accepted values.
const MAX_CHOICES: u64 = 20;

/// Minimum average number of rows for each accepted value.
const MIN_REPEATS: u64 = 5;

/// Maximum length of an accepted value, in characters.
const MAX_CHOICE_LENGTH: u64 = 60;

/// Drafts the YAML text of a dictionary with one table. Its location is `file`, so
/// the draft belongs in the folder that `file` is relative to.
///
/// All constraints of the draft are true in the data.
///
/// # Errors
/// A file that is absent or cannot be read.
pub async fn draft(ctx: &SessionContext, file: &str) -> Result<String> {
    let provider = ctx.table_provider(TableReference::bare(file)).await?;
    let schema = provider.schema();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(ColumnProfile::new(field));
    }
    count(ctx, file, &mut columns).await?;
    find_unique(ctx, file, &mut columns).await?;
    find_choices(ctx, file, &mut columns).await?;
    Ok(write(file, &columns))
}

/// Statistics of a column.
struct ColumnProfile<'a> {
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

impl<'a> ColumnProfile<'a> {
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

    /// Whether the column may be a key.
    fn may_be_key(&self) -> bool {
        self.text || self.field.data_type().is_integer()
    }
}

/// Queries counts, lengths and an estimate of distinct values, in one pass.
async fn count(ctx: &SessionContext, file: &str, columns: &mut [ColumnProfile<'_>]) -> Result<()> {
    let mut parts = vec!["count(*)".to_string()];
    for column in columns.iter() {
        let name = identifier(column.field.name());
        parts.push(format!("count({name})"));
        parts.push(if column.may_be_key() {
            format!(
                "approx_distinct({})",
                decoded(&name, column.field.data_type())
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
    // Equal parts need different names.
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

/// Decodes dictionary-encoded values.
fn decoded(name: &str, data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, _) => format!("CAST({name} AS VARCHAR)"),
        _ => name.to_string(),
    }
}

/// Counts distinct values exactly for columns that may be keys by the estimate.
async fn find_unique(
    ctx: &SessionContext,
    file: &str,
    columns: &mut [ColumnProfile<'_>],
) -> Result<()> {
    for column in columns.iter_mut() {
        let values = column.values();
        // The error of the estimate is a few percent.
        if !column.may_be_key() || values < 2 || column.distinct < values / 10 * 9 {
            continue;
        }
        let name = identifier(column.field.name());
        let sql = format!("SELECT count(DISTINCT {name}) FROM {}", identifier(file));
        column.unique = number(&query(ctx, &sql).await?, 0, 0)? == values;
    }
    Ok(())
}

/// Queries the values of text columns with few distinct values, each repeated often.
async fn find_choices(
    ctx: &SessionContext,
    file: &str,
    columns: &mut [ColumnProfile<'_>],
) -> Result<()> {
    for column in columns.iter_mut() {
        let few = column.distinct <= MAX_CHOICES && column.max_length <= MAX_CHOICE_LENGTH;
        if !column.text || !few || column.values() < column.distinct.max(1) * MIN_REPEATS {
            continue;
        }
        let name = identifier(column.field.name());
        let sql = format!(
            "SELECT DISTINCT CAST({name} AS VARCHAR) AS value FROM {} WHERE {name} IS NOT NULL \
             ORDER BY value LIMIT {}",
            identifier(file),
            MAX_CHOICES + 1
        );
        let found = query(ctx, &sql).await?;
        if found.num_rows() as u64 <= MAX_CHOICES {
            for row in 0..found.num_rows() {
                column.choices.push(text(&found, row, 0)?);
            }
        }
    }
    Ok(())
}

fn write(file: &str, columns: &[ColumnProfile<'_>]) -> String {
    let types = TypeReader::default();
    let mut out = String::new();
    let rows = columns.first().map_or(0, |column| column.rows);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# Draft of a data dictionary, from the {rows} rows of the file below. Its constraints are\n\
         # true for these rows. Replace every TODO, and delete what later rows may violate.\n\
         version: 1\n\
         tables:\n\
         \x20 - name: {}\n\
         \x20   # description: TODO what a row is\n\
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

fn write_column(out: &mut String, column: &ColumnProfile<'_>, types: &TypeReader) {
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
        Some(text) => line(format!("description: {}", scalar(text))),
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

/// Formats text as a YAML scalar: plain if it is unambiguous, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '(' | ')'))
        && !RESERVED_WORDS.contains(&text.to_ascii_lowercase().as_str());
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
            // YAML treats line separators and the byte order mark specially.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Words that a version of YAML does not read as text.
const RESERVED_WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Name of the table, which needs no quotes in SQL.
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
