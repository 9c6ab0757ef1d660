//! `COPY (query | table) TO 'path' [STORED AS format] [PARTITIONED BY (...)]
//! [OPTIONS (...)]`: the target appears whole or not at all.
//!
//! Files are written into a hidden folder beside the target, made durable, and
//! renamed into place. A run that is killed leaves that folder behind, and the
//! next COPY to the same target takes it away.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, UInt64Type};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileOutputMode, FileSinkConfig};
use datafusion::execution::cache::cache_manager::TableScopedPath;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement};
use datafusion::sql::sqlparser::ast::{Statement as SqlStatement, Value};
use tempfile::TempDir;
use url::Url;

use super::Outcome;
use super::query::rows;
use crate::dictionary::annotate::annotate;
use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::sources::format::{self, Format, Kind};
use crate::sources::place::local_path;

/// In the names of the hidden folders that files are written into.
const MARK: &str = ".semql-";

/// Held for as long as the writer of such a folder lives.
const LOCK: &str = "lock";

/// How long a folder may be without its lock while it is being set up.
const SETTING_UP: Duration = Duration::from_secs(60);

/// The longest part of a target's name that such a folder is named after: file
/// systems allow 255 bytes.
const LONGEST_NAME: usize = 200;

/// Runs the statement and says how many rows were copied.
///
/// # Errors
/// Whatever is wrong with the query, the format or the target. The target is
/// then as it was before.
pub async fn run(session: &Session, statement: CopyToStatement) -> Result<Outcome> {
    let state = session.ctx.state();
    let target = Target::of(&statement)?;
    let input = source(&state, &statement.source).await?;
    let input = state.create_physical_plan(&input).await?;
    let schema = described(session, &statement, input.schema());
    check_columns(&statement, &schema)?;
    let copied = match local_path(&statement.target)? {
        Some(path) => local(session, &state, &statement, &target, &path, input, schema).await?,
        None => {
            let url = parse_target(&statement.target)?;
            write(session, &state, &target, url, &statement, input, schema).await?
        }
    };
    Ok(Outcome::Done {
        message: format!("copied {} to {}", rows(copied), statement.target),
    })
}

/// What is to be written.
struct Target {
    format: &'static Format,
    options: HashMap<String, String>,
    folder: bool,
}

impl Target {
    fn of(statement: &CopyToStatement) -> Result<Self> {
        let path = &statement.target;
        let slash = path.ends_with('/');
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let named = format::of_name(name);
        let format = match (&statement.stored_as, &named) {
            (Some(word), _) => format::by_word(word).ok_or_else(|| {
                ShellError::query(format!("cannot write the format {word}; {}", format::known()))
            })?,
            (None, Ok(named)) => named.format,
            // A folder's name says nothing; Parquet is what tables are kept in.
            (None, Err(_)) if slash || !name.contains('.') && !statement.partitioned_by.is_empty() => {
                format::by_word("parquet").ok_or_else(|| ShellError::query(format::known()))?
            }
            (None, Err(why)) => {
                return Err(ShellError::query(format!("'{path}' {why}; or say STORED AS and the format")));
            }
        };
        let mut options = options(&statement.options)?;
        if let Kind::Csv { delimiter, sniff: false } = format.kind {
            options.entry("format.delimiter".into()).or_insert(char::from(delimiter).to_string());
        }
        if let Some(compression) = format::compression_of(name) {
            if matches!(format.kind, Kind::Parquet | Kind::Arrow) {
                return Err(ShellError::query(format!(
                    "'{path}': {} files are compressed within; leave {compression} out of the name",
                    format.name
                )));
            }
            options.entry("format.compression".into()).or_insert(compression.to_string());
        }
        let single = match options.remove("format.single_file_output").as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                return Err(ShellError::query(format!("single_file_output is true or false, not '{other}'")));
            }
            None => None,
        };
        let folder = match single {
            _ if !statement.partitioned_by.is_empty() => true,
            Some(single) => !single,
            None => slash || !name.contains('.'),
        };
        Ok(Self { format, options, folder })
    }

    fn mode(&self) -> FileOutputMode {
        if self.folder { FileOutputMode::Directory } else { FileOutputMode::SingleFile }
    }
}

