//! `CREATE INDEX name ON table USING hnsw (column)`.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Float32Type};
use datafusion::catalog::TableProvider;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::data::DataFiles;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::functions::{Vectors, to_float32_vectors, vector_value_type};
use crate::options::AiOptions;
use crate::provenance;
use semql_inference::vector::hnsw::{
    Graph, GraphView, MAX_VECTORS, VisitedList, build, build_memory,
};
use semql_inference::vector::{NeighbourLimit, UnitVectors, dot, pairs};
use semql_inference::vector_index::{IndexFile, IndexMetadata, MAX_DIMS};

/// Queries that measure the recall, and neighbours of each.
const RECALL_QUERIES: usize = 200;
const NEIGHBOURS: usize = 10;

/// Candidates for `ef`. The index has the first that reaches [`TARGET_RECALL`].
const EF_CANDIDATES: &[usize] = &[24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const TARGET_RECALL: f64 = 0.97;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// An index that was built, and its measurements.
#[derive(Clone, Debug)]
pub struct CreatedIndex {
    pub metadata: IndexMetadata,
    pub bytes: u64,
    /// Time of a search with the index, and of one that compares all vectors.
    pub by_index: Duration,
    pub exact: Duration,
}

/// Definition of an index.
#[derive(Clone, Debug)]
pub struct IndexDefinition {
    pub name: String,
    pub column: String,
    /// Whether to replace an existing index.
    pub replace: bool,
}

/// Builds an index and writes it beside the data. Calls `progress` at intervals with the
/// number of vectors in the index.
///
/// # Errors
/// A table without local Parquet files; a column without vectors of one length; an
/// existing index; a file that cannot be written; [`Error::Interrupted`] once the token
/// of `options` is cancelled or the runtime interrupted.
pub fn create(
    table: &dyn TableProvider,
    definition: &IndexDefinition,
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<CreatedIndex> {
    let cancellation = options.cancellation();
    let is_cancelled = |done: usize| {
        progress(done);
        cancellation.is_cancelled()
    };
    blocking(|| build_and_write(table, definition, options, pool, &is_cancelled))
}

fn build_and_write(
    table: &dyn TableProvider,
    IndexDefinition {
        name,
        column,
        replace,
    }: &IndexDefinition,
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    is_cancelled: &(dyn Fn(usize) -> bool + Sync),
) -> Result<CreatedIndex> {
    let Some(data) = DataFiles::of(table) else {
        return Err(Error::Invalid(
            "an index requires a table of Parquet files on this machine: COPY the rows to one first"
                .to_string(),
        ));
    };
    let is_allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_allowed) {
        return Err(Error::Invalid(format!(
            "'{name}' cannot be the name of an index: use letters, digits, _ and -"
        )));
    }
    let path = data.index_path(name);
    if path.exists() && !*replace {
        return Err(Error::Invalid(format!(
            "there is an index {name} already: use CREATE OR REPLACE INDEX"
        )));
    }
    let schema = table.schema();
    let field = schema
        .field_with_name(column)
        .map_err(|_| Error::Invalid(format!("the table has no column {column}")))?;
    if !vector_value_type(field.data_type()).is_some_and(DataType::is_floating) {
        return Err(Error::Invalid(format!(
            "{column} is {}, and an index requires vectors",
            field.data_type()
        )));
    }
    let field_metadata = field.metadata().iter();
    let column_metadata: BTreeMap<String, String> = field_metadata
        .filter(|(key, _)| key.starts_with(provenance::PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let files = data.stamps()?;
    let memory = MemoryConsumer::new("CREATE INDEX").register(pool);
    let (units, rows) = read(&data, column, &memory, &|| is_cancelled(0))?;
    let all = units.len();
    if all == 0 {
        return Err(Error::Invalid(format!("{column} has no vector in any row")));
    }
    let (vectors, unit_rows, dims) = (units.values(), units.rows(), units.dims());
    reserve(&memory, build_memory(all))?;
    let graph = build(vectors, dims, options.settings.seed, is_cancelled);
    let graph = graph.ok_or(Error::Interrupted)?;
    let measured = measure(&units, &graph, &|| is_cancelled(all))?;
    let metadata = IndexMetadata {
        name: name.clone(),
        column: column.clone(),
        column_metadata,
        files,
        rows,
        vectors: all as u64,
        dims,
        ef: measured.ef,
        recall: measured.recall,
        ..IndexMetadata::default()
    };
    if data.stamps()? != metadata.files {
        return Err(Error::Failed(
            "the data changed during CREATE INDEX; try again".to_string(),
        ));
    }
    IndexFile::write(&path, metadata, vectors, unit_rows, &graph)?;
    let written = IndexFile::open(&path).map_err(|error| error.at(&path))?;
    Ok(CreatedIndex {
        bytes: written.size(),
        metadata: written.metadata,
        by_index: measured.by_index,
        exact: measured.exact,
    })
}

/// Reads the vectors of all files. Returns them and the number of rows of each file.
fn read(
    data: &DataFiles,
    column: &str,
    memory: &MemoryReservation,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(UnitVectors, Vec<u64>)> {
    let (mut units, mut rows, mut before): (Option<UnitVectors>, Vec<u64>, usize) =
        (None, Vec::new(), 0);
    let of_batch = memory.new_empty();
    for path in &data.paths {
        let unreadable = |e: &dyn std::fmt::Display| {
            Error::Setup(format!("{} cannot be read: {e}", path.display()))
        };
        let file = File::open(path).map_err(|e| unreadable(&e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(&e))?;
        let root = builder
            .schema()
            .index_of(column)
            .map_err(|e| unreadable(&e))?;
        let vector = builder.schema().field(root).data_type();
        resize(&of_batch, batch_memory(vector))?;
        let only = ProjectionMask::roots(builder.parquet_schema(), [root]);
        let reader = builder.with_projection(only).with_batch_size(BATCH_ROWS);
        let mut own = 0;
        for batch in reader.build().map_err(|e| unreadable(&e))? {
            if is_cancelled() {
                return Err(Error::Interrupted);
            }
            let batch = batch.map_err(|e| unreadable(&e))?;
            let after = before.saturating_add(batch.num_rows());
            if after > MAX_VECTORS {
                return Err(Error::Invalid(format!(
                    "an index has at most {MAX_VECTORS} rows, and the table has more"
                )));
            }
            // The batch, and its copy as 32-bit floats.
            let size = get_record_batch_memory_size(&batch).checked_mul(2);
            resize(&of_batch, size)?;
            add(batch.column(0), before, &mut units, memory)?;
            before = after;
            own += batch.num_rows() as u64;
        }
        rows.push(own);
    }
    Ok((units.unwrap_or_default(), rows))
}

/// Bytes of a batch of vectors; 0 if the type does not include their length, `None` if
/// the number overflows.
fn batch_memory(vector: &DataType) -> Option<usize> {
    match vector {
        DataType::FixedSizeList(item, dims) => {
            let width = item.data_type().primitive_width().unwrap_or_default();
            let values = usize::try_from(*dims).ok()?.checked_mul(BATCH_ROWS)?;
            values.checked_mul(width)
        }
        _ => Some(0),
    }
}

/// Reserves more bytes.
fn reserve(memory: &MemoryReservation, bytes: Option<usize>) -> Result<()> {
    let grown = memory.try_grow(bytes.ok_or_else(overflow)?);
    grown.map_err(|e| Error::Failed(e.to_string()))
}

/// Changes the reserved bytes.
fn resize(memory: &MemoryReservation, bytes: Option<usize>) -> Result<()> {
    let resized = memory.try_resize(bytes.ok_or_else(overflow)?);
    resized.map_err(|e| Error::Failed(e.to_string()))
}

fn overflow() -> Error {
    Error::Failed("resources exhausted: the vectors exceed the address space".to_string())
}

/// Adds the vectors of a batch. Reserves their memory first.
fn add(
    array: &ArrayRef,
    before: usize,
    units: &mut Option<UnitVectors>,
    memory: &MemoryReservation,
) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
    let array = to_float32_vectors(array).map_err(|e| failed(&e))?;
    let vectors = Vectors::<Float32Type>::new(&array).map_err(|e| failed(&e))?;
    let Some(dims) = (0..vectors.len()).find_map(|row| vectors.get(row).map(<[f32]>::len)) else {
        return Ok(());
    };
    if dims > MAX_DIMS {
        return Err(Error::Invalid(format!(
            "the vectors have {dims} values, and an index has at most {MAX_DIMS}"
        )));
    }
    let units = units.get_or_insert_with(|| UnitVectors::new(dims));
    let more = array.len() - array.null_count();
    reserve(memory, units.growth(more))?;
    units.try_reserve(more).map_err(|e| failed(&e))?;
    for row in 0..vectors.len() {
        let Some(vector) = vectors.get(row) else {
            continue;
        };
        if vector.len() != units.dims() {
            return Err(Error::Invalid(format!(
                "row {} has a vector of {} values, and earlier rows have {}",
                before + row + 1,
                vector.len(),
                units.dims()
            )));
        }
        units.push(vector, before + row);
    }
    Ok(())
}

/// Recall and speed of an index.
struct RecallMeasurement {
    ef: usize,
    recall: f64,
    by_index: Duration,
    exact: Duration,
}

/// Searches for some of the vectors, with the index and without.
fn measure(
    units: &UnitVectors,
    graph: &Graph,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<RecallMeasurement> {
    let view = GraphView {
        vectors: units.values(),
        dims: units.dims(),
        level0: &graph.level0,
        level_offsets: &graph.level_offsets,
        upper_levels: &graph.upper_levels,
        entry_point: graph.entry_point,
    };
    let every = units.len().div_ceil(RECALL_QUERIES);
    let mut queries = UnitVectors::new(units.dims());
    let chosen: Vec<usize> = (0..units.len()).step_by(every).collect();
    for at in &chosen {
        queries.push(units.vector(*at), *at);
    }
    // The nearest vector of a vector is itself, which does not count.
    let exact = pairs(
        &queries,
        units,
        NeighbourLimit::TopK(NEIGHBOURS + 1),
        is_cancelled,
    );
    let exact = exact.ok_or(Error::Interrupted)?;
    // Vectors are identified by their rows.
    let truth = |query: usize| {
        let row = units.rows()[query];
        let of = exact
            .iter()
            .filter(move |pair| pair.left == query as u32 && pair.right != row);
        of.take(NEIGHBOURS)
    };
    // Both searches run on one core.
    let some = &chosen[..chosen.len().min(10)];
    let begun = Instant::now();
    for at in some {
        let query = units.vector(*at);
        let all = (0..units.len()).map(|other| dot(query, units.vector(other)));
        std::hint::black_box(all.fold(f32::MIN, f32::max));
    }
    let time_exact = begun.elapsed() / some.len().max(1) as u32;
    let mut visited = VisitedList::default();
    let mut measured = None;
    for ef in EF_CANDIDATES {
        if is_cancelled() {
            return Err(Error::Interrupted);
        }
        let (mut hits, mut all) = (0, 0);
        let begun = Instant::now();
        let found: Vec<_> = chosen
            .iter()
            .map(|at| view.search(units.vector(*at), *ef, &mut visited))
            .collect();
        let by_index = begun.elapsed() / chosen.len().max(1) as u32;
        for (at, found) in chosen.iter().zip(found) {
            let others = found.iter().filter(|found| found.vector as usize != *at);
            let rows: Vec<u32> = others
                .take(NEIGHBOURS)
                .map(|found| units.rows()[found.vector as usize])
                .collect();
            let truth: Vec<u32> = truth(*at).map(|pair| pair.right).collect();
            hits += truth.iter().filter(|row| rows.contains(row)).count();
            all += truth.len();
        }
        let recall = if all == 0 {
            1.0
        } else {
            hits as f64 / all as f64
        };
        measured = Some(RecallMeasurement {
            ef: *ef,
            recall,
            by_index,
            exact: time_exact,
        });
        if recall >= TARGET_RECALL {
            break;
        }
    }
    measured.ok_or(Error::Interrupted)
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    use super::*;
    use crate::runtime::Runtime;

    #[tokio::test]
    async fn a_token_cancels_create_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet").display().to_string();
        let ctx = SessionContext::new();
        let copy = format!(
            "COPY (SELECT [sin(value), cos(value)] AS v FROM generate_series(1, 20)) \
             TO '{path}' STORED AS PARQUET"
        );
        ctx.sql(&copy).await.unwrap().collect().await.unwrap();
        ctx.register_parquet("t", &path, ParquetReadOptions::default())
            .await
            .unwrap();
        let table = ctx.table_provider("t").await.unwrap();
        let definition = IndexDefinition {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: true,
        };
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let build = || create(table.as_ref(), &definition, &options, &pool, &|_| ());
        assert_eq!(build().unwrap().metadata.vectors, 20);
        options.cancel.cancel();
        assert_eq!(build().err(), Some(Error::Interrupted));
    }
}

#[cfg(test)]
mod memory_tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::prelude::SessionContext;

    use super::*;

    const ROWS: usize = 200;

    /// Creates an index of [`ROWS`] vectors of four values, within `limit` bytes.
    async fn create_within(limit: usize) -> Result<CreatedIndex> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.parquet");
        let ctx = SessionContext::new();
        crate::register_all(&ctx).unwrap();
        let vector =
            "arrow_cast([cos(value), sin(value), 1.0, value / 100.0], 'FixedSizeList(4, Float32)')";
        let copy = format!(
            "COPY (SELECT {vector} AS v FROM generate_series(1, {ROWS}) AS t(value)) TO '{}'",
            path.display()
        );
        ctx.sql(&copy).await.unwrap().collect().await.unwrap();
        let options = datafusion::prelude::ParquetReadOptions::default();
        ctx.register_parquet("points", path.to_string_lossy(), options)
            .await
            .unwrap();
        let table = ctx.table_provider("points").await.unwrap();
        let definition = IndexDefinition {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: false,
        };
        let options = AiOptions::from_session(&ctx).unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
        let created = create(table.as_ref(), &definition, &options, &pool, &|_| {});
        assert_eq!(pool.reserved(), 0);
        created
    }

    #[tokio::test]
    async fn create_index_reserves_its_memory() {
        let created = create_within(64 << 20).await.unwrap();
        assert_eq!((created.metadata.vectors, created.metadata.dims), (200, 4));
        // The last limit suffices for the graph alone.
        let vectors = ROWS * (4 + 1) * size_of::<f32>();
        for limit in [0, vectors / 2, build_memory(ROWS).unwrap()] {
            let error = create_within(limit).await.unwrap_err().to_string();
            assert!(error.contains("Resources exhausted"), "{limit}: {error}");
        }
    }
}
