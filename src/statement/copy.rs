//! `COPY (query | table) TO 'path' [STORED AS format] [PARTITIONED BY (...)]
//! [OPTIONS (...)]`: the target appears whole or not at all. [`figure`] writes
//! targets that are charts, [`values`] dictionaries of canonical values, `database`
//! tables of databases, [`delta`] tables of Delta Lake.
//!
//! Files are written into a hidden folder beside the target, synced to disk, and
//! renamed into place. A killed run leaves that folder, which the next COPY to the
//! same target removes.

#[cfg(feature = "databases")]
mod database;
mod delta;
mod figure;
mod partition_text;
mod refresh;
mod request;
mod row_groups;
mod rows;
mod staging;
mod text_sink;
mod values;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::config::ParquetOptions;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileOutputMode, FileSinkConfig};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::sql::parser::CopyToStatement;
use url::Url;

use super::context::StatementContext;
use super::outcome::Outcome;
use super::plan_start::start_plan;
use super::row_count;
use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::sources::format::{self, Format, FormatKind};
use crate::sources::location::local_path;
use crate::state_copy::task_context;
use partition_text::with_partition_texts;
use request::{check_columns, described, options, partition_columns, remote_target, source};
use rows::{count, one_partition};
use staging::{Staging, invalidate_caches};
use text_sink::TextSink;

/// Runs the statement, and returns the number of copied rows.
///
/// # Errors
/// An error of the query, the format or the target, which is then unchanged.
pub async fn run(context: &StatementContext, statement: &CopyToStatement) -> Result<Outcome> {
    let session = &context.session;
    #[cfg(feature = "databases")]
    if let Some(address) = crate::sources::databases::address(&statement.target)? {
        return database::run(context, statement, address).await;
    }
    check_allowed(session, &statement.target)?;
    if delta::is_target(statement) {
        return delta::run(context, statement).await;
    }
    if let Some(format) = figure::format(statement) {
        return figure::run(context, statement, format).await;
    }
    if values::is_target(statement) {
        return values::run(context, statement).await;
    }
    let state = session.state();
    let target = FileTarget::of(statement)?;
    let mut input = source(session, &statement.source).await?;
    let mut note = None;
    if target.refresh {
        let refreshed = refresh::reuse(session, input, &statement.target).await?;
        (input, note) = refreshed;
    }
    check_columns(statement, input.schema().inner())?;
    let input = with_partition_texts(input, &partition_columns(statement)?)?;
    let input = state.create_physical_plan(&input).await?;
    let schema = described(session, statement, input.schema());
    let copied = match local_path(&statement.target)? {
        Some(path) => local(context, &state, statement, &target, &path, input, schema).await?,
        None => {
            let url = remote_target(&statement.target)?;
            write(context, &state, &target, url, statement, input, schema).await?
        }
    };
    let note = note.map_or(String::new(), |note| format!("; {note}"));
    Ok(Outcome::Done {
        message: format!(
            "copied {} to {}{note}",
            row_count::rows(copied),
            statement.target
        ),
        rows: Some(copied),
    })
}

/// Checks that the policy allows writing the target.
fn check_allowed(session: &Session, target: &str) -> Result<()> {
    match local_path(target)? {
        Some(path) => session.policy.check_write_path(&path),
        None => {
            session.policy.check_write("COPY")?;
            session.policy.check_url(&remote_target(target)?)
        }
    }
}

/// File or folder to write.
struct FileTarget {
    format: &'static Format,
    options: HashMap<String, String>,
    folder: bool,
    /// Whether unchanged rows keep the values that a model computed.
    refresh: bool,
}

