//! Background tasks that are aborted when they are dropped.

use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::SendableRecordBatchStream;
use futures::channel::mpsc::{Receiver, channel};
use futures::{SinkExt, StreamExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::{ErrorKind, Result, ShellError};

/// Time in which a stopped task releases its files.
const STOP_TIMEOUT: Duration = Duration::from_millis(800);

/// Task that is aborted when it is dropped.
pub struct BackgroundTask<T>(JoinHandle<T>);

impl<T: Send + 'static> BackgroundTask<T> {
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for the result, once.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] after a panic, which is reported on standard error.
    pub async fn join(&mut self) -> Result<T> {
        (&mut self.0).await.map_err(|_| {
            ShellError::of_kind(
                ErrorKind::Internal,
                "the statement was stopped by an internal error; standard error has more",
            )
        })
    }

    /// Aborts the task, and waits up to [`STOP_TIMEOUT`] for its end.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = timeout(STOP_TIMEOUT, &mut self.0).await;
    }
}

impl<T> Drop for BackgroundTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Stream of rows that a task reads a little ahead.
pub struct ReadAhead {
    batches: Receiver<DataFusionResult<RecordBatch>>,
    /// `None` after its end.
    task: Option<BackgroundTask<()>>,
}

impl ReadAhead {
    pub fn of(mut stream: SendableRecordBatchStream) -> Self {
        let (mut sender, batches) = channel(1);
        let task = BackgroundTask::spawn(async move {
            while let Some(batch) = stream.next().await {
                let last = batch.is_err();
                if sender.send(batch).await.is_err() || last {
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
    pub async fn next(&mut self) -> Option<DataFusionResult<RecordBatch>> {
        if let Some(batch) = self.batches.next().await {
            return Some(batch);
        }
        // The channel also ends if the task panicked.
        let mut task = self.task.take()?;
        match task.join().await {
            Ok(()) => None,
            Err(error) => Some(Err(DataFusionError::External(Box::new(error)))),
        }
    }

    /// Stops reading, as [`BackgroundTask::stop`] does.
    pub async fn stop(mut self) {
        self.batches.close();
        if let Some(task) = self.task.take() {
            task.stop().await;
        }
    }
}
