//! Rows set aside while all of them are looked at once: in memory as long as
//! there is room, then in files.

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

/// Bytes of a partition that stay in memory.
const IN_MEMORY: usize = 64 << 20;

/// Bytes of a file.
const IN_A_FILE: usize = 16 << 20;

/// The rows of one partition, in their order: the first in memory, those after
/// them in files, the last on their way to one.
pub struct Spool {
    schema: SchemaRef,
    kept: Vec<RecordBatch>,
    memory: MemoryReservation,
    spills: SpillManager,
    files: Vec<Arc<dyn SpillFile>>,
    pending: Vec<RecordBatch>,
    /// Of the memory set aside, what these take.
    pending_bytes: usize,
}

impl Spool {
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
            kept: Vec::new(),
            memory,
            files: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
        }
    }

    /// # Errors
    /// A disk that is full or may not be used.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let bytes = get_record_batch_memory_size(&batch);
        let all_kept = self.files.is_empty() && self.pending.is_empty();
        let room = self.memory.size() + bytes <= IN_MEMORY;
        if all_kept && room && self.memory.try_grow(bytes).is_ok() {
            self.kept.push(batch);
            return Ok(());
        }
        // Without room, a batch goes to a file at once.
        let room = self.memory.try_grow(bytes).is_ok();
        self.pending_bytes += if room { bytes } else { 0 };
        self.pending.push(batch);
        if !room || self.pending_bytes >= IN_A_FILE {
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

    /// The rows again.
    ///
    /// # Errors
    /// A file that cannot be written or read.
    pub fn read(mut self) -> Result<SendableRecordBatchStream> {
        if !self.files.is_empty() {
            self.flush()?;
        }
        let memory = self.memory;
        let kept = stream::iter(self.kept).map(move |batch| {
            // What is handed on is in somebody else's account.
            memory.shrink(get_record_batch_memory_size(&batch).min(memory.size()));
            Ok(batch)
        });
        let spills = self.spills;
        let filed = stream::iter(self.files)
            .map(move |file| spills.read_spill_as_stream(file, None))
            .try_flatten();
        let rows = kept.chain(filed).chain(stream::iter(self.pending).map(Ok));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema, rows)))
    }
}
