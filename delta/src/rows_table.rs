//! Stream of rows as a table that is read once, the form in which the library takes rows.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;

/// Rows that are read once.
pub struct RowsTable(Arc<Rows>);

/// The error that ended the rows. The library keeps only texts of errors.
#[derive(Clone, Default)]
pub struct RowsError(Arc<Mutex<Option<DataFusionError>>>);

impl RowsError {
    /// Takes the error, if the rows ended with one.
    pub fn take(&self) -> Option<DataFusionError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: DataFusionError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

struct Rows {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl RowsTable {
    /// Table of `stream`, and the error that may end it.
    pub fn new(stream: SendableRecordBatchStream) -> (Self, RowsError) {
        let schema = stream.schema();
        let error = RowsError::default();
        let kept = error.clone();
        let stream = stream.map(move |batch| {
            batch.map_err(|error| {
                kept.set(error);
                DataFusionError::Execution("the query failed".to_string())
            })
        });
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream);
        let rows = Rows {
            schema,
            stream: Mutex::new(Some(Box::pin(stream))),
        };
        (Self(Arc::new(rows)), error)
    }
}

impl fmt::Debug for RowsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowsTable")
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.take().unwrap_or_else(|| {
            let twice = DataFusionError::Internal("rows are read twice".to_string());
            let failed = futures::stream::once(async { Err(twice) });
            Box::pin(RecordBatchStreamAdapter::new(
                Arc::clone(&self.schema),
                failed,
            ))
        })
    }
}

#[async_trait]
impl TableProvider for RowsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = Arc::clone(&self.0) as Arc<dyn PartitionStream>;
        let plan = StreamingTableExec::try_new(
            Arc::clone(&self.0.schema),
            vec![rows],
            projection,
            None,
            false,
            limit,
        )?;
        Ok(Arc::new(plan))
    }
}
