//! `CREATE INDEX name ON table USING hnsw (column)`.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Float32Type};
use datafusion::catalog::TableProvider;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::data::DataFiles;
use super::file::{About, IndexFile};
use crate::error::{Error, Result};
use crate::functions::{Vectors, narrow, vector_values};
use crate::options::AiOptions;
use crate::runtime::blocking;
use crate::vector::hnsw::{Graph, Seen, View, build};
use crate::vector::{Keep, Units, dot, pairs};

/// Rows that are searched for to measure the recall, and neighbours of each.
const QUERIES: usize = 200;
const NEIGHBOURS: usize = 10;

/// How closely a search looks: the first that reaches [`GOAL`] is taken.
const BREADTHS: &[usize] = &[24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const GOAL: f64 = 0.97;

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
/// be written; [`Error::Interrupted`] after an interrupt of the runtime.
pub fn create(
    table: &dyn TableProvider,
    wanted: &Wanted,
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Created> {
    let epoch = options.runtime.epoch();
    let halted = |done: usize| {
        progress(done);
        options.runtime.epoch() != epoch
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
    let written = IndexFile::open(&path)?;
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
    for path in &data.paths {
        let cannot = |e: &dyn std::fmt::Display| {
            Error::Setup(format!("{} cannot be read: {e}", path.display()))
        };
        let file = File::open(path).map_err(|e| cannot(&e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| cannot(&e))?;
        let root = builder.schema().index_of(column).map_err(|e| cannot(&e))?;
        let only = ProjectionMask::roots(builder.parquet_schema(), [root]);
        let reader = builder.with_projection(only).build();
        let mut own = 0;
        for batch in reader.map_err(|e| cannot(&e))? {
            if halted() {
                return Err(Error::Interrupted);
            }
            let batch = batch.map_err(|e| cannot(&e))?;
            let size =
                batch.num_rows() * 2 * units.as_ref().map_or(0, Units::dims) * size_of::<f32>();
            memory
                .try_grow(size)
                .map_err(|e| Error::Failed(e.to_string()))?;
            add(batch.column(0), before, &mut units)?;
            before += batch.num_rows();
            own += batch.num_rows() as u64;
        }
        rows.push(own);
    }
    Ok((units.unwrap_or_default(), rows))
}

fn add(array: &ArrayRef, before: usize, units: &mut Option<Units>) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Failed(e.to_string());
    let array = narrow(array).map_err(|e| failed(&e))?;
    let vectors = Vectors::<Float32Type>::new(&array).map_err(|e| failed(&e))?;
    for row in 0..vectors.len() {
        let Some(vector) = vectors.get(row) else {
            continue;
        };
        let units = units.get_or_insert_with(|| Units::new(vector.len()));
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
