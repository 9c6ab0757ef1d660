//! The stretches of a stream that go through the model together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use arrow::array::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use futures::StreamExt;
use tokio::sync::Notify;

/// Rows of the first window. A query that stops early, as under a LIMIT, has
/// little computed in vain; each window is twice the one before.
const FIRST_ROWS: usize = 128;

/// Rows of the largest window: enough texts for batches of about one length,
/// few enough to keep in memory.
const MOST_ROWS: usize = 8192;

/// How much memory the operator takes.
pub struct Share {
    /// Bytes of the largest window of one partition.
    pub window: usize,
    /// Bytes of the vectors that are kept for texts that come again.
    pub kept: usize,
}

impl Share {
    /// The share of a pool that the operators of a query have in common. Three
    /// windows are under way at a time; together they take half of it, and the
    /// vectors an eighth.
    pub fn of(pool: &dyn MemoryPool, partitions: usize) -> Self {
        match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => Self {
                window: (bytes / (6 * partitions.max(1))).min(MOST_BYTES),
                kept: bytes / 8,
            },
            _ => Self {
                window: MOST_BYTES,
                kept: usize::MAX,
            },
        }
    }
}

/// Bytes of the largest window, where memory has no limit.
const MOST_BYTES: usize = 64 << 20;

/// Rows that go through the model together, and the memory set aside for them.
pub struct Window {
    pub batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
    _place: Place,
}

/// Rows, and the bytes that each takes: those of the batch that they came in,
/// since a part of a batch keeps all of its memory alive.
struct Rows {
    batch: RecordBatch,
    row: usize,
}

/// Cuts a stream into windows.
pub struct Windows {
    input: SendableRecordBatchStream,
    /// Of a batch that came, what no window has yet.
    rest: Option<Rows>,
    rows: usize,
    /// Bytes that a row takes beside its own: texts, tokens, vectors.
    row_bytes: usize,
    /// Bytes of the largest window.
    most_bytes: usize,
    memory: MemoryReservation,
    under_way: Arc<UnderWay>,
}

/// The windows that are not done with.
#[derive(Default)]
struct UnderWay {
    count: AtomicUsize,
    one_less: Notify,
}

struct Place(Arc<UnderWay>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, SeqCst);
        self.0.one_less.notify_one();
    }
}

impl Windows {
    pub fn new(
        input: SendableRecordBatchStream,
        row_bytes: usize,
        most_bytes: usize,
        memory: MemoryReservation,
    ) -> Self {
        Self {
            input,
            rest: None,
            rows: FIRST_ROWS,
            row_bytes,
            most_bytes,
            memory,
            under_way: Arc::default(),
        }
    }

    /// The next window; `None` at the end of the stream.
    ///
    /// # Errors
    /// The input's, and that of a memory pool that has no room for one row.
    pub async fn next(&mut self) -> Result<Option<Window>> {
        let memory = self.memory.new_empty();
        let mut batches = Vec::new();
        let mut rows = 0;
        while rows < self.rows && (rows == 0 || memory.size() < self.most_bytes) {
            let Some(sized) = self.batch().await? else {
                break;
            };
            let batch = &sized.batch;
            let take = batch.num_rows().min(self.rows - rows);
            let take = match self.reserve(&memory, sized.row, take) {
                Ok(take) => take,
                Err(_) if rows > 0 => {
                    self.rest = Some(sized);
                    break;
                }
                // The windows before this one will give room when they are done.
                Err(_) if self.under_way.count.load(SeqCst) > 0 => {
                    self.rest = Some(sized);
                    self.under_way.one_less.notified().await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            batches.push(batch.slice(0, take));
            rows += take;
            if take < batch.num_rows() {
                self.rest = Some(Rows {
                    batch: batch.slice(take, batch.num_rows() - take),
                    row: sized.row,
                });
            }
        }
        if batches.is_empty() {
            return Ok(None);
        }
        self.rows = (self.rows * 2).min(MOST_ROWS);
        self.under_way.count.fetch_add(1, SeqCst);
        Ok(Some(Window {
            batches,
            _memory: memory,
            _place: Place(Arc::clone(&self.under_way)),
        }))
    }

    async fn batch(&mut self) -> Result<Option<Rows>> {
        if self.rest.is_some() {
            return Ok(self.rest.take());
        }
        while let Some(batch) = self.input.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let row = get_record_batch_memory_size(&batch) / batch.num_rows() + self.row_bytes;
                return Ok(Some(Rows { batch, row }));
            }
        }
        Ok(None)
    }

    /// Sets memory aside for `rows` rows of `row` bytes, or for as many of them
    /// as there is room for.
    fn reserve(&self, memory: &MemoryReservation, row: usize, mut rows: usize) -> Result<usize> {
        let room = self.most_bytes.saturating_sub(memory.size()) / row.max(1);
        rows = rows.min(room.max(1));
        loop {
            match memory.try_grow(rows * row) {
                Ok(()) => return Ok(rows),
                Err(error) if rows == 1 => return Err(error),
                Err(_) => rows /= 2,
            }
        }
    }
}
