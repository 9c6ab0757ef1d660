//! Outcome of a statement.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use crate::error::Result;

/// Outcome of a statement: rows, or a message.
pub enum Outcome {
    Rows {
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
    },
    Done {
        /// What the statement did; empty if there is nothing to add.
        message: String,
        /// Number of written rows, if the statement counts them.
        rows: Option<u64>,
    },
}

impl Outcome {
    /// Outcome without rows.
    pub fn done(message: impl Into<String>) -> Self {
        Self::Done {
            message: message.into(),
            rows: None,
        }
    }

    /// Outcome with the rows of one batch.
    pub fn of_batch(batch: RecordBatch) -> Self {
        let schema = batch.schema();
        let rows = futures::stream::iter([Ok(batch)]);
        Self::Rows {
            schema: Arc::clone(&schema),
            stream: Box::pin(RecordBatchStreamAdapter::new(schema, rows)),
        }
    }

    /// Reads all rows and drops them.
    ///
    /// # Errors
    /// Those of the rows.
    pub async fn drain(self) -> Result<()> {
        match self {
            Self::Rows { stream, .. } => {
                stream.try_for_each(|_| async { Ok(()) }).await?;
                Ok(())
            }
            Self::Done { .. } => Ok(()),
        }
    }
}
