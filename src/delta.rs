//! Interface to tables of Delta Lake. Its library compiles DataFusion with more
//! features and other versions, so the separate binary `semql-delta` implements
//! [`DeltaLake`]; the small binary refuses such tables.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use url::Url;

use crate::error::{Result, ShellError};

/// Folder with the log, in the folder of a table.
pub const LOG_FOLDER: &str = "_delta_log";

/// Binary that implements [`DeltaLake`].
const DELTA_BINARY: &str = "semql-delta";

/// Folder of a table.
#[derive(Clone, Debug)]
pub struct DeltaLocation {
    /// Location as the statement names it, for messages.
    pub name: String,
    /// URL of the folder, with a slash at its end.
    pub url: Url,
    /// Store of the URL's scheme and host. It checks each access against the policy.
    pub store: Arc<dyn ObjectStore>,
}

/// Version of a table that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaVersion {
    /// The newest one at the start of each query.
    Newest,
    Number(u64),
    /// The newest one at this time, in milliseconds since 1970 in UTC.
    At(i64),
}

/// What a write does to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaWriteMode {
    /// Creates the table, which does not exist.
    Create,
    /// Adds rows to the table, which exists.
    Append,
    /// Replaces the rows, the columns and the partitions of the table, which exists.
    Replace,
}

impl DeltaWriteMode {
    /// Names in `OPTIONS (mode '...')`.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("create", Self::Create),
        ("append", Self::Append),
        ("replace", Self::Replace),
    ];
}

/// A write of rows in one commit.
#[derive(Clone, Debug)]
pub struct DeltaWrite {
    pub mode: DeltaWriteMode,
    /// Columns whose values name folders; empty to keep those of the table.
    pub partition_by: Vec<String>,
    /// Columns of the rows, with the metadata that the table keeps.
    pub schema: SchemaRef,
}

/// Implementation of tables of Delta Lake that a binary passes to the shell.
#[async_trait]
pub trait DeltaLake: Debug + Send + Sync {
    /// Opens the table in a folder.
    ///
    /// # Errors
    /// A log that cannot be read, a version that it does not have, a feature of the table
    /// that is not supported.
    async fn open(
        &self,
        session: &dyn Session,
        location: DeltaLocation,
        version: DeltaVersion,
    ) -> Result<Arc<dyn TableProvider>>;

    /// Plan that writes the rows of `input` in one commit, and returns their number.
    ///
    /// # Errors
    /// A type that a table of Delta Lake does not hold.
    fn write_plan(
        &self,
        location: DeltaLocation,
        write: DeltaWrite,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>>;
}

/// Entry of [`DeltaLake`] in the configuration of a session.
struct DeltaEntry(Arc<dyn DeltaLake>);

/// Adds an implementation to the configuration of a session.
pub fn with_delta(config: SessionConfig, delta: &Arc<dyn DeltaLake>) -> SessionConfig {
    config.with_extension(Arc::new(DeltaEntry(Arc::clone(delta))))
}

/// Implementation of a session; `refusal` is the error without one.
///
/// # Errors
/// `refusal`, with the binary that has an implementation.
pub fn delta_of(config: &SessionConfig, refusal: &str) -> Result<Arc<dyn DeltaLake>> {
    let entry = config.get_extension::<DeltaEntry>();
    entry.map(|entry| Arc::clone(&entry.0)).ok_or_else(|| {
        ShellError::setup(format!(
            "{refusal}; {DELTA_BINARY}, the binary with Delta Lake, does: `make delta` builds it in a checkout of \
             semql, `cargo install --path delta` installs it"
        ))
    })
}

/// Whether a folder on this machine holds a table.
pub fn is_table(folder: &Path) -> bool {
    folder.join(LOG_FOLDER).is_dir()
}
