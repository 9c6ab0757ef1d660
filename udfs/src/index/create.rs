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
use super::file::{About, IndexFile, MAX_DIMS};
use crate::error::{Error, Result};
use crate::functions::{Vectors, narrow, vector_values};
use crate::options::AiOptions;
use crate::runtime::blocking;
use crate::vector::hnsw::{Graph, MAX_VECTORS, Seen, View, build, build_memory};
use crate::vector::{Keep, Units, dot, pairs};

/// Rows that are searched for to measure the recall, and neighbours of each.
const QUERIES: usize = 200;
const NEIGHBOURS: usize = 10;

/// How closely a search looks: the first that reaches [`GOAL`] is taken.
const BREADTHS: &[usize] = &[24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const GOAL: f64 = 0.97;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Created {
    pub about: About,
    pub bytes: u64,
    /// Of a search by index and of one that looks at every vector.
    pub by_index: Duration,
    pub exact: Duration,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: String,
    pub column: String,
    /// Whether an index of the name may be replaced.
    pub replace: bool,
}

/// Builds an index and puts it beside the data. `progress` is told now and then
/// how many vectors are in.
///
/// # Errors
/// For a table without local Parquet files, a column that holds no vectors of
/// one length, an index that is there and is not to be replaced; if it cannot
/// be written; [`Error::Interrupted`] once the token of `options` is cancelled
/// or the runtime interrupted.
pub fn create(
    table: &dyn TableProvider,
    wanted: &Wanted,
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Created> {
    let cancellation = options.cancellation();
    let halted = |done: usize| {
        progress(done);
        cancellation.is_cancelled()
    };
    blocking(|| build_and_write(table, wanted, options, pool, &halted))
}

fn build_and_write(
    table: &dyn TableProvider,
    Wanted {
        name,
        column,
        replace,
    }: &Wanted,
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    halted: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Created> {
    let Some(data) = DataFiles::of(table) else {
        return Err(Error::Invalid(
            "an index takes a table of Parquet files on this machine: COPY the rows to one first"
                .to_string(),
        ));
    };
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Error::Invalid(format!(
            "'{name}' names a file: letters, digits, _ and - make up the name of an index"
        )));
    }
    let path = data.index_path(name);
    if path.exists() && !*replace {
        return Err(Error::Invalid(format!(
            "there is an index {name} already: CREATE OR REPLACE INDEX makes it anew"
        )));
    }
    let schema = table.schema();
    let field = schema
        .field_with_name(column)
        .map_err(|_| Error::Invalid(format!("the table has no column {column}")))?;
    if !vector_values(field.data_type()).is_some_and(DataType::is_floating) {
        return Err(Error::Invalid(format!(
            "{column} is {}, and an index takes vectors",
            field.data_type()
        )));
    }
    let space = field.metadata().iter();
    let space: BTreeMap<String, String> = space
        .filter(|(key, _)| key.starts_with("semql."))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let files = data.stamps()?;
    let memory = MemoryConsumer::new("CREATE INDEX").register(pool);
    let (units, rows) = read(&data, column, &memory, &|| halted(0))?;
    let all = units.len();
    if all == 0 {
        return Err(Error::Invalid(format!("{column} has no vector in any row")));
    }
    let (vectors, unit_rows, dims) = (units.values(), units.rows(), units.dims());
    reserve(&memory, build_memory(all))?;
    let graph = build(vectors, dims, options.settings.seed, halted);
    let graph = graph.ok_or(Error::Interrupted)?;
    let measured = measure(&units, &graph, &|| halted(all))?;
    let about = About {
        name: name.clone(),
        column: column.clone(),
        space,
        files,
        rows,
        vectors: all as u64,
        dims,
        breadth: measured.breadth,
        recall: measured.recall,
        ..About::default()
    };
    if data.stamps()? != about.files {
        return Err(Error::Failed(
            "the data changed while it was read; try again".to_string(),
        ));
    }
    IndexFile::write(&path, about, vectors, unit_rows, &graph)?;
    let written = IndexFile::open(&path).map_err(|error| error.at(&path))?;
    Ok(Created {
        bytes: written.size(),
        about: written.about,
        by_index: measured.by_index,
        exact: measured.exact,
    })
}

/// The vectors of all files, and the rows of each.
fn read(
    data: &DataFiles,
    column: &str,
    memory: &MemoryReservation,
    halted: &dyn Fn() -> bool,
) -> Result<(Units, Vec<u64>)> {
    let (mut units, mut rows, mut before): (Option<Units>, Vec<u64>, usize) = (None, Vec::new(), 0);
    let of_batch = memory.new_empty();
    for path in &data.paths {
        let cannot = |e: &dyn std::fmt::Display| {
            Error::Setup(format!("{} cannot be read: {e}", path.display()))
        };
        let file = File::open(path).map_err(|e| cannot(&e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| cannot(&e))?;
        let root = builder.schema().index_of(column).map_err(|e| cannot(&e))?;
        let vector = builder.schema().field(root).data_type();
        resize(&of_batch, batch_memory(vector))?;
        let only = ProjectionMask::roots(builder.parquet_schema(), [root]);
        let reader = builder.with_projection(only).with_batch_size(BATCH_ROWS);
        let mut own = 0;
        for batch in reader.build().map_err(|e| cannot(&e))? {
            if halted() {
                return Err(Error::Interrupted);
            }
            let batch = batch.map_err(|e| cannot(&e))?;
            let after = before.saturating_add(batch.num_rows());
            if after > MAX_VECTORS {
                return Err(Error::Invalid(format!(
                    "an index takes at most {MAX_VECTORS} rows, and the table has more"
                )));
            }
            // The batch, and its copy in 32 bits.
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

/// Bytes of a batch of such vectors; 0 where the type does not tell the length,
/// `None` where they cannot be counted.
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

/// Reserves so many bytes more.
fn reserve(memory: &MemoryReservation, bytes: Option<usize>) -> Result<()> {
    let grown = memory.try_grow(bytes.ok_or_else(uncountable)?);
    grown.map_err(|e| Error::Failed(e.to_string()))
}

/// Reserves so many bytes in place of those before.
fn resize(memory: &MemoryReservation, bytes: Option<usize>) -> Result<()> {
    let resized = memory.try_resize(bytes.ok_or_else(uncountable)?);
    resized.map_err(|e| Error::Failed(e.to_string()))
}

fn uncountable() -> Error {
    Error::Failed("resources exhausted: the vectors exceed the address space".to_string())
}

/// Adds the vectors of a batch, whose memory is reserved first.
fn add(
    array: &ArrayRef,
    before: usize,
    units: &mut Option<Units>,
    memory: &MemoryReservation,
) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
    let array = narrow(array).map_err(|e| failed(&e))?;
    let vectors = Vectors::<Float32Type>::new(&array).map_err(|e| failed(&e))?;
    let Some(dims) = (0..vectors.len()).find_map(|row| vectors.get(row).map(<[f32]>::len)) else {
        return Ok(());
    };
    if dims > MAX_DIMS {
        return Err(Error::Invalid(format!(
            "the vectors have {dims} values, and an index takes at most {MAX_DIMS}"
        )));
    }
    let units = units.get_or_insert_with(|| Units::new(dims));
    let more = array.len() - array.null_count();
    reserve(memory, units.growth(more))?;
    units.try_reserve(more).map_err(|e| failed(&e))?;
    for row in 0..vectors.len() {
        let Some(vector) = vectors.get(row) else {
            continue;
        };
        if vector.len() != units.dims() {
            return Err(Error::Invalid(format!(
                "row {} has a vector of {} values, and those before have {}",
                before + row + 1,
                vector.len(),
                units.dims()
            )));
        }
        units.push(vector, before + row);
    }
    Ok(())
}

struct Measured {
    breadth: usize,
    recall: f64,
    by_index: Duration,
    exact: Duration,
}

/// Searches for some of the vectors, by index and by looking at all.
fn measure(units: &Units, graph: &Graph, halted: &(dyn Fn() -> bool + Sync)) -> Result<Measured> {
    let view = View {
        vectors: units.values(),
        dims: units.dims(),
        base: &graph.base,
        starts: &graph.starts,
        upper: &graph.upper,
        entry: graph.entry,
    };
    let every = units.len().div_ceil(QUERIES);
    let mut queries = Units::new(units.dims());
    let chosen: Vec<usize> = (0..units.len()).step_by(every).collect();
    for at in &chosen {
        queries.push(units.vector(*at), *at);
    }
    // A vector is its own nearest, which proves nothing.
    let exact = pairs(&queries, units, Keep::Best(NEIGHBOURS + 1), halted);
    let exact = exact.ok_or(Error::Interrupted)?;
    // Rows name vectors here: both sides count rows alike.
    let truth = |query: usize| {
        let row = units.rows()[query];
        let of = exact
            .iter()
            .filter(move |pair| pair.left == query as u32 && pair.right != row);
        of.take(NEIGHBOURS)
    };
    // Both ways on one core.
    let some = &chosen[..chosen.len().min(10)];
    let begun = Instant::now();
    for at in some {
        let query = units.vector(*at);
        let all = (0..units.len()).map(|other| dot(query, units.vector(other)));
        std::hint::black_box(all.fold(f32::MIN, f32::max));
    }
    let time_exact = begun.elapsed() / some.len().max(1) as u32;
    let mut seen = Seen::default();
    let mut measured = None;
    for breadth in BREADTHS {
        if halted() {
            return Err(Error::Interrupted);
        }
        let (mut hits, mut all) = (0, 0);
        let begun = Instant::now();
        let found: Vec<_> = chosen
            .iter()
            .map(|at| view.search(units.vector(*at), *breadth, &mut seen))
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
        measured = Some(Measured {
            breadth: *breadth,
            recall,
            by_index,
            exact: time_exact,
        });
        if recall >= GOAL {
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
    async fn a_token_ends_the_building_of_an_index() {
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
        let wanted = Wanted {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: true,
        };
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let build = || create(table.as_ref(), &wanted, &options, &pool, &|_| ());
        assert_eq!(build().unwrap().about.vectors, 20);
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

    /// What `CREATE INDEX` reports for a table of so many vectors of four
    /// values, within so much memory.
    async fn create_within(limit: usize) -> Result<Created> {
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
        let wanted = Wanted {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: false,
        };
        let options = AiOptions::of(&ctx).unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
        let created = create(table.as_ref(), &wanted, &options, &pool, &|_| {});
        assert_eq!(pool.reserved(), 0);
        created
    }

    #[tokio::test]
    async fn an_index_is_built_within_its_memory_or_not_at_all() {
        let created = create_within(64 << 20).await.unwrap();
        assert_eq!((created.about.vectors, created.about.dims), (200, 4));
        // Enough for the vectors, and not for the graph.
        let vectors = ROWS * (4 + 1) * size_of::<f32>();
        for limit in [0, vectors / 2, build_memory(ROWS).unwrap()] {
            let error = create_within(limit).await.unwrap_err().to_string();
            assert!(error.contains("Resources exhausted"), "{limit}: {error}");
        }
    }
}
