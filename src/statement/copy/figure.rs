//! `COPY (query) TO 'chart.svg' OPTIONS (chart 'bar', x 'category', ...)`: the
//! rows become a chart, which appears whole or not at all, like every target.

use std::fs;
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::CopyToStatement;
use futures::StreamExt;
use object_store::ObjectStoreExt;

use super::staging::Staging;
use super::{check_columns, forget, options, remote_target, source};
use crate::error::{Result, ShellError};
use crate::output::figure::{self, Figure, Format, Spec};
use crate::session::Session;
use crate::sources::place::local_path;
use crate::statement::Outcome;
use crate::statement::query::rows;

/// The chart that a statement asks for, by the name of its target or by
/// `STORED AS`.
pub fn format(statement: &CopyToStatement) -> Option<&'static Format> {
    figure::format(&statement.target, statement.stored_as.as_deref())
}

/// The extensions of charts, for messages.
pub fn known() -> String {
    let suffixes = figure::FORMATS.iter().map(|format| format.suffix);
    format!("charts are {}", suffixes.collect::<Vec<_>>().join(" "))
}

/// Runs the query and writes the chart of its rows.
///
/// # Errors
/// Options and columns that a chart cannot be made of, before any row is read;
/// whatever is wrong with the query or the target. The target is then as it was
/// before.
pub async fn run(
    session: &Session,
    statement: &CopyToStatement,
    format: &'static Format,
) -> Result<Outcome> {
    if !statement.partitioned_by.is_empty() {
        return Err(ShellError::query(
            "a chart is one file; leave PARTITIONED BY out",
        ));
    }
    let spec = spec(statement)?;
    let state = session.ctx.state();
    let plan = source(session, &statement.source).await?;
    let plan = state.create_physical_plan(&plan).await?;
    let schema = plan.schema();
    check_columns(statement, &schema)?;
    let mut figure = Figure::new(&schema, spec)?;
    let path = local_path(&statement.target)?;
    let mut staging = match &path {
        Some(path) => Some(Staging::beside(path, false)?),
        None => None,
    };
    let url = match path {
        Some(_) => None,
        None => Some(remote_target(&statement.target)?),
    };

    session.show_progress(&plan);
    let read = read(&state, plan, &mut figure).await;
    session.hide_progress();
    read?;
    let (count, summary) = (figure.rows(), figure.summary());
    let rendered = tokio::task::spawn_blocking(move || figure.render(format))
        .await
        .map_err(|error| ShellError::query(format!("the chart was not finished: {error}")))??;

    if let Some(staging) = &mut staging {
        let written = staging.folder()?.join(format!("data{}", format.suffix));
        fs::write(&written, &rendered.bytes).map_err(|error| staging.failure(&error))?;
        staging.commit(&written)?;
        forget(&state, &staging.target);
    }
    if let Some(url) = url {
        let place = ListingTableUrl::try_new(url, None)?;
        let store = state.runtime_env().object_store(place.object_store())?;
        store
            .put(place.prefix(), rendered.bytes.into())
            .await
            .map_err(|error| {
                ShellError::query(format!("cannot write '{}': {error}", statement.target))
            })?;
    }
    let mut message = format!(
        "copied {} to {}, a {summary}",
        rows(count as u64),
        statement.target
    );
    if let Some(note) = rendered.note {
        message.push_str("; ");
        message.push_str(&note);
    }
    Ok(Outcome::done(message))
}

fn spec(statement: &CopyToStatement) -> Result<Spec> {
    let given = options(&statement.options)?;
    let mut given: Vec<(&str, &str)> = given
        .iter()
        .map(|(name, text)| {
            let name = name.strip_prefix("format.").unwrap_or(name);
            (name, text.as_str())
        })
        .collect();
    // The first error is the same every time.
    given.sort_unstable();
    Spec::of(given)
}

async fn read(
    state: &SessionState,
    plan: Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    figure: &mut Figure,
) -> Result<()> {
    let mut stream = execute_stream(plan, state.task_ctx())?;
    while let Some(batch) = stream.next().await {
        figure.add(&batch?)?;
    }
    Ok(())
}
