//! Writes rows into a table, in one commit: all rows or none.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result as EngineResult;
use datafusion::execution::object_store::DefaultObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use deltalake_core::delta_datafusion::{DeltaScanConfig, DeltaSessionContext};
use deltalake_core::operations::write::{SchemaMode, WriteBuilder};
use deltalake_core::protocol::SaveMode;
use futures::StreamExt;
use semql::{
    DeltaLocation, DeltaVersion, DeltaWrite, DeltaWriteMode, Result, ShellError, provenance,
};

use crate::contained::contain;
use crate::error::{engine_error, table_error};
use crate::log_store::log_store;
use crate::rows_table::RowsTable;
use crate::snapshot::{LoadedTable, scan_of};
use crate::stored_types::{cast_columns, stored_schema, without_metadata};

/// Name of the rows in the plan of the library.
const ROWS_TABLE: &str = "rows";

/// Metadata with the model of a vector.
const MODEL_METADATA: &[&str] = &[provenance::MODEL, provenance::REVISION];

/// Metadata of a column that the table computes.
const GENERATED: &str = "delta.generationExpression";

/// Plan that writes the rows of `input`, and returns their number.
///
/// # Errors
/// A type that a table of Delta Lake does not hold.
pub fn write_plan(
    location: DeltaLocation,
    write: DeltaWrite,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let described = stored_schema(&write.schema)?;
    let stored = match write.mode {
        // A table keeps the metadata of its columns.
        DeltaWriteMode::Append => without_metadata(&described),
        DeltaWriteMode::Create | DeltaWriteMode::Replace => Arc::clone(&described),
    };
    let sink = DeltaSink {
        location,
        mode: write.mode,
        partition_by: write.partition_by,
        schema: input.schema(),
        described,
        stored,
    };
    Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
}

/// Sink of rows.
struct DeltaSink {
    location: DeltaLocation,
    mode: DeltaWriteMode,
    partition_by: Vec<String>,
    schema: SchemaRef,
    /// Columns of the rows, with their metadata.
    described: SchemaRef,
    /// Columns that are stored.
    stored: SchemaRef,
}

impl DeltaSink {
    /// Writes the rows, and commits them.
    async fn write(
        &self,
        rows: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<()> {
        let (rows, rows_error) = RowsTable::new(rows);
        let written = contain(&self.location, self.write_table(rows, context)).await;
        // The error of the query explains that of the library.
        match rows_error.take() {
            Some(error) => Err(error.into()),
            None => written,
        }
    }

    async fn write_table(&self, rows: RowsTable, context: &Arc<TaskContext>) -> Result<()> {
        let log_store = log_store(&self.location)?;
        let source = provider_as_source(Arc::new(rows));
        let mut input = LogicalPlanBuilder::scan(ROWS_TABLE, source, None)?;
        let snapshot = match self.mode {
            DeltaWriteMode::Create => None,
            DeltaWriteMode::Append | DeltaWriteMode::Replace => {
                let newest = DeltaVersion::Newest;
                let loaded = LoadedTable::load(&self.location, &log_store, newest).await?;
                let state = loaded.table.snapshot();
                let state = state.map_err(|error| table_error("read", &self.location, error))?;
                if self.mode == DeltaWriteMode::Append {
                    let table = scan_of(&loaded, &DeltaScanConfig::new(), &self.location)?;
                    check_models(&self.location, &table.schema(), &self.described)?;
                    let columns = table_columns(&self.location, &table.schema(), &self.stored)?;
                    input = input.project(columns)?;
                }
                Some(state.snapshot().clone())
            }
        };
        // The library registers stores in the session that it gets, and reads files through them.
        let runtime = RuntimeEnvBuilder::from_runtime_env(&context.runtime_env())
            .with_object_store_registry(Arc::new(DefaultObjectStoreRegistry::new()))
            .build_arc()?;
        runtime.register_object_store(&self.location.url, Arc::clone(&self.location.store));
        let session = DeltaSessionContext::with_runtime_env(runtime).state();
        let mut writer = WriteBuilder::new(log_store, snapshot)
            .with_input_plan(input.build()?)
            .with_session_state(Arc::new(session))
            .with_save_mode(match self.mode {
                DeltaWriteMode::Create => SaveMode::ErrorIfExists,
                DeltaWriteMode::Append => SaveMode::Append,
                DeltaWriteMode::Replace => SaveMode::Overwrite,
            });
        if self.mode == DeltaWriteMode::Replace {
            writer = writer.with_schema_mode(SchemaMode::Overwrite);
        }
        if self.mode != DeltaWriteMode::Append || !self.partition_by.is_empty() {
            writer = writer.with_partition_columns(self.partition_by.iter().cloned());
        }
        let written = writer.await;
        written.map_err(|error| table_error("write", &self.location, error))?;
        Ok(())
    }
}

/// Checks that the vectors of a table and of new rows are of the same models.
fn check_models(location: &DeltaLocation, table: &Schema, rows: &Schema) -> Result<()> {
    for field in rows.fields() {
        let Ok(column) = table.field_with_name(field.name()) else {
            continue;
        };
        for key in MODEL_METADATA {
            if let (Some(old), Some(new)) =
                (column.metadata().get(*key), field.metadata().get(*key))
                && old != new
            {
                return Err(ShellError::query(format!(
                    "the column '{}' of the table '{}' has vectors of {old}, and the rows have vectors of {new}; \
                     embed them with the same model",
                    field.name(),
                    location.name
                )));
            }
        }
    }
    Ok(())
}

/// The columns of a table for new rows, found by name. Those that the rows lack are NULL,
/// unless the table computes them.
fn table_columns(location: &DeltaLocation, table: &Schema, rows: &Schema) -> Result<Vec<Expr>> {
    if let Some(other) = rows
        .fields()
        .iter()
        .find(|field| table.field_with_name(field.name()).is_err())
    {
        return Err(ShellError::query(format!(
            "the table '{}' has no column '{}'; leave it out, or replace the table",
            location.name,
            other.name()
        )));
    }
    let column = |field: &FieldRef| {
        let name = field.name();
        if rows.field_with_name(name).is_ok() {
            return Some(Expr::Column(Column::from_name(name)));
        }
        let is_computed = field.metadata().contains_key(GENERATED);
        let missing = cast(lit(ScalarValue::Null), field.data_type().clone());
        (!is_computed).then(|| missing.alias(name))
    };
    Ok(table.fields().iter().filter_map(column).collect())
}

impl fmt::Debug for DeltaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeltaSink({})", self.location.url)
    }
}

impl DisplayAs for DeltaSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "DeltaSink(table={}, mode={:?})",
            self.location.url, self.mode
        )
    }
}

#[async_trait]
impl DataSink for DeltaSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        rows: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> EngineResult<u64> {
        let count = Arc::new(AtomicU64::new(0));
        let (stored, counter) = (Arc::clone(&self.stored), Arc::clone(&count));
        let rows = rows.map(move |batch| -> EngineResult<RecordBatch> {
            let batch = cast_columns(&batch?, &stored)?;
            counter.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            Ok(batch)
        });
        let rows = RecordBatchStreamAdapter::new(Arc::clone(&self.stored), rows);
        let written = self.write(Box::pin(rows), context).await;
        written.map_err(engine_error)?;
        Ok(count.load(Ordering::Relaxed))
    }
}
