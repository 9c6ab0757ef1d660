//! What the training of either kind of model needs: options, memory, progress.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::StreamExt;

use semql_inference::cancellation::Cancellation;
use semql_inference::progress::ProgressSink;

use crate::error::to_datafusion;
use crate::options::AiOptions;

/// Memory of a training relative to the rows: the features of their texts.
const MEMORY_PER_ROW_BYTE: usize = 12;

/// Options, memory and progress of one training.
pub struct TrainingContext<'a> {
    pub options: &'a AiOptions,
    /// Name of the model.
    pub name: &'a str,
    pub memory: MemoryReservation,
    pub progress: QueryProgress<'a>,
}

/// Progress sink that is also cancelled with the query.
pub struct QueryProgress<'a> {
    progress: &'a dyn ProgressSink,
    cancellation: Cancellation,
}

impl ProgressSink for QueryProgress<'_> {
    fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled() || self.cancellation.is_cancelled()
    }

    fn step(&self, label: &'static str, current: usize, total: usize) {
        self.progress.step(label, current, total);
    }
}

impl<'a> TrainingContext<'a> {
    pub fn new(
        options: &'a AiOptions,
        name: &'a str,
        pool: &Arc<dyn MemoryPool>,
        progress: &'a dyn ProgressSink,
    ) -> Self {
        Self {
            options,
            name,
            memory: MemoryConsumer::new("CreateModel").register(pool),
            progress: QueryProgress {
                progress,
                cancellation: options.cancellation(),
            },
        }
    }

    /// Reads the training rows, reserves memory for them, and passes each batch to `add`.
    ///
    /// # Errors
    /// Those of the query and of `add`; rows that do not fit into the memory pool;
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) once the query is cancelled.
    pub async fn read_rows(
        &self,
        mut rows: SendableRecordBatchStream,
        mut add: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let cancellation = &self.progress.cancellation;
        while let Some(batch) = cancellation.run(rows.next()).await.map_err(to_datafusion)? {
            let batch = batch?;
            self.memory
                .try_grow(get_record_batch_memory_size(&batch) * MEMORY_PER_ROW_BYTE)
                .map_err(|e| {
                    e.context("the training rows do not fit into memory; train on a sample of them")
                })?;
            add(&batch)?;
        }
        Ok(())
    }
}
