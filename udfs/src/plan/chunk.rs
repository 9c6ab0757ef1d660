//! Chunks: the rows of a stream that go through the model together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use arrow::array::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use futures::StreamExt;
use tokio::sync::Notify;

/// Rows of the first and of the largest chunk. Each chunk has twice the rows of the one
/// before.
#[derive(Clone, Copy)]
pub struct ChunkRows {
    first: usize,
    max: usize,
}

/// Rows for models in the first chunk: few, so a query that stops early, as under a LIMIT,
/// computes few rows in vain.
const FIRST_ROWS: f64 = 128.0;

/// Rows for models in the largest chunk: enough texts for batches of about one length, and
/// few enough to keep in memory.
const MAX_ROWS: f64 = 8192.0;

/// Rows of the largest chunk, also where none goes to a model.
const MAX_SETTLED_ROWS: usize = 1 << 16;

impl ChunkRows {
    /// Chunks of which about the `share` of rows, 0..1, goes to a model.
    pub fn of(share: f64) -> Self {
        // A division by 0 gives infinity, which becomes the largest number.
        let rows = |read: f64| ((read / share) as usize).min(MAX_SETTLED_ROWS);
        Self {
            first: rows(FIRST_ROWS),
            max: rows(MAX_ROWS),
        }
    }
}

/// Bytes of the largest chunk if memory is unlimited.
const MAX_BYTES: usize = 64 << 20;

/// Memory that the operator may use.
pub struct MemoryBudget {
    /// Bytes of the largest chunk of one partition.
    pub chunk: usize,
    /// Bytes of the vectors that are kept for repeated texts.
    pub cache: usize,
}

impl MemoryBudget {
    /// The budget within a pool. Three chunks per partition are in flight; they take
    /// half of the pool, and the vectors an eighth.
    pub fn of(pool: &dyn MemoryPool, partitions: usize) -> Self {
        match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => Self {
                chunk: (bytes / (6 * partitions.max(1))).min(MAX_BYTES),
                cache: bytes / 8,
            },
            _ => Self {
                chunk: MAX_BYTES,
                cache: usize::MAX,
            },
        }
    }
}

/// Rows that go through the model together, and the memory reserved for them.
pub struct Chunk {
    pub batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
    _in_flight: InFlightGuard,
}

/// A batch, and the bytes of each of its rows. A slice of a batch keeps the memory of
/// the whole batch alive, so its rows count as those of the whole batch.
struct SizedBatch {
    batch: RecordBatch,
    row_bytes: usize,
}

/// Cuts a stream into chunks.
pub struct ChunkReader {
    input: SendableRecordBatchStream,
    /// The rows of the last batch that are in no chunk yet.
    rest: Option<SizedBatch>,
    /// Rows of the next chunk, and of the largest.
    rows: usize,
    max_rows: usize,
    /// Bytes of a row besides its own: texts, tokens, vectors.
    row_bytes: usize,
    max_bytes: usize,
    memory: MemoryReservation,
    in_flight: Arc<ChunksInFlight>,
}

/// Number of chunks that are not finished.
#[derive(Default)]
struct ChunksInFlight {
    count: AtomicUsize,
    finished: Notify,
}

/// Counts one chunk as in flight until it is dropped.
struct InFlightGuard(Arc<ChunksInFlight>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, SeqCst);
        self.0.finished.notify_one();
    }
}

impl ChunkReader {
    pub fn new(
        input: SendableRecordBatchStream,
        rows: ChunkRows,
        row_bytes: usize,
        max_bytes: usize,
        memory: MemoryReservation,
    ) -> Self {
        Self {
            input,
            rest: None,
            rows: rows.first,
            max_rows: rows.max,
            row_bytes,
            max_bytes,
            memory,
            in_flight: Arc::default(),
        }
    }

    /// The next chunk; `None` at the end of the stream.
    ///
    /// # Errors
    /// Those of the input; a memory pool without room for one row.
    pub async fn next(&mut self) -> Result<Option<Chunk>> {
        let memory = self.memory.new_empty();
        let mut batches = Vec::new();
        let mut rows = 0;
        while rows < self.rows && (rows == 0 || memory.size() < self.max_bytes) {
            let Some(sized) = self.next_batch().await? else {
                break;
            };
            let batch = &sized.batch;
            let take = batch.num_rows().min(self.rows - rows);
            let take = match self.reserve(&memory, sized.row_bytes, take) {
                Ok(take) => take,
                Err(_) if rows > 0 => {
                    self.rest = Some(sized);
                    break;
                }
                // Earlier chunks release their memory when they are finished.
                Err(_) if self.in_flight.count.load(SeqCst) > 0 => {
                    self.rest = Some(sized);
                    self.in_flight.finished.notified().await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            batches.push(batch.slice(0, take));
            rows += take;
            if take < batch.num_rows() {
                self.rest = Some(SizedBatch {
                    batch: batch.slice(take, batch.num_rows() - take),
                    row_bytes: sized.row_bytes,
                });
            }
        }
        if batches.is_empty() {
            return Ok(None);
        }
        self.rows = (self.rows * 2).min(self.max_rows);
        self.in_flight.count.fetch_add(1, SeqCst);
        Ok(Some(Chunk {
            batches,
            _memory: memory,
            _in_flight: InFlightGuard(Arc::clone(&self.in_flight)),
        }))
    }

    async fn next_batch(&mut self) -> Result<Option<SizedBatch>> {
        if self.rest.is_some() {
            return Ok(self.rest.take());
        }
        while let Some(batch) = self.input.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let own = get_record_batch_memory_size(&batch) / batch.num_rows();
                let row_bytes = own + self.row_bytes;
                return Ok(Some(SizedBatch { batch, row_bytes }));
            }
        }
        Ok(None)
    }

    /// Reserves memory for `rows` rows, or for as many of them as fit. Returns their
    /// number.
    fn reserve(
        &self,
        memory: &MemoryReservation,
        row_bytes: usize,
        mut rows: usize,
    ) -> Result<usize> {
        let room = self.max_bytes.saturating_sub(memory.size()) / row_bytes.max(1);
        rows = rows.min(room.max(1));
        loop {
            match memory.try_grow(rows * row_bytes) {
                Ok(()) => return Ok(rows),
                Err(error) if rows == 1 => return Err(error),
                Err(_) => rows /= 2,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_as_fewer_rows_go_to_models() {
        let rows = |share| {
            let ChunkRows { first, max } = ChunkRows::of(share);
            (first, max)
        };
        assert_eq!(rows(1.0), (128, 8192));
        assert_eq!(rows(0.25), (512, 32_768));
        assert_eq!(rows(0.0), (MAX_SETTLED_ROWS, MAX_SETTLED_ROWS));
    }
}