fn options(given: &[(String, Value)]) -> Result<HashMap<String, String>> {
    let mut options = HashMap::new();
    for (key, value) in given {
        let text = match value {
            Value::SingleQuotedString(text)
            | Value::DollarQuotedString(datafusion::sql::sqlparser::ast::DollarQuotedString { value: text, .. })
            | Value::UnicodeStringLiteral(text)
            | Value::EscapedStringLiteral(text) => text.clone(),
            Value::Number(_, _) | Value::Boolean(_) => value.to_string(),
            other => return Err(ShellError::query(format!("the option '{key}' cannot be {other}"))),
        };
        let key = key.to_lowercase();
        options.insert(if key.contains('.') { key } else { format!("format.{key}") }, text);
    }
    Ok(options)
}

async fn source(state: &SessionState, source: &CopyToSource) -> Result<LogicalPlan> {
    Ok(match source {
        CopyToSource::Relation(name) => state.create_logical_plan(&format!("SELECT * FROM {name}")).await?,
        CopyToSource::Query(query) => {
            let query = SqlStatement::Query(query.clone());
            state.statement_to_plan(Statement::Statement(Box::new(query))).await?
        }
    })
}

/// The columns with what the dictionary says about the table they come from
/// and the one they become.
fn described(session: &Session, statement: &CopyToStatement, schema: SchemaRef) -> SchemaRef {
    let schema = match &statement.source {
        CopyToSource::Relation(name) => {
            let name = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.as_str());
            annotate(&session.dictionary, name, &schema)
        }
        CopyToSource::Query(_) => schema,
    };
    annotate(&session.dictionary, Some(&statement.target), &schema)
}

fn check_columns(statement: &CopyToStatement, schema: &SchemaRef) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            return Err(ShellError::query(format!(
                "two columns are called '{}'; name one of them otherwise with AS",
                field.name()
            )));
        }
    }
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    for column in &statement.partitioned_by {
        if !names().any(|name| name == column) {
            return Err(ShellError::query(format!(
                "PARTITIONED BY: there is no column '{column}'{}",
                crate::suggest::hint(column, names())
            )));
        }
    }
    if !statement.partitioned_by.is_empty() && statement.partitioned_by.len() == schema.fields().len() {
        return Err(ShellError::query("PARTITIONED BY leaves no column to write; keep one out of it"));
    }
    Ok(())
}

fn parse_target(target: &str) -> Result<Url> {
    Url::parse(target).map_err(|error| ShellError::query(format!("'{target}' is not a URL: {error}")))
}

