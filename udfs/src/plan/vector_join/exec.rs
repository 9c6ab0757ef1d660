//! The operator: holds the right side, takes the left one through it batch by
//! batch.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Float32Type, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties,
};
use futures::StreamExt;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::functions::{Vectors, narrow, narrow_type};
use crate::options::cancel_token;
use crate::vector::{Keep, Pair, PairsError, Units, pairs_within};

/// Pairs that are looked at before the ones found are given on: what bounds
/// memory where most rows are near each other.
const PAIRS: usize = 32 << 20;
const LEAST_ROWS: usize = 16;

/// Rows of the right side, at most: 32 bits number them.
const MAX_ROWS: usize = u32::MAX as usize;

/// The operator; see the module. Its output is the columns of both sides, and
/// with [`Keep::Best`] the cosine and the pair's rank.
#[derive(Debug)]
pub struct VectorJoinExec {
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
    on: [Arc<dyn PhysicalExpr>; 2],
    keep: Keep,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Read once, by the partition that comes first.
    side: Arc<OnceCell<Side>>,
    /// Each partition has all cores when its turn comes.
    turn: Arc<Mutex<()>>,
}

/// The right side.
#[derive(Debug)]
struct Side {
    batch: RecordBatch,
    units: Arc<Units>,
    /// Given back when the join is dropped.
    _memory: MemoryReservation,
}

impl VectorJoinExec {
    pub fn new(
        [left, right]: [Arc<dyn ExecutionPlan>; 2],
        on: [Arc<dyn PhysicalExpr>; 2],
        keep: Keep,
        schema: SchemaRef,
    ) -> Self {
        let partitions = left.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            left,
            right,
            on,
            keep,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            side: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// The vectors, as expressions over the two sides.
    pub fn on(&self) -> &[Arc<dyn PhysicalExpr>; 2] {
        &self.on
    }

    /// Which pairs are wanted.
    pub fn keep(&self) -> Keep {
        self.keep
    }
}

impl DisplayAs for VectorJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let [left, right] = &self.on;
        write!(f, "VectorJoinExec: {left} ~ {right}, ")?;
        match self.keep {
            Keep::Best(most) => write!(f, "nearest={most}"),
            Keep::Above(least) => write!(f, "cosine>={least}"),
        }
    }
}

