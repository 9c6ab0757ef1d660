//! Commands that list tables, columns, functions and models: `\d`, `\dt`, `\df`, `\dm`.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::memory::MemoryStream;

use super::call::{Action, Call, table_reference};
use super::functions::functions_of;
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::statement::{Outcome, describe};

pub async fn describe(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let Some(name) = call.first() else {
        return tables(shell).await;
    };
    let table = table_reference(name, call.rest)?;
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(describe::run(&session, &table))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Action::Continue)
}

pub async fn tables(shell: &mut Shell) -> Result<Action> {
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(describe::list_tables(&session))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Action::Continue)
}

pub async fn models(shell: &mut Shell) -> Result<Action> {
    shell.show_statement("SHOW MODELS").await?;
    Ok(Action::Continue)
}

pub async fn functions(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let pattern = call.first().unwrap_or("*").to_lowercase();
    let all = functions_of(&shell.session.ctx.state());
    let found: Vec<_> = all
        .values()
        .filter(|it| matches(&pattern, &it.name))
        .collect();
    if found.is_empty() {
        let near = crate::suggest::hint(&pattern, all.keys().map(String::as_str));
        return Err(ShellError::query(format!(
            "no function matches '{pattern}'{near}"
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
    Ok(Action::Continue)
}

/// Whether `name` matches a pattern; a pattern without `*` matches any part.
fn matches(pattern: &str, name: &str) -> bool {
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
    use super::matches;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("ai_*", "ai_classify", true),
            ("ai_*", "chair_", false),
            ("*_similarity", "ai_similarity", true),
            ("a*a*a", "aa", false),
            ("classi", "ai_classify", true),
            ("x", "ai_classify", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
