//! Comparison of the dictionary with the data.

use arrow::array::RecordBatch;
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;

use super::data_stamp::DataStamp;
use super::model::{AcceptedValues, Dictionary, DictionaryColumn, DictionaryTable};
use super::sql::{identifier, number, query, string, text};
use super::types::{fits, is_text, sql_name};
use crate::error::Result;

/// Maximum number of example values.
const MAX_EXAMPLES: usize = 5;

/// Maximum length of an example value, in characters.
const MAX_EXAMPLE_LENGTH: usize = 80;

/// Difference between dictionary and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub table: String,
    /// `None` if the table as a whole differs.
    pub column: Option<String>,
    /// What was compared: `data`, `column`, `type`, `nullable`, `unique`,
    /// `accepted_values`, `taxonomy`, `min_length` or `max_length`.
    pub what: &'static str,
    /// Value in the dictionary.
    pub expected: String,
    /// Value in the data.
    pub found: String,
}

/// Compares the tables that have a location with their data, and lists the
/// differences in the order of the dictionary. Data that cannot be read is a
/// difference too, so the other tables are still compared.
pub async fn compare(ctx: &SessionContext, dictionary: &Dictionary) -> Vec<Difference> {
    let mut differences = Vec::new();
    for table in dictionary.tables() {
        let mut report = DifferenceReport {
            table,
            dictionary,
            differences: Vec::new(),
        };
        if let Err(e) = check_table(ctx, table, &mut report).await {
            report.add(None, "data", "data that can be read", e.to_string());
        }
        report.sort();
        differences.append(&mut report.differences);
    }
    differences
}

struct DifferenceReport<'a> {
    table: &'a DictionaryTable,
    dictionary: &'a Dictionary,
    differences: Vec<Difference>,
}

impl DifferenceReport<'_> {
    /// Sorts by column: none first, then in the order of the dictionary, then columns
    /// that only the data has.
    fn sort(&mut self) {
        let columns = &self.table.columns;
        self.differences
            .sort_by_key(|difference| match &difference.column {
                None => 0,
                Some(name) => columns
                    .iter()
                    .position(|column| &column.name == name)
                    .map_or(usize::MAX, |position| position + 1),
            });
    }

    fn add(
        &mut self,
        column: Option<&str>,
        what: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.differences.push(Difference {
            table: self.table.name.clone(),
            column: column.map(str::to_string),
            what,
            expected: expected.into(),
            found: found.into(),
        });
    }
}

async fn check_table(
    ctx: &SessionContext,
    table: &DictionaryTable,
    report: &mut DifferenceReport<'_>,
) -> Result<()> {
    let Some(location) = &table.location else {
        return Ok(());
    };
    if DataStamp::of(location) == DataStamp::Missing {
        let expected = format!("data at '{}'", location.resolved);
        report.add(None, "data", expected, "nothing there");
        return Ok(());
    }
    let provider = ctx
        .table_provider(TableReference::bare(table.name.as_str()))
        .await?;
    if table.columns.is_empty() {
        // Without columns in the dictionary, it is enough that the data opens.
        return Ok(());
    }
    let schema = provider.schema();
    let mut checks = Vec::new();
    for column in &table.columns {
        let Ok(field) = schema.field_with_name(&column.name) else {
            report.add(
                Some(&column.name),
                "column",
                "a column of this name",
                "none",
            );
            continue;
        };
        let data_type = field.data_type();
        if let Some(declared) = &column.data_type
            && !fits(declared, data_type)
        {
            let expected = column
                .type_name
                .clone()
                .unwrap_or_else(|| sql_name(declared));
            report.add(Some(&column.name), "type", expected, sql_name(data_type));
        }
        checks.push((column, rules(column, is_text(data_type), report.dictionary)));
    }
    check_values(ctx, table, &checks, report).await?;
    for field in schema.fields() {
        if table.column(field.name()).is_none() {
            let found = format!("a column of type {}", sql_name(field.data_type()));
            report.add(
                Some(field.name()),
                "column",
                "no column of this name",
                found,
            );
        }
    }
    Ok(())
}