async fn local(
    session: &Session,
    state: &SessionState,
    statement: &CopyToStatement,
    target: &Target,
    path: &Path,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
) -> Result<u64> {
    let mut staging = Staging::beside(path, target.folder)?;
    let name = if target.folder {
        "data/".to_string()
    } else {
        // The engine's writers want an extension.
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
    let copied = write(session, state, target, url, statement, input, schema).await?;
    staging.commit(&inside)?;
    forget(state, &staging.target);
    Ok(copied)
}

/// Writes all rows to `url`, which is a file or, with a slash, a folder.
async fn write(
    session: &Session,
    state: &SessionState,
    target: &Target,
    url: Url,
    statement: &CopyToStatement,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
) -> Result<u64> {
    let factory = state.get_file_format_factory(target.format.name).ok_or_else(|| {
        ShellError::query(format!("cannot write the format {}", target.format.name))
    })?;
    let format = factory.create(state, &target.options)?;
    let extension = match format.compression_type() {
        Some(compression) => format.get_ext_with_compression(&compression)?,
        None => format.get_ext(),
    };
    let place = ListingTableUrl::try_new(url, None)?;
    let by = statement.partitioned_by.iter();
    let config = FileSinkConfig {
        original_url: statement.target.clone(),
        object_store_url: place.object_store(),
        table_paths: vec![place],
        file_group: FileGroup::default(),
        output_schema: schema,
        // The engine takes the types from the rows.
        table_partition_cols: by.map(|column| (column.clone(), DataType::Null)).collect(),
        insert_op: InsertOp::Append,
        keep_partition_by_columns: state.config_options().execution.keep_partition_by_columns,
        file_extension: extension.trim_start_matches('.').to_string(),
        file_output_mode: target.mode(),
    };
    let ordering = input.output_ordering().cloned();
    let input: Arc<dyn ExecutionPlan> = match (&ordering, input.output_partitioning().partition_count()) {
        (_, 1) => input,
        (Some(ordering), _) => Arc::new(SortPreservingMergeExec::new(ordering.clone(), input)),
        (None, _) => Arc::new(CoalescePartitionsExec::new(input)),
    };
    let plan = format.create_writer_physical_plan(input, state, config, ordering.map(Into::into)).await?;
    session.show_progress(&plan);
    let counted = collect(plan, state.task_ctx()).await;
    session.hide_progress();
    Ok(count(&counted?))
}

fn count(batches: &[RecordBatch]) -> u64 {
    let columns = batches.iter().filter(|batch| batch.num_columns() > 0).map(|batch| batch.column(0));
    columns
        .filter_map(|column| column.as_primitive_opt::<UInt64Type>())
        .flat_map(|column| column.iter().flatten())
        .sum()
}

/// What the engine remembers of the file that was there before.
fn forget(state: &SessionState, target: &Path) {
    let caches = &state.runtime_env().cache_manager;
    let Ok(path) = object_store::path::Path::from_absolute_path(target) else {
        return;
    };
    caches.get_file_metadata_cache().remove(&path);
    if let Some(statistics) = caches.get_file_statistic_cache() {
        statistics.remove(&TableScopedPath { table: None, path });
    }
}

/// A hidden folder beside a target, gone again unless the target was replaced.
struct Staging {
    target: PathBuf,
    folder: Option<TempDir>,
    /// Keeps others from taking the folder for a leftover.
    lock: Option<File>,
    /// Folders above the target that this run made, the outermost first.
    made: Vec<PathBuf>,
}

impl Staging {
    fn beside(path: &Path, folder: bool) -> Result<Self> {
        let target = absolute(path)?;
        check_target(path, &target, folder)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name().and_then(|name| name.to_str())) else {
            return Err(ShellError::query(format!("'{}' is not the name of a file", path.display())));
        };
        let fail = |error: std::io::Error| failure(path, &error);
        let made: Vec<PathBuf> = parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        let mut staging = Self {
            target: target.clone(),
            folder: None,
            lock: None,
            made: made.into_iter().rev().collect(),
        };
        fs::create_dir_all(parent).map_err(fail)?;
        let prefix = prefix(name);
        sweep(parent, &prefix);
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).map_err(fail)?;
        let lock = File::create(folder.path().join(LOCK)).map_err(fail)?;
        // Where locks are unknown, leftovers stay; nothing else depends on them.
        let _ = lock.try_lock();
        staging.folder = Some(folder);
        staging.lock = Some(lock);
        Ok(staging)
    }

    fn folder(&self) -> Result<&Path> {
        self.folder.as_ref().map(TempDir::path).ok_or_else(|| ShellError::query("the temporary folder is gone"))
    }

    fn failure(&self, error: &std::io::Error) -> ShellError {
        failure(&self.target, error)
    }

    /// Puts what was written in the target's place.
    fn commit(&mut self, written: &Path) -> Result<()> {
        make_durable(written).map_err(|error| self.failure(&error))?;
        fs::rename(written, &self.target).map_err(|error| self.failure(&error))?;
        self.made.clear();
        if let Some(parent) = self.target.parent() {
            sync_folder(parent).map_err(|error| self.failure(&error))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.lock.take();
        if let Some(folder) = self.folder.take() {
            // A writer that is being stopped may add a file meanwhile.
            let path = folder.keep();
            for _ in 0..10 {
                match fs::remove_dir_all(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    _ => break,
                }
            }
        }
        for folder in self.made.iter().rev() {
            // Only if nobody has put anything there.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn prefix(name: &str) -> String {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}{MARK}", &name[..end])
}

/// A link to a file is written through, as every other program would.
fn absolute(path: &Path) -> Result<PathBuf> {
    let fail = |error: std::io::Error| failure(path, &error);
    if path.is_symlink() && path.exists() {
        return fs::canonicalize(path).map_err(fail);
    }
    std::path::absolute(path).map_err(fail)
}

fn check_target(path: &Path, target: &Path, folder: bool) -> Result<()> {
    let Ok(metadata) = fs::metadata(target) else {
        return Ok(());
    };
    let path = path.display();
    let filled = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    if folder && !metadata.is_dir() {
        return Err(ShellError::query(format!("'{path}' is a file, and this COPY writes a folder; name another one")));
    }
    if folder && filled() {
        return Err(ShellError::query(format!("the folder '{path}' is not empty; remove it first or name another one")));
    }
    if !folder && metadata.is_dir() {
        return Err(ShellError::query(format!("'{path}' is a folder, and this COPY writes a file; add a name")));
    }
    if !folder && !metadata.is_file() {
        return Err(ShellError::query(format!(
            "'{path}' is not a plain file; a query writes to it with -o, or to the standard output"
        )));
    }
    Ok(())
}

fn failure(path: &Path, error: &std::io::Error) -> ShellError {
    ShellError::query(format!("cannot write '{}': {error}", path.display()))
}

/// Takes away what killed runs have left. Whatever cannot be removed stays.
fn sweep(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        if ours && abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let changed = fs::metadata(folder).and_then(|metadata| metadata.modified());
            changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > SETTING_UP))
        }
    }
}