impl FileTarget {
    fn of(statement: &CopyToStatement) -> Result<Self> {
        let path = &statement.target;
        let slash = path.ends_with('/');
        let name = path
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let named = format::from_file_name(name);
        let format = match (&statement.stored_as, &named) {
            (Some(word), _) => format::by_name(word).ok_or_else(|| {
                ShellError::query(format!(
                    "cannot write the format '{}'; {}; {}; {}",
                    word.to_lowercase(),
                    format::known_extensions(),
                    figure::known(),
                    values::known()
                ))
            })?,
            (None, Ok(named)) => named.format,
            // A folder's name has no format; Parquet is the format of tables.
            (None, Err(_))
                if slash || !name.contains('.') && !statement.partitioned_by.is_empty() =>
            {
                format::by_name("parquet")
                    .ok_or_else(|| ShellError::query(format::known_extensions()))?
            }
            (None, Err(why)) => {
                return Err(ShellError::query(format!(
                    "'{path}' {why}; {}; {}; or say STORED AS and the format",
                    figure::known(),
                    values::known()
                )));
            }
        };
        let mut options = options(&statement.options)?;
        if let FormatKind::Csv {
            delimiter,
            sniff: false,
        } = format.kind
        {
            options
                .entry("format.delimiter".into())
                .or_insert(char::from(delimiter).to_string());
        }
        if let Some(compression) = format::compression_of(name) {
            if matches!(format.kind, FormatKind::Parquet | FormatKind::Arrow) {
                return Err(ShellError::query(format!(
                    "'{path}': {} files are compressed within; leave {compression} out of the name",
                    format.name
                )));
            }
            options
                .entry("format.compression".into())
                .or_insert(compression.to_string());
        }
        let refresh = match options.remove("format.refresh").as_deref() {
            None | Some("false") => false,
            Some("true")
                if matches!(format.kind, FormatKind::Parquet) && local_path(path)?.is_some() =>
            {
                true
            }
            Some("true") => {
                return Err(ShellError::query(format!(
                    "OPTIONS (refresh true) takes a Parquet file on this machine, and the target is '{path}'"
                )));
            }
            Some(other) => {
                return Err(ShellError::query(format!(
                    "refresh is true or false, not '{other}'"
                )));
            }
        };
        let single = match options.remove("format.single_file_output").as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                return Err(ShellError::query(format!(
                    "single_file_output is true or false, not '{other}'"
                )));
            }
            None => None,
        };
        let folder = match single {
            _ if !statement.partitioned_by.is_empty() => true,
            Some(single) => !single,
            None => slash || !name.contains('.'),
        };
        Ok(Self {
            format,
            options,
            folder,
            refresh,
        })
    }

    fn mode(&self) -> FileOutputMode {
        if self.folder {
            FileOutputMode::Directory
        } else {
            FileOutputMode::SingleFile
        }
    }
}

async fn local(
    context: &StatementContext,
    state: &SessionState,
    statement: &CopyToStatement,
    target: &FileTarget,
    path: &Path,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
) -> Result<u64> {
    let mut staging = Staging::beside(path, target.folder)?;
    let name = if target.folder {
        "data/".to_string()
    } else {
        // The engine's writers require an extension.
        format!("data.{}", target.format.extensions[0])
    };
    let inside = staging.folder()?.join(name.trim_end_matches('/'));
    let url = if target.folder {
        fs::create_dir(&inside).map_err(|error| staging.failure(&error))?;
        Url::from_directory_path(&inside)
    } else {
        Url::from_file_path(&inside)
    };
    let url = url.map_err(|()| ShellError::query(format!("'{}' is not a path", path.display())))?;
    let copied = write(context, state, target, url, statement, input, schema).await?;
    staging.commit(&inside)?;
    invalidate_caches(state, &staging.target);
    Ok(copied)
}

/// The options of the statement, and the rows of a row group where neither they nor the
/// settings give them.
fn writer_options(
    state: &SessionState,
    target: &FileTarget,
    schema: &Schema,
) -> HashMap<String, String> {
    let mut options = target.options.clone();
    let default = ParquetOptions::default().max_row_group_size;
    let setting = state.config_options().execution.parquet.max_row_group_size;
    if target.format.kind == FormatKind::Parquet && setting == default {
        let rows = row_groups::rows_of_group(schema, default);
        let given = options.entry("format.max_row_group_size".to_string());
        given.or_insert_with(|| rows.to_string());
    }
    options
}

/// Writes all rows to `url`, which is a file or, with a slash, a folder.
async fn write(
    context: &StatementContext,
    state: &SessionState,
    target: &FileTarget,
    url: Url,
    statement: &CopyToStatement,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
) -> Result<u64> {
    let factory = state
        .get_file_format_factory(target.format.name)
        .ok_or_else(|| {
            ShellError::query(format!("cannot write the format {}", target.format.name))
        })?;
    let format = factory.create(state, &writer_options(state, target, &schema))?;
    let extension = match format.compression_type() {
        Some(compression) => format.get_ext_with_compression(&compression)?,
        None => format.get_ext(),
    };
    let place = ListingTableUrl::try_new(url, None)?;
    let by = partition_columns(statement)?.into_iter();
    let config = FileSinkConfig {
        original_url: statement.target.clone(),
        object_store_url: place.object_store(),
        table_paths: vec![place],
        file_group: FileGroup::default(),
        output_schema: schema,
        // The engine reads the types from the rows.
        table_partition_cols: by.map(|column| (column, DataType::Null)).collect(),
        insert_op: InsertOp::Append,
        keep_partition_by_columns: state.config_options().execution.keep_partition_by_columns,
        file_extension: extension.trim_start_matches('.').to_string(),
        file_output_mode: target.mode(),
    };
    let ordering = input.output_ordering().cloned().map(Into::into);
    let input = one_partition(input);
    let plan: Arc<dyn ExecutionPlan> = match TextSink::of(format.as_ref(), &config) {
        Some(sink) => Arc::new(DataSinkExec::new(input, Arc::new(sink), ordering)),
        None => {
            format
                .create_writer_physical_plan(input, state, config, ordering)
                .await?
        }
    };
    start_plan(&*context.observer, &plan);
    let counted = collect(plan, task_context(state)).await;
    context.observer.progress_ended();
    Ok(count(&counted?))
}
