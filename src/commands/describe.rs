//! Commands that list and describe: `\d`, `\dt`, `\dv`, `\di`, `\dn`, `\l`, `\df`, `\dm`.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::memory::MemoryStream;
use futures::TryStreamExt;

use super::call::{Action, Call, table_reference, table_sql};
use super::details;
use super::functions::functions_of;
use super::pattern::matches;
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::statement::{Outcome, describe};

/// Query of `\dn`.
const SCHEMAS: &str = "SELECT schema_name AS name FROM information_schema.schemata \
     WHERE catalog_name = current_database() ORDER BY 1";

/// Query of `\l`.
const DATABASES: &str =
    "SELECT DISTINCT catalog_name AS name FROM information_schema.schemata ORDER BY 1";

/// Kind of views in the list of tables.
const VIEW: &str = "view";

pub async fn describe(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let Some(name) = call.first() else {
        return tables(shell, call).await;
    };
    let table = table_reference(name, call.rest)?;
    let session = Arc::clone(&shell.session);
    let outcome = shell
        .unless_interrupted(describe::run(&session, &table))
        .await?;
    shell.show_outcome(outcome).await?;
    Ok(Action::Continue)
}

/// The same with what is known about the whole table.
pub async fn describe_details(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let Some(name) = call.first() else {
        return tables(shell, call).await;
    };
    let table = table_reference(name, call.rest)?;
    describe(shell, call).await?;
    let session = Arc::clone(&shell.session);
    let details = details::of_table(&session, &table);
    let lines = shell.unless_interrupted(details).await?;
    if !lines.is_empty() {
        shell.write_text(&lines.join("\n"))?;
    }
    Ok(Action::Continue)
}

pub async fn tables(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    list_tables(shell, &call, |_| true).await
}

pub async fn views(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    list_tables(shell, &call, |kind| kind == VIEW).await
}

/// Lists the tables of these kinds whose names match the pattern of the call.
async fn list_tables(
    shell: &mut Shell,
    call: &Call<'_>,
    is_listed: fn(&str) -> bool,
) -> Result<Action> {
    let pattern = call.first().unwrap_or("*").to_lowercase();
    let session = Arc::clone(&shell.session);
    let list = async {
        match describe::list_tables(&session).await? {
            Outcome::Rows { stream, .. } => Ok(stream.try_collect::<Vec<_>>().await?),
            Outcome::Done { .. } => Ok(Vec::new()),
        }
    };
    for batch in shell.unless_interrupted(list).await? {
        let (names, kinds) = (batch.column(0), batch.column(1));
        let rows = names.as_string::<i32>().iter();
        let rows = rows.zip(kinds.as_string::<i32>());
        let listed: BooleanArray = rows
            .map(|(name, kind)| {
                let of_pattern = name.is_some_and(|name| matches(&pattern, name));
                Some(of_pattern && kind.is_some_and(is_listed))
            })
            .collect();
        let batch = filter_record_batch(&batch, &listed)?;
        shell.show_outcome(Outcome::of_batch(batch)).await?;
    }
    Ok(Action::Continue)
}

pub async fn indexes(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let Some(name) = call.first() else {
        return Err(ShellError::query("\\di needs a table"));
    };
    let sql = format!("SHOW INDEXES ON {}", table_sql(name, call.rest));
    shell.show_statement(&sql).await?;
    Ok(Action::Continue)
}

pub async fn schemas(shell: &mut Shell) -> Result<Action> {
    shell.show_statement(SCHEMAS).await?;
    Ok(Action::Continue)
}

pub async fn databases(shell: &mut Shell) -> Result<Action> {
    shell.show_statement(DATABASES).await?;
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
