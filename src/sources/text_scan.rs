//! Scans of files of text: delimited text and JSON.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSinkConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexRequirement, PhysicalExpr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, apply_expression_roots};
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use serde::{Deserialize, Serialize};

use super::batch_decoder::{BatchDecoder, FileStream, decode_batches, external};
use super::csv::{CsvDecoder, CsvReading};
use super::json_reader::JsonDecoder;
use super::line_range::{read_file, read_lines};
use crate::error::ShellError;

/// Rows of a batch, unless the engine sets another number.
const DEFAULT_BATCH_ROWS: usize = 8192;

/// How the text of a file becomes rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextForm {
    /// Delimited text with a header line.
    Csv(CsvReading),
    /// JSON objects, one on each line.
    JsonLines,
    /// JSON objects in an array.
    JsonArray,
}

impl TextForm {
    fn file_type(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::JsonLines | Self::JsonArray => "json",
        }
    }
}

/// Format of files of text.
#[derive(Debug)]
pub struct TextFormat {
    /// Format for everything except reading.
    inner: Arc<dyn FileFormat>,
    compression: FileCompressionType,
    form: TextForm,
}

impl TextFormat {
    pub fn new(
        inner: Arc<dyn FileFormat>,
        compression: FileCompressionType,
        form: TextForm,
    ) -> Self {
        Self {
            inner,
            compression,
            form,
        }
    }
}

#[async_trait]
impl FileFormat for TextFormat {
    fn get_ext(&self) -> String {
        self.inner.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.inner.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        Some(self.compression)
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        files: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        self.inner.infer_schema(state, store, files).await
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        _file: &ObjectMeta,
    ) -> Result<Statistics> {
        Ok(Statistics::new_unknown(&schema))
    }

    async fn create_physical_plan(
        &self,
        _state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let config = FileScanConfigBuilder::from(config)
            .with_file_compression_type(self.compression)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        config: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let writer = self
            .inner
            .create_writer_physical_plan(input, state, config, order);
        writer.await
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(TextSource::new(
            table_schema,
            self.form.clone(),
            self.compression,
        ))
    }
}

/// Source of a scan of files of text.
#[derive(Clone)]
pub struct TextSource {
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
    form: TextForm,
    compression: FileCompressionType,
}

impl TextSource {
    pub fn new(
        table_schema: TableSchema,
        form: TextForm,
        compression: FileCompressionType,
    ) -> Self {
        Self {
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_rows: DEFAULT_BATCH_ROWS,
            metrics: ExecutionPlanMetricsSet::new(),
            form,
            compression,
        }
    }

    pub fn compression(&self) -> FileCompressionType {
        self.compression
    }

    pub fn form(&self) -> &TextForm {
        &self.form
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = self.table_schema.file_schema();
        let opener = TextOpener {
            schema: Arc::clone(schema),
            projection: self.projection.file_indices.clone(),
            batch_rows: self.batch_rows,
            compression: self.compression,
            form: self.form.clone(),
            root: match config.object_store_url.as_str().starts_with("file:") {
                true => "/",
                false => "",
            },
            store,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_rows: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_rows,
            ..self.clone()
        })
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.form.file_type()
    }

    /// A part of delimited text may start within quotes, and a part of an array within
    /// an object.
    fn supports_repartitioning(&self) -> bool {
        self.form == TextForm::JsonLines && !self.compression.is_compressed()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

impl fmt::Debug for TextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSource")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

struct TextOpener {
    /// All columns of the files.
    schema: SchemaRef,
    /// Positions of the columns to read.
    projection: Vec<usize>,
    batch_rows: usize,
    compression: FileCompressionType,
    form: TextForm,
    /// Start of paths in messages.
    root: &'static str,
    store: Arc<dyn ObjectStore>,
}

impl TextOpener {
    fn decoder(&self, name: &str, offset: u64) -> crate::error::Result<Box<dyn BatchDecoder>> {
        let name = name.to_string();
        let array = match &self.form {
            TextForm::Csv(reading) => {
                return Ok(Box::new(CsvDecoder::new(
                    reading.clone(),
                    Arc::clone(&self.schema),
                    self.projection.clone(),
                    self.batch_rows,
                    name,
                )));
            }
            TextForm::JsonLines => false,
            TextForm::JsonArray => true,
        };
        let schema = Arc::new(self.schema.project(&self.projection)?);
        let decoder = JsonDecoder::try_new(schema, self.batch_rows, array, offset, name)?;
        Ok(Box::new(decoder))
    }
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let name = format!("{}{}", self.root, file.object_meta.location);
        let bound = |bound: i64| u64::try_from(bound).unwrap_or(0);
        let range = file.range.map(|range| bound(range.start)..bound(range.end));
        let offset = range.as_ref().map_or(0, |range| range.start);
        let decoder = self.decoder(&name, offset).map_err(external)?;
        let store = Arc::clone(&self.store);
        let compression = self.compression;
        Ok(Box::pin(async move {
            let bytes = match range {
                Some(range) => read_lines(&store, &file.object_meta, range).await?,
                None => read_file(&store, &file.object_meta).await?,
            };
            let bytes = unpack(bytes, compression, name.clone())?;
            Ok(decode_batches(bytes, decoder, name))
        }))
    }
}

/// Unpacks the bytes of a file.
fn unpack(
    bytes: FileStream<Bytes>,
    compression: FileCompressionType,
    name: String,
) -> Result<FileStream<Bytes>> {
    if !compression.is_compressed() {
        return Ok(bytes);
    }
    let bytes = compression.convert_stream(bytes)?;
    let named = move |error| {
        external(ShellError::query(format!(
            "'{name}' cannot be unpacked ({error}); it is damaged, incomplete, or in another \
             compression than its name implies"
        )))
    };
    Ok(bytes.map_err(named).boxed())
}
