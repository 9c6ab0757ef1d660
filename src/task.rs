//! Work in tasks of their own, which ends when nobody waits for it any more.

use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::channel::mpsc::{Receiver, channel};
use futures::{SinkExt, StreamExt};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use crate::error::{Result, ShellError};

/// How long stopped work may take to let go of its files.
const PATIENCE: Duration = Duration::from_millis(800);

/// Work that is under way.
pub struct Running<T>(JoinHandle<T>);

impl<T: Send + 'static> Running<T> {
    pub fn start(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for what it gives. Once it has given that, there is nothing more to
    /// wait for.
    ///
    /// # Errors
    /// If it panicked, which it has said on standard error.
    pub async fn done(&mut self) -> std::result::Result<T, JoinError> {
        (&mut self.0).await
    }

    /// Ends it, and waits a moment for it to put its things away.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = timeout(PATIENCE, &mut self.0).await;
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A stream of rows that is read a little ahead.
pub struct ReadAhead {
    batches: Receiver<Result<RecordBatch>>,
    /// `None` once it has ended.
    task: Option<Running<()>>,
}

impl ReadAhead {
    pub fn of(mut stream: SendableRecordBatchStream) -> Self {
        let (mut sender, batches) = channel(1);
        let task = Running::start(async move {
            while let Some(batch) = stream.next().await {
                let last = batch.is_err();
                if sender.send(batch.map_err(ShellError::from)).await.is_err() || last {
                    break;
                }
            }
        });
        Self {
            batches,
            task: Some(task),
        }
    }

    /// The next batch, or the error in its place; `None` at the end.
    ///
    /// # Errors
    /// If whoever makes the rows panicked, which it has said on standard error.
    pub async fn next(&mut self) -> std::result::Result<Result<Option<RecordBatch>>, JoinError> {
        if let Some(batch) = self.batches.next().await {
            return Ok(batch.map(Some));
        }
        // The channel also ends where the task died.
        if let Some(mut task) = self.task.take() {
            task.done().await?;
        }
        Ok(Ok(None))
    }

    /// Ends the reading, as [`Running::stop`] does.
    pub async fn stop(mut self) {
        self.batches.close();
        if let Some(task) = self.task.take() {
            task.stop().await;
        }
    }
}

/// For whoever sees standard error, where a panic has told of itself.
///
/// # Errors
/// That it did.
pub fn ended<T>(result: std::result::Result<T, JoinError>) -> Result<T> {
    result.map_err(|_| ShellError::query("the statement was stopped by the internal error above"))
}
