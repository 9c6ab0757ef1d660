//! Versions of a table, read from its log.

use chrono::DateTime;
use deltalake_core::DeltaTable;
use deltalake_core::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use deltalake_core::logstore::{LogStoreRef, commit_uri_from_version};
use object_store::{ObjectMeta, ObjectStoreExt};
use semql::{DeltaLocation, DeltaVersion, Result, ShellError};

use crate::contained::contain;
use crate::error::table_error;

/// A version of a table.
#[derive(Clone)]
pub struct LoadedTable {
    pub table: DeltaTable,
    /// The file of its last commit; `None` if it is not in the log any more.
    commit: Option<ObjectMeta>,
}

impl LoadedTable {
    /// Reads a version from the log.
    ///
    /// # Errors
    /// A log that cannot be read, a version that it does not have.
    pub async fn load(
        location: &DeltaLocation,
        log_store: &LogStoreRef,
        version: DeltaVersion,
    ) -> Result<Self> {
        contain(location, async {
            let table = load(location, log_store, version).await?;
            let commit = commit_file(&table).await;
            Ok(Self { table, commit })
        })
        .await
    }

    /// The newest version now.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub async fn newest(&self, location: &DeltaLocation, log_store: &LogStoreRef) -> Result<Self> {
        let unchanged = self.commit.is_some() && commit_file(&self.table).await == self.commit;
        // A table that was created anew has another log.
        if !unchanged {
            return Self::load(location, log_store, DeltaVersion::Newest).await;
        }
        contain(location, async {
            let mut table = self.table.clone();
            let updated = table.update_incremental(None).await;
            updated.map_err(|error| table_error("read", location, error))?;
            let commit = commit_file(&table).await;
            Ok(Self { table, commit })
        })
        .await
    }
}

async fn load(
    location: &DeltaLocation,
    log_store: &LogStoreRef,
    version: DeltaVersion,
) -> Result<DeltaTable> {
    let mut table = DeltaTable::new(log_store.clone());
    let loaded = match version {
        DeltaVersion::Newest => table.load().await,
        DeltaVersion::Number(number) => table.load_version(number).await,
        DeltaVersion::At(milliseconds) => {
            let time = DateTime::from_timestamp_millis(milliseconds)
                .ok_or_else(|| no_version(location, version))?;
            table.load_with_datetime(time).await
        }
    };
    loaded.map_err(|error| {
        let what = match version {
            DeltaVersion::Number(number) => format!("read version {number} of"),
            DeltaVersion::Newest | DeltaVersion::At(_) => "read".to_string(),
        };
        table_error(&what, location, error)
    })?;
    let read = table.version();
    let is_wanted = match version {
        DeltaVersion::Newest => read.is_some(),
        DeltaVersion::Number(number) => read == Some(number),
        // The library reads the first version for earlier times.
        DeltaVersion::At(milliseconds) => {
            let committed = read.and_then(|read| table.snapshot().ok()?.version_timestamp(read));
            committed.is_none_or(|committed| committed <= milliseconds)
        }
    };
    match is_wanted {
        true => Ok(table),
        false => Err(no_version(location, version)),
    }
}

fn no_version(location: &DeltaLocation, version: DeltaVersion) -> ShellError {
    let wanted = match version {
        DeltaVersion::Newest => "version".to_string(),
        DeltaVersion::Number(number) => format!("version {number}"),
        DeltaVersion::At(_) => "version at that time".to_string(),
    };
    ShellError::query(format!("the table '{}' has no {wanted}", location.name))
}

/// File of the last commit of a version.
async fn commit_file(table: &DeltaTable) -> Option<ObjectMeta> {
    let path = commit_uri_from_version(Some(table.version()?));
    table.object_store().head(&path).await.ok()
}

/// Scan of a version.
///
/// # Errors
/// A feature of the table that readers must know and the library does not.
pub fn scan_of(
    loaded: &LoadedTable,
    config: &DeltaScanConfig,
    location: &DeltaLocation,
) -> Result<DeltaScanNext> {
    let state = loaded.table.snapshot();
    let state = state.map_err(|error| table_error("read", location, error))?;
    let scan = DeltaScanNext::new(state.snapshot().clone(), config.clone());
    scan.map_err(|error| table_error("read", location, error))
}