/// Waits until the file, or all of the folder, is on the disk.
fn make_durable(path: &Path) -> std::io::Result<()> {
    if !path.is_dir() {
        return File::open(path)?.sync_all();
    }
    for entry in fs::read_dir(path)? {
        make_durable(&entry?.path())?;
    }
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a folder is no file that could be waited for.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_left_of_a_run_that_fails() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a/b/x.csv");
        let staging = Staging::beside(&target, false).unwrap();
        fs::write(staging.folder().unwrap().join("data.csv"), "half").unwrap();
        assert_eq!(names(&home.path().join("a/b")).len(), 1);
        drop(staging);
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn the_target_is_replaced_at_once() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("x.csv");
        fs::write(&target, "old").unwrap();
        let mut staging = Staging::beside(&target, false).unwrap();
        let written = staging.folder().unwrap().join("data.csv");
        fs::write(&written, "new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        staging.commit(&written).unwrap();
        drop(staging);
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(names(home.path()), ["x.csv"]);
    }

    #[test]
    fn leftovers_go_and_the_folders_of_living_writers_stay() {
        let home = tempfile::tempdir().unwrap();
        let left = home.path().join(".x.csv.semql-dead");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("data.csv"), "half").unwrap();
        let other = Staging::beside(&home.path().join("x.csv"), false).unwrap();
        assert!(!left.exists());
        let own = Staging::beside(&home.path().join("x.csv"), false).unwrap();
        assert!(other.folder().unwrap().exists());
        assert_ne!(other.folder().unwrap(), own.folder().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_replaced() {
        assert!(Staging::beside(Path::new("/dev/null"), false).is_err());
    }
}
