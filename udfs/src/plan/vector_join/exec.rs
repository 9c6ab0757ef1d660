//! The operator: holds the right side, takes the left one through it batch by
//! batch.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
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

use crate::functions::{Vectors, narrow};
use crate::vector::{Keep, Pair, Units, pairs};
use crate::waiting::{Stopped, Waiting};

/// Pairs that are looked at before the ones found are given on: what bounds
/// memory where most rows are near each other.
const PAIRS: usize = 32 << 20;
const LEAST_ROWS: usize = 16;

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
        let waiting = Waiting::default();
        while let Some(batch) = left.next().await {
            let batch = batch?;
            let vectors = vectors(&self.on[0], &batch)?;
            let mut start = 0;
            while start < batch.num_rows() {
                let rows = self.rows_at_once(side.units.len());
                let rows = start..batch.num_rows().min(start + rows);
                start = rows.end;
                let Some(units) = units(&vectors, rows)? else {
                    continue;
                };
                let found = self.near(units, &side.units, waiting.stopped()).await?;
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
        match self.keep {
            // Few are kept, however many are compared.
            Keep::Best(_) => self.batch_rows,
            Keep::Above(_) => (PAIRS / right.max(1)).max(LEAST_ROWS).min(self.batch_rows),
        }
    }

    async fn near(&self, left: Units, right: &Arc<Units>, stopped: Stopped) -> Result<Vec<Pair>> {
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
        let task =
            SpawnedTask::spawn_blocking(move || pairs(&left, &right, keep, &|| stopped.now()));
        let found = task.join_unwind().await;
        let found = found.map_err(|e| DataFusionError::External(Box::new(e)))?;
        timer.done();
        let found = found.ok_or_else(|| DataFusionError::from(crate::Error::Interrupted))?;
        self.memory.try_grow(size_of_val(found.as_slice()))?;
        Ok(found)
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
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        // The batch, and the one that all are joined to.
        memory.try_grow(2 * get_record_batch_memory_size(&batch))?;
        batches.push(batch);
    }
    let batch = concat_batches(&stream.schema(), &batches)?;
    let vectors = vectors(vector, &batch)?;
    let units = units(&vectors, 0..batch.num_rows())?.unwrap_or_default();
    memory.try_grow(units.size())?;
    Ok(Side {
        batch,
        units: Arc::new(units),
        _memory: memory,
    })
}

/// The vectors of a batch as lists of 32-bit floats.
fn vectors(vector: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<Vectors<Float32Type>> {
    let array = vector.evaluate(batch)?.into_array(batch.num_rows())?;
    Vectors::new(&narrow(&array)?)
}

/// Those of some rows that have a direction; `None` where there is none.
fn units(vectors: &Vectors<Float32Type>, rows: Range<usize>) -> Result<Option<Units>> {
    let mut units: Option<Units> = None;
    for row in rows {
        let Some(vector) = vectors.get(row) else {
            continue;
        };
        let units = units.get_or_insert_with(|| Units::new(vector.len()));
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