/// Constraint on the values of a column.
enum ColumnRule {
    NotNull,
    Unique,
    /// Key in the dictionary, and the accepted values.
    OneOf(&'static str, Vec<String>),
    MinLength(u64),
    MaxLength(u64),
}

fn rules(column: &DictionaryColumn, text: bool, dictionary: &Dictionary) -> Vec<ColumnRule> {
    let mut rules = Vec::new();
    if column.nullable == Some(false) {
        rules.push(ColumnRule::NotNull);
    }
    if column.unique {
        rules.push(ColumnRule::Unique);
    }
    match &column.accepted {
        AcceptedValues::Anything => {}
        AcceptedValues::Values(values) => {
            rules.push(ColumnRule::OneOf("accepted_values", values.clone()))
        }
        AcceptedValues::Taxonomy(name) => {
            if let Some(labels) = dictionary.labels(name) {
                rules.push(ColumnRule::OneOf("taxonomy", labels));
            }
        }
    }
    // Other types than text are reported already.
    if text {
        rules.extend(column.min_length.map(ColumnRule::MinLength));
        rules.extend(column.max_length.map(ColumnRule::MaxLength));
    }
    rules
}

/// Counts violations of all rules in one query, then queries examples of those that
/// occur.
async fn check_values(
    ctx: &SessionContext,
    table: &DictionaryTable,
    checks: &[(&DictionaryColumn, Vec<ColumnRule>)],
    report: &mut DifferenceReport<'_>,
) -> Result<()> {
    let from = identifier(&table.name);
    let mut counts = Vec::new();
    for (column, rules) in checks {
        let name = identifier(&column.name);
        counts.extend(rules.iter().map(|rule| match rule {
            ColumnRule::NotNull => format!("count(*) - count({name})"),
            ColumnRule::Unique => format!("count({name}) - count(DISTINCT {name})"),
            other => format!("count(*) FILTER (WHERE {})", violation(other, &name)),
        }));
    }
    if counts.is_empty() {
        return Ok(());
    }
    // Equal counts need different names.
    let counts: Vec<String> = counts
        .iter()
        .enumerate()
        .map(|(position, count)| format!("{count} AS n{position}"))
        .collect();
    let counted = query(ctx, &format!("SELECT {} FROM {from}", counts.join(", "))).await?;
    let mut position = 0;
    for (column, rules) in checks {
        for rule in rules {
            let count = number(&counted, 0, position)?;
            position += 1;
            if count > 0 {
                explain(ctx, &from, column, rule, count, report).await?;
            }
        }
    }
    Ok(())
}

/// Condition of values that violate the rule.
fn violation(rule: &ColumnRule, name: &str) -> String {
    match rule {
        ColumnRule::OneOf(_, values) => {
            let values: Vec<String> = values.iter().map(|value| string(value)).collect();
            let value = as_text(name);
            format!(
                "{name} IS NOT NULL AND {value} NOT IN ({})",
                values.join(", ")
            )
        }
        ColumnRule::MinLength(min) => format!("character_length({name}) < {min}"),
        ColumnRule::MaxLength(max) => format!("character_length({name}) > {max}"),
        ColumnRule::NotNull | ColumnRule::Unique => format!("{name} IS NULL"),
    }
}

fn as_text(name: &str) -> String {
    format!("CAST({name} AS VARCHAR)")
}

async fn explain(
    ctx: &SessionContext,
    from: &str,
    column: &DictionaryColumn,
    rule: &ColumnRule,
    count: u64,
    report: &mut DifferenceReport<'_>,
) -> Result<()> {
    let name = identifier(&column.name);
    let shown = Some(column.name.as_str());
    match rule {
        ColumnRule::NotNull => {
            let found = format!("{count} null{}", plural(count));
            report.add(shown, "nullable", "no nulls", found);
        }
        ColumnRule::Unique => {
            let sql = format!(
                "SELECT CAST(value AS VARCHAR), times FROM (SELECT {name} AS value, \
                 count(*) AS times FROM {from} WHERE {name} IS NOT NULL GROUP BY {name}) \
                 ORDER BY times DESC, value LIMIT 1"
            );
            let example = examples(&query(ctx, &sql).await?)?;
            let found = format!("{count} duplicate{}, such as {example}", plural(count));
            report.add(shown, "unique", "every value once", found);
        }
        ColumnRule::OneOf(what, values) => {
            let sql = format!(
                "SELECT {value}, count(*), count(*) OVER () FROM {from} WHERE {violated} \
                 GROUP BY {value} ORDER BY 2 DESC, 1 LIMIT {MAX_EXAMPLES}",
                value = as_text(&name),
                violated = violation(rule, &name)
            );
            let unknown = query(ctx, &sql).await?;
            let kinds = match unknown.num_rows() {
                0 => 0,
                _ => number(&unknown, 0, 2)?,
            };
            let more = kinds.saturating_sub(MAX_EXAMPLES as u64);
            let rest = if more > 0 {
                format!(" and {more} more values")
            } else {
                String::new()
            };
            let found = format!(
                "{count} row{} with other values: {}{rest}",
                plural(count),
                examples(&unknown)?
            );
            let expected = match &column.accepted {
                AcceptedValues::Taxonomy(taxonomy) => format!("a label of '{taxonomy}'"),
                AcceptedValues::Anything | AcceptedValues::Values(_) => listed(values),
            };
            report.add(shown, what, expected, found);
        }
        ColumnRule::MinLength(min) => {
            let extreme = length(ctx, from, &name, "min").await?;
            let found = format!("{count} shorter, the shortest has {extreme}");
            let expected = format!("at least {min} character{}", plural(*min));
            report.add(shown, "min_length", expected, found);
        }
        ColumnRule::MaxLength(max) => {
            let extreme = length(ctx, from, &name, "max").await?;
            let found = format!("{count} longer, the longest has {extreme}");
            let expected = format!("at most {max} character{}", plural(*max));
            report.add(shown, "max_length", expected, found);
        }
    }
    Ok(())
}

async fn length(ctx: &SessionContext, from: &str, name: &str, extreme: &str) -> Result<u64> {
    let sql = format!("SELECT {extreme}(character_length({name})) FROM {from}");
    number(&query(ctx, &sql).await?, 0, 0)
}

/// `'value' (count)` of each row.
fn examples(batch: &RecordBatch) -> Result<String> {
    let mut shown = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let value: String = text(batch, row, 0)?
            .chars()
            .take(MAX_EXAMPLE_LENGTH)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        shown.push(format!("'{value}' ({})", number(batch, row, 1)?));
    }
    Ok(shown.join(", "))
}

fn listed(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    format!("one of {}", quoted.join(", "))
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests;
