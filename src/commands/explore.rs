//! Commands that show what there is: `\d`, `\dt`, `\df`, `\dm`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Documentation;
use datafusion::physical_plan::memory::MemoryStream;

use super::Call;
use crate::error::{Result, ShellError};
use crate::shell::{Flow, Shell};
use crate::statement::{self, Outcome, describe, syntax};

pub async fn describe(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let Some(name) = call.first() else {
        return tables(shell).await;
    };
    // A file may be named with and without quotes.
    let table = table_of(name, call.rest)?;
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(describe::run(&session, &table))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Flow::Continue)
}

/// The table, or the file, that an argument of a command names.
///
/// # Errors
/// Syntax.
pub fn table_of(word: &str, written: &str) -> Result<TableReference> {
    // A file may be named with and without quotes.
    match word.contains(['/', '.']) && std::path::Path::new(word).exists() {
        true => Ok(TableReference::bare(word)),
        false => syntax::table_in(written),
    }
}

pub async fn tables(shell: &mut Shell) -> Result<Flow> {
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(describe::list_tables(&session))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Flow::Continue)
}

pub async fn models(shell: &mut Shell) -> Result<Flow> {
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(statement::run_text(&session, "SHOW MODELS"))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Flow::Continue)
}

pub async fn functions(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let pattern = call.first().unwrap_or("*").to_lowercase();
    let all = functions_of(&shell.session.ctx.state());
    let found: Vec<_> = all.values().filter(|it| fits(&pattern, &it.name)).collect();
    if found.is_empty() {
        let near = crate::suggest::hint(&pattern, all.keys().map(String::as_str));
        return Err(ShellError::query(format!(
            "no function is called '{pattern}'{near}"
        )));
    }
    let text = |name| Field::new(name, DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![
        text("function"),
        text("kind"),
        text("description"),
    ]));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(
                found
                    .iter()
                    .map(|it| Some(it.call.as_str()))
                    .collect::<StringArray>(),
            ),
            Arc::new(
                found
                    .iter()
                    .map(|it| Some(it.kind))
                    .collect::<StringArray>(),
            ),
            Arc::new(
                found
                    .iter()
                    .map(|it| Some(it.summary.as_str()))
                    .collect::<StringArray>(),
            ),
        ],
    )?;
    let stream = MemoryStream::try_new(vec![batch], Arc::clone(&schema), None)?;
    let stream = Box::pin(stream);
    shell.show_outcome(Outcome::Rows { schema, stream }).await?;
    Ok(Flow::Continue)
}

/// A function as `\df` and `\h` show it.
pub struct Function {
    pub name: String,
    /// Its call, such as `lower(str)`.
    pub call: String,
    pub kind: &'static str,
    /// The first sentence of its description.
    pub summary: String,
    pub documentation: Option<Documentation>,
}

impl Function {
    fn new(name: &str, kind: &'static str, documentation: Option<&Documentation>) -> Self {
        // The documentation of an alias shows the other name.
        let arguments = documentation.and_then(|it| {
            it.syntax_example
                .find('(')
                .map(|at| &it.syntax_example[at..])
        });
        Self {
            name: name.to_string(),
            call: format!("{name}{}", arguments.unwrap_or("(...)")),
            kind,
            summary: documentation
                .map(|it| summary(&it.description))
                .unwrap_or_default(),
            documentation: documentation.cloned(),
        }
    }
}

/// All functions by name; operators, which have no ordinary name, left out.
pub fn functions_of(state: &SessionState) -> BTreeMap<String, Function> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, kind, documentation: Option<&Documentation>| {
        if name.starts_with(|c: char| c.is_alphabetic()) {
            all.insert(
                name.to_lowercase(),
                Function::new(name, kind, documentation),
            );
        }
    };
    for name in state.table_functions().keys() {
        add(name, "table", None);
    }
    for (name, udf) in state.window_functions() {
        add(name, "window", udf.documentation());
    }
    for (name, udf) in state.aggregate_functions() {
        add(name, "aggregate", udf.documentation());
    }
    for (name, udf) in state.scalar_functions() {
        add(name, "scalar", udf.documentation());
    }
    all
}

fn summary(description: &str) -> String {
    let one_line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.find(". ") {
        Some(end) => one_line[..=end].to_string(),
        None => one_line,
    }
}

/// Whether `name` fits a pattern; without `*` any part of the name will do.
fn fits(pattern: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    if !pattern.contains('*') {
        return name.contains(pattern);
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{fits, summary};

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("ai_*", "ai_classify", true),
            ("ai_*", "chair_", false),
            ("*_similarity", "ai_similarity", true),
            ("a*a*a", "aa", false),
            ("classi", "ai_classify", true),
            ("x", "ai_classify", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_summary_is_the_first_sentence_on_one_line() {
        assert_eq!(summary("Does\n  this. Then that."), "Does this.");
        assert_eq!(summary("Does v1.2"), "Does v1.2");
    }
}
