//! Table of Delta Lake in the engine.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::not_impl_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use deltalake_core::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use deltalake_core::logstore::LogStoreRef;
use semql::{DeltaLocation, DeltaVersion, DeltaWrite, DeltaWriteMode, Result, ShellError};
use tokio::sync::Mutex;

use crate::contained::contain;
use crate::error::{engine_error, table_error};
use crate::log_store::log_store;
use crate::sink;
use crate::snapshot::{LoadedTable, scan_of};

/// Table of Delta Lake. Without a version, each scan reads the newest one.
pub struct DeltaTable {
    location: DeltaLocation,
    log_store: LogStoreRef,
    version: DeltaVersion,
    config: DeltaScanConfig,
    /// Scan of the version that was read first. It has the columns of the table.
    first: DeltaScanNext,
    latest: Mutex<LoadedTable>,
}

impl DeltaTable {
    /// Opens a table: reads its log.
    ///
    /// # Errors
    /// A log that cannot be read, a version that it does not have, a feature of the table
    /// that is not supported.
    pub async fn open(
        session: &dyn Session,
        location: DeltaLocation,
        version: DeltaVersion,
    ) -> Result<Self> {
        let log_store = log_store(&location)?;
        let loaded = LoadedTable::load(&location, &log_store, version).await?;
        // The values of partitions are plain columns, as those of other folders.
        let config = DeltaScanConfig::new_from_session(session)
            .with_wrap_partition_values(false)
            .with_parquet_pushdown(true);
        let first = contain(&location, async { scan_of(&loaded, &config, &location) }).await?;
        Ok(Self {
            location,
            log_store,
            version,
            config,
            first,
            latest: Mutex::new(loaded),
        })
    }

    /// Scan of the version that a query reads.
    async fn current(&self) -> Result<DeltaScanNext> {
        if self.version != DeltaVersion::Newest {
            return Ok(self.first.clone());
        }
        let mut latest = self.latest.lock().await;
        *latest = latest.newest(&self.location, &self.log_store).await?;
        let scan = scan_of(&latest, &self.config, &self.location)?;
        if scan.schema() != self.first.schema() {
            return Err(ShellError::query(format!(
                "the columns of the table '{}' have changed since it was opened; create the table or view that \
                 reads it again",
                self.location.name
            )));
        }
        Ok(scan)
    }
}

/// Whether an expression calls a function. Calls are evaluated above the scan: one may be
/// a model, which reads the rows that all other filters leave.
fn is_call(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarFunction(_))
}

impl fmt::Debug for DeltaTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DeltaTable");
        shown.field("location", &self.location.url.as_str());
        shown
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for DeltaTable {
    fn schema(&self) -> SchemaRef {
        self.first.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let mut support = self.first.supports_filters_pushdown(filters)?;
        for (filter, support) in filters.iter().zip(&mut support) {
            if filter.exists(|part| Ok(is_call(part)))? {
                *support = TableProviderFilterPushDown::Unsupported;
            }
        }
        Ok(support)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let planned = contain(&self.location, async {
            let scan = self.current().await?;
            let plan = scan.scan(session, projection, filters, limit).await;
            plan.map_err(|error| table_error("read", &self.location, error))
        });
        planned.await.map_err(engine_error)
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        if operation != InsertOp::Append {
            return not_impl_err!(
                "INSERT OVERWRITE into a table of Delta Lake; COPY with OPTIONS (mode 'replace') replaces it"
            );
        }
        if self.version != DeltaVersion::Newest {
            return not_impl_err!(
                "INSERT into an old version of a table of Delta Lake; create the external table without \
                 version and timestamp"
            );
        }
        let write = DeltaWrite {
            mode: DeltaWriteMode::Append,
            partition_by: Vec::new(),
            schema: input.schema(),
        };
        sink::write_plan(self.location.clone(), write, input).map_err(engine_error)
    }
}
