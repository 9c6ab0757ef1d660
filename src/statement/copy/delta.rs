//! `COPY ... TO 'folder/' STORED AS DELTA [OPTIONS (mode '...', partition_by '...')]`:
//! rows into a table of Delta Lake, in one commit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::execution::context::SessionState;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::sql::parser::CopyToStatement;

use super::request::{
    check_columns, check_partition_columns, described, mode, options, partition_columns, source,
};
use super::rows::{count, one_partition};
use super::staging::Staging;
use crate::delta::{DeltaLake, DeltaLocation, DeltaWrite, DeltaWriteMode, delta_of, is_table};
use crate::error::{Result, ShellError};
use crate::sources::delta;
use crate::sources::location::local_path;
use crate::state_copy::task_context;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::plan_start::start_plan;
use crate::statement::row_count::rows;

/// Whether the statement writes a table of Delta Lake.
pub fn is_target(statement: &CopyToStatement) -> bool {
    let stored_as = statement.stored_as.as_deref();
    stored_as.is_some_and(delta::is_stored_as)
}

/// Runs the statement, and returns the number of written rows. The policy allows the
/// target.
///
/// # Errors
/// An error of the query or of the table, which is then unchanged.
pub async fn run(context: &StatementContext, statement: &CopyToStatement) -> Result<Outcome> {
    let session = &context.session;
    let state = session.state();
    let delta = delta_of(
        state.config(),
        "this program does not write tables of Delta Lake",
    )?;
    let (mode, partition_by) = request(statement)?;
    let location = delta::at(state.as_ref(), &statement.target)?;
    let mode = checked_mode(mode, &state, &location).await?;
    let input = source(session, &statement.source).await?;
    check_columns(statement, input.schema().inner())?;
    check_partition_columns("partition_by", &partition_by, input.schema().inner())?;
    let input = one_partition(state.create_physical_plan(&input).await?);
    let write = DeltaWrite {
        mode,
        partition_by,
        schema: described(session, statement, input.schema()),
    };
    let writer = Writer {
        context,
        state: &state,
        delta: &*delta,
    };
    let copied = match (mode, local_path(&statement.target)?) {
        (DeltaWriteMode::Create, Some(path)) => {
            writer.create(&path, location, write, input).await?
        }
        _ => writer.write(location, write, input).await?,
    };
    Ok(Outcome::Done {
        message: format!("copied {} to {}", rows(copied), statement.target),
        rows: Some(copied),
    })
}

/// The mode and the partition columns of the statement.
fn request(statement: &CopyToStatement) -> Result<(DeltaWriteMode, Vec<String>)> {
    let mut given = options(&statement.options)?;
    let mode = mode(&mut given, DeltaWriteMode::NAMES)?.unwrap_or(DeltaWriteMode::Create);
    let by = partition_columns(statement)?;
    let by = match given.remove("format.partition_by") {
        None => by,
        Some(_) if !by.is_empty() => {
            return Err(ShellError::query(
                "the option partition_by means the same as PARTITIONED BY; write one of them",
            ));
        }
        Some(names) => names
            .split(',')
            .map(|name| name.trim().to_string())
            .collect(),
    };
    match given.keys().next() {
        Some(key) => Err(ShellError::query(format!(
            "unknown option '{}'; COPY into a table of Delta Lake takes mode and partition_by",
            key.trim_start_matches("format.")
        ))),
        None => Ok((mode, by)),
    }
}

/// Mode that fits what the folder holds: a table that does not exist is not replaced, but
/// created.
async fn checked_mode(
    mode: DeltaWriteMode,
    state: &SessionState,
    location: &DeltaLocation,
) -> Result<DeltaWriteMode> {
    let name = &location.name;
    let exists = delta::find(state, name).await?.is_some();
    match mode {
        DeltaWriteMode::Create if exists => Err(ShellError::query(format!(
            "'{name}' is a table already; OPTIONS (mode 'append') adds rows to it, and (mode 'replace') replaces it"
        ))),
        DeltaWriteMode::Append if !exists => Err(ShellError::query(format!(
            "there is no table of Delta Lake in '{name}'; OPTIONS (mode 'create') creates one"
        ))),
        DeltaWriteMode::Replace if exists => Ok(mode),
        DeltaWriteMode::Append => Ok(mode),
        DeltaWriteMode::Create | DeltaWriteMode::Replace => {
            if location.url.scheme() != "file" && delta::holds_objects(location, "").await {
                return Err(ShellError::query(format!(
                    "the folder '{name}' is not empty; remove it first or name another one"
                )));
            }
            Ok(DeltaWriteMode::Create)
        }
    }
}

/// Writer of the rows of a statement.
struct Writer<'a> {
    context: &'a StatementContext,
    state: &'a SessionState,
    delta: &'a dyn DeltaLake,
}

impl Writer<'_> {
    /// Creates a table on this machine: writes it into a hidden folder beside its own, and
    /// renames that.
    async fn create(
        &self,
        path: &Path,
        location: DeltaLocation,
        write: DeltaWrite,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<u64> {
        let mut staging = Staging::beside(path, true)?;
        let inside = staging.folder()?.join("data");
        fs::create_dir(&inside).map_err(|error| staging.failure(&error))?;
        let staged = DeltaLocation {
            name: location.name,
            ..delta::at(self.state, &inside.to_string_lossy())?
        };
        let copied = self.write(staged, write, input).await?;
        // Another statement may have created the table meanwhile.
        if is_table(path) {
            return Err(ShellError::query(format!(
                "'{}' has become a table while this statement ran; run it again with OPTIONS (mode 'append')",
                path.display()
            )));
        }
        staging.commit(&inside)?;
        Ok(copied)
    }

    async fn write(
        &self,
        location: DeltaLocation,
        write: DeltaWrite,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<u64> {
        let plan = self.delta.write_plan(location, write, input)?;
        start_plan(&*self.context.observer, &plan);
        let counted = collect(plan, task_context(self.state)).await;
        self.context.observer.progress_ended();
        Ok(count(&counted?))
    }
}
