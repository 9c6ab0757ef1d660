//! Tables of Delta Lake, under their locations and in `CREATE EXTERNAL TABLE`.

use std::path::Path;
use std::sync::Arc;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::CreateExternalTable;
use futures::StreamExt;
use object_store::path::Path as ObjectPath;
use url::Url;

use super::location::{local_path, not_a_path, parse_url};
use super::{format, glob};
use crate::delta::{DeltaLocation, DeltaVersion, LOG_FOLDER, delta_of, is_table};
use crate::error::{Result, ShellError};
use crate::policy::Policy;

/// Names in `STORED AS`.
pub const STORED_AS: &[&str] = &["DELTATABLE", "DELTA"];

/// Prefix that the engine adds to names of options.
const OPTION_PREFIX: &str = "format.";

const NANOSECONDS_IN_MILLISECOND: i64 = 1_000_000;

/// Whether `STORED AS` names tables of Delta Lake.
pub fn is_stored_as(name: &str) -> bool {
    STORED_AS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Opens the newest version of the table at `location`; `None` if it is not a table of
/// Delta Lake.
///
/// # Errors
/// A program without Delta Lake; a table that cannot be read.
pub async fn open(session: &dyn Session, location: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let Some(found) = find(session, location).await? else {
        return Ok(None);
    };
    let refusal = format!(
        "'{location}' is a table of Delta Lake, whose files may hold deleted rows too, and this program \
         does not read its log; '{}/*.parquet' reads the files as they are",
        location.trim_end_matches('/')
    );
    let delta = delta_of(session.config(), &refusal)?;
    let table = delta.open(session, found, DeltaVersion::Newest).await?;
    Ok(Some(table))
}

/// The table at `location`; `None` if it is not a table of Delta Lake.
///
/// # Errors
/// An invalid location.
pub async fn find(session: &dyn Session, location: &str) -> Result<Option<DeltaLocation>> {
    let is_candidate = match local_path(location)? {
        Some(path) => is_table(&path),
        None => may_be_folder(location, &parse_url(location)?),
    };
    if !is_candidate {
        return Ok(None);
    }
    let found = at(session, location)?;
    let is_found = found.url.scheme() == "file" || holds_objects(&found, LOG_FOLDER).await;
    Ok(is_found.then_some(found))
}

/// Whether a remote location may be a folder of a store that lists its content.
fn may_be_folder(location: &str, url: &Url) -> bool {
    let is_listed = !matches!(url.scheme(), "http" | "https");
    let is_folder = location.ends_with('/') || format::from_file_name(url.path()).is_err();
    is_listed && is_folder && !glob::is_pattern(location)
}

/// Whether a folder below a location holds objects; an empty name is the location's.
/// A store that cannot tell reports its error when the location is read.
pub async fn holds_objects(location: &DeltaLocation, folder: &str) -> bool {
    let Ok(path) = ObjectPath::from_url_path(location.url.path()) else {
        return false;
    };
    let below: ObjectPath = path
        .parts()
        .chain((!folder.is_empty()).then(|| folder.into()))
        .collect();
    matches!(location.store.list(Some(&below)).next().await, Some(Ok(_)))
}

/// The folder at `location`, which need not exist.
///
/// # Errors
/// A location that is not a path or the URL of a known store.
pub fn at(session: &dyn Session, location: &str) -> Result<DeltaLocation> {
    let url = match local_path(location)? {
        Some(path) => folder_url(location, &path)?,
        None => {
            let mut url = parse_url(location)?;
            let path = format!("{}/", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        }
    };
    let root = ListingTableUrl::try_new(url.clone(), None)?;
    Ok(DeltaLocation {
        name: location.to_string(),
        store: session.runtime_env().object_store(&root)?,
        url,
    })
}

fn folder_url(location: &str, path: &Path) -> Result<Url> {
    let absolute = path
        .canonicalize()
        .or_else(|_| std::path::absolute(path))
        .map_err(|_| not_a_path(location))?;
    Url::from_directory_path(absolute).map_err(|()| not_a_path(location))
}

/// Checks that `CREATE EXTERNAL TABLE ... STORED AS PARQUET` does not name a table of
/// Delta Lake, whose files may hold deleted rows.
///
/// # Errors
/// Such a table; what the policy refuses.
pub async fn check_external_table(
    session: &dyn Session,
    policy: &Policy,
    command: &CreateExternalTable,
) -> Result<()> {
    if format::by_name(&command.file_type).is_none() {
        return Ok(());
    }
    for location in &command.locations {
        // Checked first: an error must not reveal what exists.
        policy.check_read_location(location)?;
        if find(session, location).await?.is_some() {
            return Err(ShellError::query(format!(
                "'{location}' is a table of Delta Lake, whose files may hold deleted rows too; write STORED AS \
                 DELTATABLE, or name the files as they are with '{}/*.{}'",
                location.trim_end_matches('/'),
                command.file_type.to_lowercase()
            )));
        }
    }
    Ok(())
}

/// Creates tables of `CREATE EXTERNAL TABLE ... STORED AS DELTATABLE LOCATION '...'
/// [OPTIONS (version 3 | timestamp '...')]`.
#[derive(Debug)]
pub struct DeltaTableFactory {
    pub policy: Arc<Policy>,
}

#[async_trait]
impl TableProviderFactory for DeltaTableFactory {
    async fn create(
        &self,
        session: &dyn Session,
        command: &CreateExternalTable,
    ) -> datafusion::error::Result<Arc<dyn TableProvider>> {
        let opened = self.open(session, command).await;
        opened.map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

impl DeltaTableFactory {
    async fn open(
        &self,
        session: &dyn Session,
        command: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        if !command.schema.fields().is_empty() || !command.table_partition_cols.is_empty() {
            return Err(ShellError::query(
                "the columns of a table of Delta Lake follow from its log; leave them out",
            ));
        }
        let [location] = command.locations.as_slice() else {
            return Err(ShellError::query(
                "a table of Delta Lake is in one folder; name one LOCATION",
            ));
        };
        self.policy.check_read_location(location)?;
        let version = version(command)?;
        let delta = delta_of(
            session.config(),
            "this program does not read tables of Delta Lake",
        )?;
        delta.open(session, at(session, location)?, version).await
    }
}

/// The version that the options name.
fn version(command: &CreateExternalTable) -> Result<DeltaVersion> {
    let mut version = DeltaVersion::Newest;
    for (key, value) in &command.options {
        let key = key
            .strip_prefix(OPTION_PREFIX)
            .unwrap_or(key)
            .to_lowercase();
        if version != DeltaVersion::Newest {
            return Err(ShellError::query(
                "a table of Delta Lake takes one option: version or timestamp",
            ));
        }
        version = match key.as_str() {
            "version" => DeltaVersion::Number(value.parse().map_err(|_| {
                ShellError::query(format!("version is a number from 0 on, not '{value}'"))
            })?),
            "timestamp" => {
                let nanoseconds = string_to_timestamp_nanos(value).map_err(|_| {
                    ShellError::query(format!(
                        "timestamp is a time such as '2026-01-31 12:00:00', not '{value}'"
                    ))
                })?;
                DeltaVersion::At(nanoseconds.div_euclid(NANOSECONDS_IN_MILLISECOND))
            }
            _ => {
                return Err(ShellError::query(format!(
                    "unknown option '{key}'; a table of Delta Lake takes version and timestamp"
                )));
            }
        };
    }
    Ok(version)
}
