//! The operator: keeps the right side in memory, and compares the left side with it
//! batch by batch.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, Field, Float32Type, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, Partitioning, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions, apply_expression_roots,
};
use futures::StreamExt;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use super::side_vectors::SideVectors;
use crate::error::to_datafusion;
use crate::functions::{Vectors, float32_vector_type, to_float32_vectors};
use crate::options::cancel_token;
use crate::plan::exact_rows::exact_rows;
use crate::plan::output_columns;
use semql_inference::vector::{NeighbourLimit, Pair, PairsError, UnitVectors, pairs_within};

/// Pairs that are compared before the matches are returned. Bounds the memory of joins
/// most of whose pairs match.
const MAX_PAIRS: usize = 32 << 20;

/// Fewest left rows that are compared at a time.
const MIN_LEFT_ROWS: usize = 16;

/// Rows of the right side, which have 32-bit numbers.
const MAX_ROWS: usize = u32::MAX as usize;

/// Columns that a join of the nearest rows adds.
pub const SCORE: &str = "score";
pub const RANK: &str = "rank";

/// The fields of these columns.
pub(super) fn added_fields(limit: NeighbourLimit) -> Vec<Field> {
    match limit {
        NeighbourLimit::TopK(_) => vec![
            Field::new(SCORE, DataType::Float64, false),
            Field::new(RANK, DataType::Int64, false),
        ],
        NeighbourLimit::Threshold(_) => Vec::new(),
    }
}

/// The operator; see the module. Its columns are those of both sides and, for the nearest
/// rows, the cosine and the rank of the pair.
#[derive(Debug)]
pub struct VectorJoinExec {
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
    on: [Arc<dyn PhysicalExpr>; 2],
    limit: NeighbourLimit,
    /// The output: positions among the columns of the left side, those of the right side,
    /// the cosine and the rank.
    columns: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// The right side, which the first partition reads for all.
    right_side: Arc<OnceCell<RightSide>>,
    /// Held by the partition that compares, which uses all cores.
    turn: Arc<Mutex<()>>,
}

/// The rows and vectors of the right side.
#[derive(Debug)]
struct RightSide {
    /// The columns that the output has.
    batch: RecordBatch,
    units: Arc<UnitVectors>,
    /// Released when the operator is dropped.
    _memory: MemoryReservation,
}

/// What a column of the output is.
enum OutputColumn {
    Left(usize),
    /// A column of [`RightSide::batch`].
    Right(usize),
    Score,
    Rank,
}

impl VectorJoinExec {
    /// The join with the output `columns`, of which `schema` has the fields: positions
    /// among the columns of the left side, those of the right side, the cosine and the
    /// rank.
    ///
    /// # Errors
    /// A column that is not there, or a schema of other columns.
    pub fn try_new(
        [left, right]: [Arc<dyn ExecutionPlan>; 2],
        on: [Arc<dyn PhysicalExpr>; 2],
        limit: NeighbourLimit,
        columns: Vec<usize>,
        schema: SchemaRef,
    ) -> Result<Self> {
        let added = added_fields(limit).len();
        let of_sides = left.schema().fields().len() + right.schema().fields().len();
        output_columns::check(&columns, of_sides + added, &schema)?;
        let partitions = left.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            left.boundedness(),
        );
        Ok(Self {
            left,
            right,
            on,
            limit,
            columns,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            right_side: Arc::default(),
            turn: Arc::default(),
        })
    }

    /// The vectors, as expressions over the two sides.
    pub fn on(&self) -> &[Arc<dyn PhysicalExpr>; 2] {
        &self.on
    }

    /// The pairs that the join returns.
    pub fn limit(&self) -> NeighbourLimit {
        self.limit
    }

    /// The output, as [`try_new`](Self::try_new) takes it.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The columns of the right side that the output has, and the columns of the output.
    fn output_columns(&self) -> (Vec<usize>, Vec<OutputColumn>) {
        let left = self.left.schema().fields().len();
        let right = self.right.schema().fields().len();
        let kept = output_columns::within(&self.columns, left..left + right);
        let output = |column: &usize| match *column {
            at if at < left => OutputColumn::Left(at),
            at if at < left + right => {
                OutputColumn::Right(kept.partition_point(|kept| kept + left < at))
            }
            at if at == left + right => OutputColumn::Score,
            _ => OutputColumn::Rank,
        };
        let columns = self.columns.iter().map(output).collect();
        (kept, columns)
    }
}

