//! Files of delimited text and of JSON, whose rows are written as results are.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::orchestration::spawn_writer_tasks_and_join;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;

use crate::output::delimited::DelimitedWriter;
use crate::output::delimited_dialect::DelimitedDialect;
use crate::output::json::json_lines;
use crate::output::target::ResultWriter;

/// Sink of rows as text.
pub struct TextSink {
    config: FileSinkConfig,
    serializer: Arc<RowSerializer>,
    compression: CompressionTypeVariant,
    compression_level: Option<u32>,
}

impl TextSink {
    /// Sink of a format with its options; `None` for a format that is not text.
    pub fn of(format: &dyn FileFormat, config: &FileSinkConfig) -> Option<Self> {
        let (serializer, compression, compression_level) =
            if let Some(csv) = format.downcast_ref::<CsvFormat>() {
                let options = csv.options();
                let dialect = DelimitedDialect::of_options(options);
                let serializer = RowSerializer::Delimited(dialect);
                (serializer, options.compression, options.compression_level)
            } else {
                let options = format.downcast_ref::<JsonFormat>()?.options();
                let serializer = RowSerializer::JsonLines;
                (serializer, options.compression, options.compression_level)
            };
        Some(Self {
            config: config.clone(),
            serializer: Arc::new(serializer),
            compression,
            compression_level,
        })
    }
}

/// Text of rows.
enum RowSerializer {
    Delimited(DelimitedDialect),
    /// One object on each line.
    JsonLines,
}

impl BatchSerializer for RowSerializer {
    fn serialize(&self, batch: RecordBatch, initial: bool) -> Result<Bytes> {
        let text = match self {
            Self::Delimited(dialect) => delimited(&batch, dialect, initial),
            Self::JsonLines => json_lines(&batch),
        };
        text.map(Bytes::from)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

/// The rows, after the header in the first batch of a file.
fn delimited(
    batch: &RecordBatch,
    dialect: &DelimitedDialect,
    initial: bool,
) -> crate::error::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut dialect = dialect.clone();
    dialect.header &= initial;
    DelimitedWriter::new(batch.schema(), dialect, &mut text).batch(batch)?;
    Ok(text)
}

impl fmt::Debug for TextSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextSink")
    }
}

impl DisplayAs for TextSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextSink({})", self.config.original_url)
    }
}

#[async_trait]
impl FileSink for TextSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux_task: SpawnedTask<Result<()>>,
        file_stream_rx: DemuxedStreamReceiver,
        object_store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let serializer: Arc<dyn BatchSerializer> = self.serializer.clone();
        spawn_writer_tasks_and_join(
            context,
            serializer,
            self.compression.into(),
            self.compression_level,
            object_store,
            demux_task,
            file_stream_rx,
        )
        .await
    }
}

#[async_trait]
impl DataSink for TextSink {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}
