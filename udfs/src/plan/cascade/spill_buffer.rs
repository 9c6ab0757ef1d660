//! Buffer of rows that are read twice: in memory up to a limit, then in files.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::spill_file::SpillFile;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

/// Bytes of a partition in memory.
const MAX_BYTES_IN_MEMORY: usize = 64 << 20;

/// Bytes of a spill file.
const FILE_BYTES: usize = 16 << 20;

/// The rows of one partition, in order: the first in memory, then those in files, then
/// those that are not written yet.
pub struct SpillBuffer {
    schema: SchemaRef,
    in_memory: Vec<RecordBatch>,
    memory: MemoryReservation,
    spills: SpillManager,
    files: Vec<Arc<dyn SpillFile>>,
    pending: Vec<RecordBatch>,
    /// Bytes of `memory` for the pending batches.
    pending_bytes: usize,
}

impl SpillBuffer {
    pub fn new(
        schema: SchemaRef,
        context: &TaskContext,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
        memory: MemoryReservation,
    ) -> Self {
        let metrics = SpillMetrics::new(metrics, partition);
        Self {
            spills: SpillManager::new(context.runtime_env(), metrics, Arc::clone(&schema)),
            schema,
            in_memory: Vec::new(),
            memory,
            files: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
        }
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// A disk that is full or may not be used.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let bytes = get_record_batch_memory_size(&batch);
        let all_in_memory = self.files.is_empty() && self.pending.is_empty();
        let fits = self.memory.size() + bytes <= MAX_BYTES_IN_MEMORY;
        if all_in_memory && fits && self.memory.try_grow(bytes).is_ok() {
            self.in_memory.push(batch);
            return Ok(());
        }
        // Without memory, a batch is written at once.
        let reserved = self.memory.try_grow(bytes).is_ok();
        self.pending_bytes += if reserved { bytes } else { 0 };
        self.pending.push(batch);
        if !reserved || self.pending_bytes >= FILE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let file = self
            .spills
            .spill_record_batch_and_finish(&pending, "rows of fast mode")?;
        self.files.extend(file);
        self.memory.shrink(std::mem::take(&mut self.pending_bytes));
        Ok(())
    }

    /// Returns the rows.
    ///
    /// # Errors
    /// A file that cannot be written or read.
    pub fn read(mut self) -> Result<SendableRecordBatchStream> {
        if !self.files.is_empty() {
            self.flush()?;
        }
        let memory = self.memory;
        let in_memory = stream::iter(self.in_memory).map(move |batch| {
            // The consumer of a batch accounts for its memory.
            memory.shrink(get_record_batch_memory_size(&batch).min(memory.size()));
            Ok(batch)
        });
        let spills = self.spills;
        let in_files = stream::iter(self.files)
            .map(move |file| spills.read_spill_as_stream(file, None))
            .try_flatten();
        let pending = stream::iter(self.pending).map(Ok);
        let rows = in_memory.chain(in_files).chain(pending);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema, rows)))
    }
}