impl DisplayAs for VectorJoinExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let [left, right] = &self.on;
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "on={left} ~ {right}")?,
            _ => write!(f, "VectorJoinExec: {left} ~ {right}, ")?,
        }
        match self.limit {
            NeighbourLimit::TopK(count) => write!(f, "nearest={count}"),
            NeighbourLimit::Threshold(cosine) => write!(f, "cosine>={cosine}"),
        }
    }
}

impl ExecutionPlan for VectorJoinExec {
    fn name(&self) -> &str {
        Self::static_name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.left, &self.right]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![
            Distribution::UnspecifiedDistribution,
            Distribution::SinglePartition,
        ])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(&self.on, f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok(children) = <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) else {
            return internal_err!("VectorJoinExec has two inputs");
        };
        let (columns, schema) = (self.columns.clone(), Arc::clone(&self.schema));
        let join = Self::try_new(children, self.on.clone(), self.limit, columns, schema)?;
        Ok(Arc::new(join))
    }

    /// Takes a choice of columns over: the right side is in memory without the others,
    /// which often are its vectors.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(columns) = output_columns::chosen(&self.columns, projection) else {
            return Ok(None);
        };
        let sides = [Arc::clone(&self.left), Arc::clone(&self.right)];
        let (on, schema) = (self.on.clone(), projection.schema());
        let join = Self::try_new(sides, on, self.limit, columns, schema)?;
        Ok(Some(Arc::new(join)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = || MemoryConsumer::new("VectorJoinExec").register(context.memory_pool());
        let left = self.left.execute(partition, Arc::clone(&context))?;
        let (right_columns, columns) = self.output_columns();
        let join = PartitionJoin {
            right_columns,
            columns,
            right: (Arc::clone(&self.right), Arc::clone(&context)),
            on: self.on.clone(),
            limit: self.limit,
            schema: Arc::clone(&self.schema),
            right_side: Arc::clone(&self.right_side),
            turn: Arc::clone(&self.turn),
            batch_rows: context.session_config().batch_size(),
            memory: memory(),
            right_memory: memory(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            compared: MetricBuilder::new(&self.metrics).counter("pairs_compared", partition),
        };
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let sender = stream.tx();
        stream.spawn(async move {
            let sender = &sender;
            let send = |batch| async move { sender.send(Ok(batch)).await.is_ok() };
            join.run(left, send).await
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The join of one partition of the left side.
struct PartitionJoin {
    right: (Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    right_columns: Vec<usize>,
    columns: Vec<OutputColumn>,
    on: [Arc<dyn PhysicalExpr>; 2],
    limit: NeighbourLimit,
    schema: SchemaRef,
    right_side: Arc<OnceCell<RightSide>>,
    turn: Arc<Mutex<()>>,
    batch_rows: usize,
    memory: MemoryReservation,
    right_memory: MemoryReservation,
    metrics: BaselineMetrics,
    compared: Count,
}

impl PartitionJoin {
    /// Passes each batch of pairs to `send`, until that returns false.
    async fn run<F: Future<Output = bool>>(
        mut self,
        mut left: SendableRecordBatchStream,
        send: impl Fn(RecordBatch) -> F,
    ) -> Result<()> {
        let cell = Arc::clone(&self.right_side);
        let memory = self.right_memory.take();
        let side = cell
            .get_or_try_init(|| {
                read_right_side(&self.right, &self.on[1], &self.right_columns, memory)
            })
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
                let mut of_rows = SideVectors::default();
                of_rows.add(&vectors, rows, &self.memory)?;
                let Some(units) = of_rows.units() else {
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
                    if !send(joined).await {
                        return Ok(());
                    }
                }
                self.memory.free();
            }
        }
        Ok(())
    }

    fn rows_at_once(&self, right: usize) -> usize {
        let kept = match self.limit {
            // A comparison keeps up to twice the nearest rows.
            NeighbourLimit::TopK(count) => count.min(right).saturating_mul(2),
            NeighbourLimit::Threshold(_) => right,
        };
        (MAX_PAIRS / kept.max(1))
            .max(MIN_LEFT_ROWS)
            .min(self.batch_rows)
    }

    /// The pairs of some left rows, and their memory.
    async fn near(
        &self,
        left: UnitVectors,
        right: &Arc<UnitVectors>,
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
        let (right, limit) = (Arc::clone(right), self.limit);
        let memory = self.memory.new_empty();
        let task = SpawnedTask::spawn_blocking(move || {
            let is_cancelled = || cancel.is_cancelled();
            let reserve = |bytes: usize| memory.try_grow(bytes);
            let found =
                pairs_within::<DataFusionError>(&left, &right, limit, &is_cancelled, &reserve);
            // The search has released its memory, except that of the pairs.
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
            Err(PairsError::Interrupted) => Err(to_datafusion(crate::Error::Interrupted)),
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
        let column = |column: &OutputColumn| -> Result<ArrayRef> {
            Ok(match column {
                OutputColumn::Left(at) => take(left.column(*at), &left_rows, None)?,
                OutputColumn::Right(at) => take(right.column(*at), &right_rows, None)?,
                OutputColumn::Score => {
                    let score = |pair: &Pair| f64::from(pair.score).clamp(-1.0, 1.0);
                    Arc::new(Float64Array::from_iter_values(found.iter().map(score)))
                }
                OutputColumn::Rank => Arc::new(Int64Array::from(ranks.to_vec())),
            })
        };
        let columns = self.columns.iter().map(column);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(found.len()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

/// The rank, from 1, of each pair among those of its left row.
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

/// Reads the right side to its end; keeps the `columns` of its rows.
async fn read_right_side(
    (plan, context): &(Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    vector: &Arc<dyn PhysicalExpr>,
    columns: &[usize],
    memory: MemoryReservation,
) -> Result<RightSide> {
    let mut stream = plan.execute(0, Arc::clone(context))?;
    let (mut batches, mut rows, mut read) = (Vec::new(), 0usize, 0usize);
    let mut units = SideVectors::new(exact_rows(plan.as_ref()));
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows = rows.saturating_add(batch.num_rows());
        if rows > MAX_ROWS {
            return exec_err!(
                "the right side of a vector join has more than {MAX_ROWS} rows; filter it first"
            );
        }
        let of_copy = memory.new_empty();
        let vectors = vectors(vector, &batch, &of_copy)?;
        units.add(&vectors, 0..batch.num_rows(), &memory)?;
        let batch = batch.project(columns)?;
        // The batch, and its copy in the concatenated batch.
        let size = get_record_batch_memory_size(&batch);
        memory.try_grow(size.saturating_mul(2))?;
        read = read.saturating_add(size);
        batches.push(batch);
    }
    let schema = Arc::new(stream.schema().project(columns)?);
    let batch = concat_batches(&schema, &batches)?;
    drop(batches);
    memory.try_shrink(read)?;
    Ok(RightSide {
        batch,
        units: Arc::new(units.units().unwrap_or_default()),
        _memory: memory,
    })
}

/// Largest growth of a vector as 32-bit floats: from numbers of one byte.
const MAX_WIDENING: usize = size_of::<f32>();

/// The vectors of a batch as lists of 32-bit floats. Reserves memory if they are copied.
fn vectors(
    vector: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    memory: &MemoryReservation,
) -> Result<Vectors<Float32Type>> {
    let array = vector.evaluate(batch)?.into_array(batch.num_rows())?;
    if float32_vector_type(array.data_type()).as_ref() != Some(array.data_type()) {
        let size = array.to_data().get_slice_memory_size()?;
        memory.try_grow(size.saturating_mul(MAX_WIDENING))?;
    }
    Vectors::new(&to_float32_vectors(&array)?)
}
