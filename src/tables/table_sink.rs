//! Sink of the engine's INSERT plans into a table in memory.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::TryStreamExt;

/// Stores the rows of one statement.
type WriteRows = Box<dyn Fn(RecordBatch) -> Result<()> + Send + Sync>;

/// Plan that stores the rows of `input` at once, after the last one, and returns
/// their number.
pub fn sink(
    input: Arc<dyn ExecutionPlan>,
    writer: Arc<tokio::sync::Mutex<()>>,
    write: WriteRows,
) -> Arc<dyn ExecutionPlan> {
    let sink = TableSink {
        schema: input.schema(),
        writer,
        write,
    };
    Arc::new(DataSinkExec::new(input, Arc::new(sink), None))
}

struct TableSink {
    schema: SchemaRef,
    writer: Arc<tokio::sync::Mutex<()>>,
    write: WriteRows,
}

impl fmt::Debug for TableSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableSink")
    }
}

impl DisplayAs for TableSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableSink")
    }
}

#[async_trait]
impl DataSink for TableSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        _: &Arc<TaskContext>,
    ) -> Result<u64> {
        let batches: Vec<RecordBatch> = data.try_collect().await?;
        // A parameter may have another type than the plan says.
        let schema = match batches.first() {
            Some(first) => first.schema(),
            None => return Ok(0),
        };
        let rows = concat_batches(&schema, &batches)?;
        let count = rows.num_rows() as u64;
        let _exclusive = self.writer.lock().await;
        (self.write)(rows)?;
        Ok(count)
    }
}
