//! Batches of rows from the bytes of a text.

use arrow::array::RecordBatch;
use bytes::{Buf, Bytes};
use datafusion::error::DataFusionError;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::error::{Result, ShellError};
use crate::text_encoding::TextDecoder;

/// Bytes or batches of a file.
pub type FileStream<T> = BoxStream<'static, datafusion::error::Result<T>>;

/// Incremental decoder of UTF-8 text to rows.
pub trait BatchDecoder: Send {
    /// Reads bytes, at most up to the end of a batch, and returns their number.
    ///
    /// # Errors
    /// Text that is not in the format.
    fn decode(&mut self, bytes: &[u8]) -> Result<usize>;

    /// Whether a batch is complete, so that [`flush`](Self::flush) has to follow.
    fn is_full(&self) -> bool;

    /// Ends the text.
    ///
    /// # Errors
    /// Text that is incomplete.
    fn finish(&mut self) -> Result<()>;

    /// Rows since the last batch; `None` without any.
    ///
    /// # Errors
    /// Values that are not of the types of their columns.
    fn flush(&mut self) -> Result<Option<RecordBatch>>;
}

struct DecodeState {
    bytes: FileStream<Bytes>,
    text: TextDecoder,
    decoder: Box<dyn BatchDecoder>,
    /// Bytes that the decoder has not read.
    left: Bytes,
    /// Whether `left` is the end of the text.
    last: bool,
    finished: bool,
    name: String,
}

impl DecodeState {
    async fn next(&mut self) -> datafusion::error::Result<Option<RecordBatch>> {
        while !self.finished {
            if !self.left.is_empty() {
                let read = self.decoder.decode(&self.left).map_err(external)?;
                self.left.advance(read);
                if self.decoder.is_full() {
                    break;
                }
            } else if self.last {
                self.decoder.finish().map_err(external)?;
                self.finished = true;
            } else {
                self.left = self.read().await?;
            }
        }
        self.decoder.flush().map_err(external)
    }

    async fn read(&mut self) -> datafusion::error::Result<Bytes> {
        let decoded = match self.bytes.try_next().await? {
            Some(chunk) if self.text.is_transparent() => return Ok(chunk),
            Some(chunk) => self.text.decode(&chunk),
            None => {
                self.last = true;
                self.text.finish()
            }
        };
        let named = |why| external(ShellError::query(format!("'{}' {why}", self.name)));
        decoded.map(Bytes::from).map_err(named)
    }
}

/// Decodes the bytes of a file, in UTF-8 or UTF-16, to batches. `name` is its name in
/// messages.
pub fn decode_batches(
    bytes: FileStream<Bytes>,
    decoder: Box<dyn BatchDecoder>,
    name: String,
) -> FileStream<RecordBatch> {
    let state = DecodeState {
        bytes,
        text: TextDecoder::default(),
        decoder,
        left: Bytes::new(),
        last: false,
        finished: false,
        name,
    };
    futures::stream::try_unfold(state, |mut state| async move {
        let batch = state.next().await?;
        Ok(batch.map(|batch| (batch, state)))
    })
    .boxed()
}

/// Error of the shell as an error of the engine.
pub fn external(error: ShellError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
