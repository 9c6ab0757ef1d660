//! Sequential reader of JSON that the engine's reader cannot read: long arrays,
//! which it would split, and columns that mix text with numbers.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSinkConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexRequirement, PhysicalExpr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, apply_expression_roots};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, ObjectMeta, ObjectStore};

use crate::error::ShellError;

/// Rows of a batch, unless the engine sets another number.
const DEFAULT_BATCH_ROWS: usize = 8192;

/// Format of JSON files that are read from start to end. Numbers in columns of
/// text become text.
#[derive(Debug)]
pub struct SequentialJsonFormat {
    /// Format for everything except reading.
    inner: JsonFormat,
    array: bool,
}

impl SequentialJsonFormat {
    pub fn new(inner: JsonFormat, array: bool) -> Self {
        Self { inner, array }
    }
}

#[async_trait]
impl FileFormat for SequentialJsonFormat {
    fn get_ext(&self) -> String {
        self.inner.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.inner.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.inner.compression_type()
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
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        file: &ObjectMeta,
    ) -> Result<Statistics> {
        self.inner.infer_stats(state, store, schema, file).await
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.create_physical_plan(state, config).await
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
        Arc::new(SequentialJsonSource {
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_size: DEFAULT_BATCH_ROWS,
            metrics: ExecutionPlanMetricsSet::new(),
            array: self.array,
        })
    }
}

#[derive(Clone)]
struct SequentialJsonSource {
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
    array: bool,
}

impl FileSource for SequentialJsonSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = self.table_schema.file_schema();
        let opener = SequentialJsonOpener {
            schema: Arc::new(schema.project(&self.projection.file_indices)?),
            batch_size: self.batch_size,
            compression: config.file_compression_type,
            array: self.array,
            store,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_size,
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
        "json"
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct SequentialJsonOpener {
    schema: SchemaRef,
    batch_size: usize,
    compression: FileCompressionType,
    array: bool,
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for SequentialJsonOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let decoder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_batch_size(self.batch_size)
            .with_coerce_primitive(true)
            .build_decoder()?;
        let store = Arc::clone(&self.store);
        let (compression, array) = (self.compression, self.array);
        Ok(Box::pin(async move {
            let location = file.object_meta.location;
            let got = store.get_opts(&location, GetOptions::default()).await?;
            let bytes = got.into_stream().map_err(DataFusionError::from).boxed();
            let bytes = compression.convert_stream(bytes)?;
            let bytes = if array {
                unwrap_array(bytes, location.to_string())
            } else {
                bytes
            };
            Ok(decode(bytes, decoder))
        }))
    }
}

fn decode(
    bytes: BoxStream<'static, Result<Bytes>>,
    decoder: Decoder,
) -> BoxStream<'static, Result<RecordBatch>> {
    let start = (bytes, decoder, Bytes::new());
    futures::stream::try_unfold(start, |(mut bytes, mut decoder, mut left)| async move {
        loop {
            if left.is_empty() {
                match bytes.try_next().await? {
                    Some(more) => left = more,
                    None => break,
                }
            }
            let taken = decoder.decode(&left)?;
            left.advance(taken);
            // The decoder stops at the end of a batch.
            if !left.is_empty() {
                break;
            }
        }
        let batch = decoder.flush()?;
        Ok(batch.map(|batch| (batch, (bytes, decoder, left))))
    })
    .boxed()
}

/// Converts the text of an array to its elements, one after the other.
fn unwrap_array(
    bytes: BoxStream<'static, Result<Bytes>>,
    name: String,
) -> BoxStream<'static, Result<Bytes>> {
    let start = (bytes, ArrayUnwrapper::default(), name);
    futures::stream::try_unfold(start, |(mut bytes, mut unwrap, name)| async move {
        match bytes.try_next().await? {
            Some(chunk) => {
                let inside: Vec<u8> = chunk.iter().map(|byte| unwrap.convert(*byte)).collect();
                Ok(Some((Bytes::from(inside), (bytes, unwrap, name))))
            }
            None if unwrap.depth > 0 => Err(DataFusionError::External(Box::new(
                ShellError::query(format!("'{name}' ends within its array; it is incomplete")),
            ))),
            None => Ok(None),
        }
    })
    .boxed()
}

/// Replaces the outer brackets of an array, and the commas between its elements,
/// by line feeds.
#[derive(Default)]
struct ArrayUnwrapper {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl ArrayUnwrapper {
    fn convert(&mut self, byte: u8) -> u8 {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return byte;
        }
        let outer = match byte {
            b'"' => {
                self.in_string = true;
                false
            }
            b'[' | b'{' => {
                self.depth += 1;
                self.depth == 1
            }
            b']' | b'}' => {
                let outer = self.depth == 1;
                self.depth = self.depth.saturating_sub(1);
                outer
            }
            b',' => self.depth == 1,
            _ => false,
        };
        if outer { b'\n' } else { byte }
    }
}

impl fmt::Debug for SequentialJsonSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SequentialJsonSource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outer_array_is_unwrapped() {
        let mut unwrap = ArrayUnwrapper::default();
        let text = r#"[{"a":[1,2],"b":"x],\"["}, {"a":{}}]"#;
        let inside: Vec<u8> = text.bytes().map(|byte| unwrap.convert(byte)).collect();
        let inside = String::from_utf8(inside).unwrap();
        assert_eq!(
            inside.trim(),
            "{\"a\":[1,2],\"b\":\"x],\\\"[\"}\n {\"a\":{}}"
        );
        assert_eq!(unwrap.depth, 0);
    }
}
