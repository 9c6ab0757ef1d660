//! Charts: `COPY (query) TO 'chart.svg' OPTIONS (chart 'bar', x 'category', ...)`.

use std::fs;
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::CopyToStatement;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use semql_charts::{CHART_FORMATS, ChartFile, ChartFormat, ChartOptions, find_format};

use super::request::{check_columns, options, remote_target, source};
use super::staging::{Staging, invalidate_caches};
use crate::error::{Result, ShellError};
use crate::sources::location::local_path;
use crate::state_copy::task_context;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::plan_start::start_plan;
use crate::statement::row_count::rows;

/// Format of the chart, by the name of the target or by `STORED AS`; `None` if the
/// target is not a chart.
pub fn format(statement: &CopyToStatement) -> Option<&'static ChartFormat> {
    find_format(&statement.target, statement.stored_as.as_deref())
}

/// Extensions of charts, for messages.
pub fn known() -> String {
    let suffixes = CHART_FORMATS.iter().map(|format| format.suffix);
    format!("charts are {}", suffixes.collect::<Vec<_>>().join(" "))
}

/// Runs the query and writes the chart of its rows.
///
/// # Errors
/// Unsuitable options and columns, before any row is read; an error of the query or
/// the target, which is then unchanged.
pub async fn run(
    context: &StatementContext,
    statement: &CopyToStatement,
    format: &'static ChartFormat,
) -> Result<Outcome> {
    if !statement.partitioned_by.is_empty() {
        return Err(ShellError::query(
            "a chart is one file; leave PARTITIONED BY out",
        ));
    }
    let session = &context.session;
    let options = chart_options(statement)?;
    let state = session.state();
    let plan = source(session, &statement.source).await?;
    let plan = state.create_physical_plan(&plan).await?;
    let schema = plan.schema();
    check_columns(statement, &schema)?;
    let mut chart = ChartFile::new(&schema, options)?;
    let path = local_path(&statement.target)?;
    let mut staging = match &path {
        Some(path) => Some(Staging::beside(path, false)?),
        None => None,
    };
    let url = match path {
        Some(_) => None,
        None => Some(remote_target(&statement.target)?),
    };

    start_plan(&*context.observer, &plan);
    let read = read(&state, plan, &mut chart).await;
    context.observer.progress_ended();
    read?;
    let (count, summary) = (chart.rows(), chart.summary());
    let rendered = tokio::task::spawn_blocking(move || chart.render(format))
        .await
        .map_err(|error| ShellError::query(format!("the chart was not finished: {error}")))??;

    if let Some(staging) = &mut staging {
        let written = staging.folder()?.join(format!("data{}", format.suffix));
        fs::write(&written, &rendered.bytes).map_err(|error| staging.failure(&error))?;
        staging.commit(&written)?;
        invalidate_caches(&state, &staging.target);
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

fn chart_options(statement: &CopyToStatement) -> Result<ChartOptions> {
    let given = options(&statement.options)?;
    let mut given: Vec<(&str, &str)> = given
        .iter()
        .map(|(name, text)| {
            let name = name.strip_prefix("format.").unwrap_or(name);
            (name, text.as_str())
        })
        .collect();
    // Sorted, so that the first error is always the same.
    given.sort_unstable();
    Ok(ChartOptions::parse(given)?)
}

async fn read(
    state: &SessionState,
    plan: Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    chart: &mut ChartFile,
) -> Result<()> {
    let mut stream = execute_stream(plan, task_context(state))?;
    while let Some(batch) = stream.next().await {
        chart.add(&batch?)?;
    }
    Ok(())
}
