//! Rows on their way from the engine's stream to a driver, which reads them on a thread
//! that blocks.

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Batches that wait for the driver.
const QUEUED_BATCHES: usize = 2;

/// Message to the driver.
enum Message {
    Batch(RecordBatch),
    Failed(ArrowError),
    /// All rows were sent. Without this message the operation was cancelled.
    End,
}

/// Sends the rows.
pub struct RowSender(Sender<Message>);

/// Gives the rows to a driver. A sender that is dropped before the end is an error, so
/// that no part of the rows is taken for the whole.
pub struct RowReader {
    schema: SchemaRef,
    messages: Receiver<Message>,
    ended: bool,
}

/// Channel for rows with the columns of `schema`.
pub fn row_channel(schema: SchemaRef) -> (RowSender, RowReader) {
    let (sender, messages) = channel(QUEUED_BATCHES);
    let reader = RowReader {
        schema,
        messages,
        ended: false,
    };
    (RowSender(sender), reader)
}

impl RowSender {
    /// Sends a batch; `false` if the driver reads no more.
    pub async fn send(&self, batch: RecordBatch) -> bool {
        self.0.send(Message::Batch(batch)).await.is_ok()
    }

    /// Ends the rows with an error.
    pub async fn fail(self, error: ArrowError) {
        // A driver that reads no more has failed itself.
        let _ = self.0.send(Message::Failed(error)).await;
    }

    /// Ends the rows.
    pub async fn finish(self) {
        let _ = self.0.send(Message::End).await;
    }
}

impl Iterator for RowReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.messages.blocking_recv() {
            Some(Message::Batch(batch)) => Some(Ok(batch)),
            Some(Message::End) => {
                self.ended = true;
                None
            }
            Some(Message::Failed(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            None => {
                self.ended = true;
                Some(Err(ArrowError::ExternalError(
                    "the statement was cancelled".into(),
                )))
            }
        }
    }
}

impl RecordBatchReader for RowReader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Schema;
    use std::sync::Arc;

    async fn read(reader: RowReader) -> Vec<bool> {
        let read = move || reader.map(|batch| batch.is_ok()).collect();
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    #[tokio::test]
    async fn only_a_finished_channel_ends_without_an_error() {
        let schema = Arc::new(Schema::empty());
        let batch = || RecordBatch::new_empty(Arc::clone(&schema));
        let (sender, reader) = row_channel(Arc::clone(&schema));
        let reading = tokio::spawn(read(reader));
        assert!(sender.send(batch()).await);
        sender.finish().await;
        assert_eq!(reading.await.unwrap(), [true]);

        let (sender, reader) = row_channel(Arc::clone(&schema));
        let reading = tokio::spawn(read(reader));
        assert!(sender.send(batch()).await);
        drop(sender);
        assert_eq!(reading.await.unwrap(), [true, false]);
    }
}