impl ExecutionPlan for VectorJoinExec {
    fn name(&self) -> &str {
        "VectorJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.left, &self.right]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![
            Distribution::UnspecifiedDistribution,
            Distribution::SinglePartition,
        ]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut next = TreeNodeRecursion::Continue;
        for expr in &self.on {
            next = next.visit_sibling(|| f(expr))?;
        }
        Ok(next)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok(children) = <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) else {
            return internal_err!("VectorJoinExec has two inputs");
        };
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(Self::new(
            children,
            self.on.clone(),
            self.keep,
            schema,
        )))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = || MemoryConsumer::new("VectorJoinExec").register(context.memory_pool());
        let left = self.left.execute(partition, Arc::clone(&context))?;
        let reading = Reading {
            right: (Arc::clone(&self.right), Arc::clone(&context)),
            on: self.on.clone(),
            keep: self.keep,
            schema: Arc::clone(&self.schema),
            side: Arc::clone(&self.side),
            turn: Arc::clone(&self.turn),
            batch_rows: context.session_config().batch_size(),
            memory: memory(),
            side_memory: memory(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            compared: MetricBuilder::new(&self.metrics).counter("pairs_compared", partition),
        };
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let found = stream.tx();
        stream.spawn(async move {
            let found = &found;
            let give = |batch| async move { found.send(Ok(batch)).await.is_ok() };
            reading.run(left, give).await
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition of the left side on its way through the right one.
struct Reading {
    right: (Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    on: [Arc<dyn PhysicalExpr>; 2],
    keep: Keep,
    schema: SchemaRef,
    side: Arc<OnceCell<Side>>,
    turn: Arc<Mutex<()>>,
    batch_rows: usize,
    memory: MemoryReservation,
    side_memory: MemoryReservation,
    metrics: BaselineMetrics,
    compared: Count,
}

impl Reading {
    /// Gives every batch of pairs to `give`, until that wants no more.
    async fn run<F: Future<Output = bool>>(
        mut self,
        mut left: SendableRecordBatchStream,
        give: impl Fn(RecordBatch) -> F,
    ) -> Result<()> {
        let cell = Arc::clone(&self.side);
        let memory = self.side_memory.take();
        let side = cell
            .get_or_try_init(|| read(&self.right, &self.on[1], memory))
            .await?;
        let (_, context) = &self.right;
        let cancel = cancel_token(context.session_config().options()).child_token();
        // Cancels the work when the stream of pairs is dropped.
        let _guard = cancel.clone().drop_guard();
        while let Some(batch) = left.next().await {
            let batch = batch?;
            let of_batch = self.memory.new_empty();
            let vectors = vectors(&self.on[0], &batch, &of_batch)?;
            let mut start = 0;
            while start < batch.num_rows() {
                let rows = self.rows_at_once(side.units.len());
                let rows = start..batch.num_rows().min(start + rows);
                start = rows.end;
                let Some(units) = units(&vectors, rows, &self.memory)? else {
                    continue;
                };
                let near = self.near(units, &side.units, cancel.clone());
                let (found, _of_pairs) = near.await?;
                self.memory.try_grow(found.len() * size_of::<i64>())?;
                let ranks = ranks(&found);
                let batches = found.chunks(self.batch_rows);
                for (found, ranks) in batches.zip(ranks.chunks(self.batch_rows)) {
                    let joined = self.joined(&batch, &side.batch, found, ranks)?;
                    self.metrics.record_output(joined.num_rows());
                    if !give(joined).await {
                        return Ok(());
                    }
                }
                self.memory.free();
            }
        }
        Ok(())
    }

    fn rows_at_once(&self, right: usize) -> usize {
        let kept = match self.keep {
            // Twice as many as are wanted are kept while they are compared.
            Keep::Best(most) => most.min(right).saturating_mul(2),
            Keep::Above(_) => right,
        };
        (PAIRS / kept.max(1)).max(LEAST_ROWS).min(self.batch_rows)
    }

    /// The pairs of some left rows, and the memory that they take.
    async fn near(
        &self,
        left: Units,
        right: &Arc<Units>,
        cancel: CancellationToken,
    ) -> Result<(Vec<Pair>, MemoryReservation)> {
        if !right.is_empty() && left.dims() != right.dims() {
            return exec_err!(
                "the vectors of the two sides have {} and {} values, and cannot be compared",
                left.dims(),
                right.dims()
            );
        }
        self.compared.add(left.len() * right.len());
        let _turn = self.turn.lock().await;
        let timer = self.metrics.elapsed_compute().timer();
        let (right, keep) = (Arc::clone(right), self.keep);
        let memory = self.memory.new_empty();
        let task = SpawnedTask::spawn_blocking(move || {
            let halted = || cancel.is_cancelled();
            let reserve = |bytes: usize| memory.try_grow(bytes);
            let found = pairs_within::<DataFusionError>(&left, &right, keep, &halted, &reserve);
            // What the search took beside the pairs is free again.
            found.map(|found| {
                memory.resize(found.capacity() * size_of::<Pair>());
                (found, memory)
            })
        });
        let found = task.join_unwind().await;
        let found = found.map_err(|e| DataFusionError::External(Box::new(e)))?;
        timer.done();
        match found {
            Ok(found) => Ok(found),
            Err(PairsError::Interrupted) => Err(crate::Error::Interrupted.into()),
            Err(PairsError::Memory(error)) => Err(error),
        }
    }

    fn joined(
        &self,
        left: &RecordBatch,
        right: &RecordBatch,
        found: &[Pair],
        ranks: &[i64],
    ) -> Result<RecordBatch> {
        let rows = |of: fn(&Pair) -> u32| UInt32Array::from_iter_values(found.iter().map(of));
        let (left_rows, right_rows) = (rows(|pair| pair.left), rows(|pair| pair.right));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in left.columns() {
            columns.push(take(column, &left_rows, None)?);
        }
        for column in right.columns() {
            columns.push(take(column, &right_rows, None)?);
        }
        if matches!(self.keep, Keep::Best(_)) {
            let scores = found
                .iter()
                .map(|pair| f64::from(pair.score).clamp(-1.0, 1.0));
            columns.push(Arc::new(Float64Array::from_iter_values(scores)));
            columns.push(Arc::new(Int64Array::from(ranks.to_vec())));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(found.len()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

/// Each pair's place among those of its left row, from 1.
fn ranks(found: &[Pair]) -> Vec<i64> {
    let mut ranks = Vec::with_capacity(found.len());
    let mut before: Option<(u32, i64)> = None;
    for pair in found {
        let rank = match before {
            Some((left, rank)) if left == pair.left => rank + 1,
            _ => 1,
        };
        before = Some((pair.left, rank));
        ranks.push(rank);
    }
    ranks
}

/// The whole right side.
async fn read(
    (plan, context): &(Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    vector: &Arc<dyn PhysicalExpr>,
    memory: MemoryReservation,
) -> Result<Side> {
    let mut stream = plan.execute(0, Arc::clone(context))?;
    let (mut batches, mut rows) = (Vec::new(), 0usize);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows = rows.saturating_add(batch.num_rows());
        if rows > MAX_ROWS {
            return exec_err!("the right side of a vector join has at most {MAX_ROWS} rows");
        }
        // The batch, and the one that all are joined to.
        memory.try_grow(get_record_batch_memory_size(&batch).saturating_mul(2))?;
        batches.push(batch);
    }
    let batch = concat_batches(&stream.schema(), &batches)?;
    let of_copy = memory.new_empty();
    let vectors = vectors(vector, &batch, &of_copy)?;
    let units = units(&vectors, 0..batch.num_rows(), &memory)?.unwrap_or_default();
    Ok(Side {
        batch,
        units: Arc::new(units),
        _memory: memory,
    })
}

/// Bytes of a 32-bit float by those of the narrowest number.
const WIDENING: usize = size_of::<f32>();

/// The vectors of a batch as lists of 32-bit floats; memory is reserved where
/// that takes a copy.
fn vectors(
    vector: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    memory: &MemoryReservation,
) -> Result<Vectors<Float32Type>> {
    let array = vector.evaluate(batch)?.into_array(batch.num_rows())?;
    if narrow_type(array.data_type()).as_ref() != Some(array.data_type()) {
        let size = array.to_data().get_slice_memory_size()?;
        memory.try_grow(size.saturating_mul(WIDENING))?;
    }
    Vectors::new(&narrow(&array)?)
}

/// Those of some rows that have a direction; `None` where there is none. Their
/// memory is reserved first.
fn units(
    vectors: &Vectors<Float32Type>,
    rows: Range<usize>,
    memory: &MemoryReservation,
) -> Result<Option<Units>> {
    let count = rows.clone().filter(|row| vectors.get(*row).is_some());
    let count = count.count();
    let mut units: Option<Units> = None;
    for row in rows {
        let Some(vector) = vectors.get(row) else {
            continue;
        };
        let units = match &mut units {
            Some(units) => units,
            none => none.insert(with_room(count, vector.len(), memory)?),
        };
        if units.dims() != vector.len() {
            return exec_err!(
                "row {} of {} has a vector of {} values, and those before have {}",
                row + 1,
                vectors.len(),
                vector.len(),
                units.dims()
            );
        }
        units.push(vector, row);
    }
    Ok(units)
}

/// Room for so many vectors, within the memory that may be used.
fn with_room(count: usize, dims: usize, memory: &MemoryReservation) -> Result<Units> {
    let exhausted = |why: String| DataFusionError::ResourcesExhausted(why);
    let mut units = Units::new(dims);
    let bytes = units.growth(count);
    memory
        .try_grow(bytes.ok_or_else(|| exhausted(format!("{count} vectors of {dims} values")))?)?;
    let reserved = units.try_reserve(count);
    reserved.map_err(|error| exhausted(error.to_string()))?;
    Ok(units)
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, Float32Array};
    use arrow::datatypes::{DataType, Field};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};

    use super::*;

    fn hundred_vectors() -> Vectors<Float32Type> {
        let values = Float32Array::from_iter_values((0..800).map(|value| value as f32));
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let lists = FixedSizeListArray::try_new(item, 8, Arc::new(values), None).unwrap();
        let lists: ArrayRef = Arc::new(lists);
        Vectors::new(&lists).unwrap()
    }

    #[test]
    fn memory_is_reserved_before_vectors_are_copied() {
        let vectors = hundred_vectors();
        let needed = 100 * (8 + 1) * size_of::<f32>();
        for (limit, fits) in [(needed, true), (needed - 1, false)] {
            let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
            let memory = MemoryConsumer::new("test").register(&pool);
            match units(&vectors, 0..100, &memory) {
                Ok(found) => {
                    assert!(fits);
                    assert_eq!(found.map(|units| units.len()), Some(100));
                    assert_eq!(memory.size(), needed);
                }
                Err(error) => {
                    assert!(!fits);
                    assert!(
                        matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
                        "{error}"
                    );
                    assert_eq!(memory.size(), 0);
                }
            }
        }
    }
}
