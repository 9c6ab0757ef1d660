//! Values of an attribute: `COPY (SELECT canonical, variant FROM ...) TO 'values.yaml'`.

use std::fs;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::CopyToStatement;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use semql_udfs::learning::extraction::normalization::values_yaml;

use super::request::{check_columns, remote_target, source};
use super::staging::{Staging, invalidate_caches};
use crate::error::{Result, ShellError};
use crate::sources::location::local_path;
use crate::state_copy::task_context;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::plan_start::start_plan;
use crate::statement::row_count::rows;

/// Extensions of the format, and its name in `STORED AS`.
const EXTENSIONS: &[&str] = &[".yaml", ".yml"];
const FORMAT: &str = "yaml";

/// Columns that the query must have.
const CANONICAL: &str = "canonical";
const VARIANT: &str = "variant";

/// Maximum bytes of the texts, which are in memory.
const MAX_BYTES: usize = 256 << 20;

/// Whether the target is a file of values, by its name or by `STORED AS`.
pub fn is_target(statement: &CopyToStatement) -> bool {
    match &statement.stored_as {
        Some(format) => format.eq_ignore_ascii_case(FORMAT),
        None => {
            let name = statement.target.to_lowercase();
            EXTENSIONS.iter().any(|extension| name.ends_with(extension))
        }
    }
}

/// Extensions of the format, for messages.
pub fn known() -> String {
    format!(
        "the columns {CANONICAL} and {VARIANT} are written to {}",
        EXTENSIONS.join(" ")
    )
}

/// Runs the query and writes its pairs.
///
/// # Errors
/// Options, columns that are missing or not text, too much text; an error of the query or
/// the target, which is then unchanged.
pub async fn run(context: &StatementContext, statement: &CopyToStatement) -> Result<Outcome> {
    if !statement.partitioned_by.is_empty() || !statement.options.is_empty() {
        return Err(ShellError::query(
            "a YAML file of values is one file and takes no options; leave PARTITIONED BY and OPTIONS out",
        ));
    }
    let session = &context.session;
    let state = session.state();
    let plan = source(session, &statement.source).await?;
    let plan = state.create_physical_plan(&plan).await?;
    let schema = plan.schema();
    check_columns(statement, &schema)?;
    for name in [CANONICAL, VARIANT] {
        if schema.index_of(name).is_err() {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            return Err(ShellError::query(format!(
                "a YAML file takes the columns {CANONICAL} and {VARIANT}, as of normalize_values, and the query has {}",
                names.collect::<Vec<_>>().join(", ")
            )));
        }
    }
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
    let read = read(&state, plan).await;
    context.observer.progress_ended();
    let pairs = read?;
    let yaml = values_yaml(
        pairs
            .iter()
            .map(|(canonical, variant)| (canonical.as_str(), variant.as_str())),
    )?;

    if let Some(staging) = &mut staging {
        let written = staging.folder()?.join("data.yaml");
        fs::write(&written, &yaml).map_err(|error| staging.failure(&error))?;
        staging.commit(&written)?;
        invalidate_caches(&state, &staging.target);
    }
    if let Some(url) = url {
        let place = ListingTableUrl::try_new(url, None)?;
        let store = state.runtime_env().object_store(place.object_store())?;
        store
            .put(place.prefix(), yaml.into_bytes().into())
            .await
            .map_err(|error| {
                ShellError::query(format!("cannot write '{}': {error}", statement.target))
            })?;
    }
    let count = pairs.len() as u64;
    Ok(Outcome::Done {
        message: format!("copied {} to {}", rows(count), statement.target),
        rows: Some(count),
    })
}

/// The pairs of the query, without NULL.
async fn read(state: &SessionState, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<(String, String)>> {
    let mut stream = execute_stream(plan, task_context(state))?;
    let (mut pairs, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (canonical, variant) = (texts(&batch, CANONICAL)?, texts(&batch, VARIANT)?);
        for (canonical, variant) in canonical.into_iter().zip(variant) {
            let (Some(canonical), Some(variant)) = (canonical, variant) else {
                continue;
            };
            bytes += canonical.len() + variant.len();
            if bytes > MAX_BYTES {
                return Err(ShellError::query(format!(
                    "the values have more than {} MB; copy fewer rows, or write CSV",
                    MAX_BYTES >> 20
                )));
            }
            pairs.push((canonical, variant));
        }
    }
    Ok(pairs)
}

/// The texts of a column.
fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let column = batch.column(batch.schema().index_of(name)?);
    let column = cast(column, &DataType::Utf8)?;
    let texts = column.as_string_opt::<i32>();
    let texts = texts.ok_or_else(|| ShellError::query(format!("the column {name} is not text")))?;
    Ok(texts.iter().map(|text| text.map(str::to_string)).collect())
}
