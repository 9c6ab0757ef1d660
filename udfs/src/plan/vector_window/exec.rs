//! The operator: reads its input to the end, and keeps the vectors and the columns that
//! its output has.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{Statistics, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::WindowUDF;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, Partitioning, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions, apply_expression_roots,
};
use futures::StreamExt;

use crate::functions::{VectorRows, VectorWindowUdf, as_vector_window};
use crate::plan::blocking_task::run_blocking_task;
use crate::plan::exact_rows::exact_rows;
use crate::plan::output_columns;

/// A call of a window function over vectors.
#[derive(Clone, Debug)]
pub struct VectorWindowCall {
    pub function: Arc<WindowUDF>,
    /// The vector, then literals.
    pub args: Vec<Arc<dyn PhysicalExpr>>,
}

impl VectorWindowCall {
    /// The call, if the function is one of semql's over vectors.
    pub fn new(function: &Arc<WindowUDF>, args: &[Arc<dyn PhysicalExpr>]) -> Option<Self> {
        let is_one = as_vector_window(function).is_some() && !args.is_empty();
        is_one.then(|| Self {
            function: Arc::clone(function),
            args: args.to_vec(),
        })
    }

    /// # Errors
    /// Another function.
    fn function(&self) -> Result<&VectorWindowUdf> {
        match as_vector_window(&self.function) {
            Some(function) => Ok(function),
            None => plan_err!("{} has no vectors of a window", self.function.name()),
        }
    }
}

impl fmt::Display for VectorWindowCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<String> = self.args.iter().map(ToString::to_string).collect();
        write!(f, "{}({})", self.function.name(), args.join(", "))
    }
}

/// The operator; see the module.
#[derive(Debug)]
pub struct VectorWindowExec {
    input: Arc<dyn ExecutionPlan>,
    calls: Vec<VectorWindowCall>,
    /// The output: positions among the columns of the input, then the results of calls.
    columns: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl VectorWindowExec {
    /// The operator with the output `columns`, of which `schema` has the fields: positions
    /// among the columns of the input, then the results of the calls.
    ///
    /// # Errors
    /// A column that is not there, a schema of other columns, a call of another function.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        calls: Vec<VectorWindowCall>,
        columns: Vec<usize>,
        schema: SchemaRef,
    ) -> Result<Self> {
        calls
            .iter()
            .try_for_each(|call| call.function().map(|_| ()))?;
        let count = input.schema().fields().len() + calls.len();
        output_columns::check(&columns, count, &schema)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            input.boundedness(),
        );
        Ok(Self {
            input,
            calls,
            columns,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    pub fn calls(&self) -> &[VectorWindowCall] {
        &self.calls
    }

    /// The output, as [`try_new`](Self::try_new) takes it.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }
}

impl DisplayAs for VectorWindowExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let calls: Vec<String> = self.calls.iter().map(ToString::to_string).collect();
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "{}", calls.join(", ")),
            _ => write!(f, "VectorWindowExec: {}", calls.join(", ")),
        }
    }
}

impl ExecutionPlan for VectorWindowExec {
    fn name(&self) -> &str {
        Self::static_name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.calls.iter().flat_map(|call| &call.args), f)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("VectorWindowExec has one input");
        };
        let (columns, schema) = (self.columns.clone(), Arc::clone(&self.schema));
        let exec = Self::try_new(input, self.calls.clone(), columns, schema)?;
        Ok(Arc::new(exec))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    /// Takes a choice of columns over: the others, often the vectors, are not kept.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(columns) = output_columns::chosen(&self.columns, projection) else {
            return Ok(None);
        };
        let (input, calls) = (Arc::clone(&self.input), self.calls.clone());
        let exec = Self::try_new(input, calls, columns, projection.schema())?;
        Ok(Some(Arc::new(exec)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let of_input = self.input.schema().fields().len();
        let kept = output_columns::within(&self.columns, 0..of_input);
        let output = self
            .columns
            .iter()
            .map(|column| match column.checked_sub(of_input) {
                Some(call) => OutputColumn::Result(call),
                None => OutputColumn::Kept(kept.partition_point(|kept| kept < column)),
            });
        // Errors of memory name the functions.
        let functions: Vec<&str> = self.calls.iter().map(|call| call.function.name()).collect();
        let window = Window {
            calls: self.calls.clone(),
            columns: output.collect(),
            kept,
            schema: Arc::clone(&self.schema),
            expected: exact_rows(self.input.as_ref()),
            memory: MemoryConsumer::new(functions.join(", ")).register(context.memory_pool()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let sender = stream.tx();
        stream.spawn(async move {
            let sender = &sender;
            let send = |batch| async move { sender.send(Ok(batch)).await.is_ok() };
            window.run(input, send).await
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics {
            num_rows: inputs[0].num_rows,
            ..Statistics::new_unknown(&self.schema)
        }))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// What a column of the output is.
enum OutputColumn {
    /// A column of the kept batches.
    Kept(usize),
    /// The result of a call.
    Result(usize),
}

/// The work of the operator.
struct Window {
    calls: Vec<VectorWindowCall>,
    /// The columns of the input that the output has.
    kept: Vec<usize>,
    columns: Vec<OutputColumn>,
    schema: SchemaRef,
    /// Rows of the input, if known.
    expected: Option<usize>,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
}

/// The vectors of an argument, and the calls that have it.
struct VectorArgument {
    expr: Arc<dyn PhysicalExpr>,
    calls: Vec<usize>,
    rows: VectorRows,
}

impl Window {
    /// Passes each batch of results to `send`, until that returns false.
    async fn run<F: Future<Output = bool>>(
        self,
        mut input: SendableRecordBatchStream,
        send: impl Fn(RecordBatch) -> F,
    ) -> Result<()> {
        let mut vectors = self.vectors();
        let mut batches = Vec::new();
        while let Some(batch) = input.next().await {
            let batch = batch?;
            for vector in &mut vectors {
                let column = vector.expr.evaluate(&batch)?.into_array(batch.num_rows())?;
                let reserve = |bytes| self.memory.try_grow(bytes);
                vector.rows.append(&column, &reserve)?;
            }
            let batch = batch.project(&self.kept)?;
            self.memory.try_grow(get_record_batch_memory_size(&batch))?;
            batches.push(batch);
        }
        let timer = self.metrics.elapsed_compute().timer();
        let results = self.results(vectors).await?;
        timer.done();
        let mut start = 0;
        for batch in batches {
            let rows = batch.num_rows();
            let column = |column: &OutputColumn| match column {
                OutputColumn::Kept(at) => Arc::clone(batch.column(*at)),
                OutputColumn::Result(call) => results[*call].slice(start, rows),
            };
            let columns = self.columns.iter().map(column).collect();
            start += rows;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let schema = Arc::clone(&self.schema);
            let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
            self.metrics.record_output(batch.num_rows());
            if !send(batch).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The different vectors of the calls, without rows.
    fn vectors(&self) -> Vec<VectorArgument> {
        let mut vectors: Vec<VectorArgument> = Vec::new();
        for (at, call) in self.calls.iter().enumerate() {
            let Some(expr) = call.args.first() else {
                continue;
            };
            match vectors.iter_mut().find(|known| known.expr.eq(expr)) {
                Some(known) => known.calls.push(at),
                None => vectors.push(VectorArgument {
                    expr: Arc::clone(expr),
                    calls: vec![at],
                    rows: VectorRows::new(call.function.name(), self.expected),
                }),
            }
        }
        vectors
    }

    /// One result for each call: a value for each row.
    async fn results(&self, vectors: Vec<VectorArgument>) -> Result<Vec<ArrayRef>> {
        // The copy that an algorithm makes.
        let largest = vectors.iter().map(|vector| vector.rows.size()).max();
        let of_copy = self.memory.new_empty();
        of_copy.try_grow(largest.unwrap_or(0))?;
        let calls = self.calls.clone();
        run_blocking_task(move || {
            let _of_copy = of_copy;
            let mut results: Vec<Option<ArrayRef>> = vec![None; calls.len()];
            for vector in vectors {
                let sorted = vector.rows.sorted();
                for at in vector.calls {
                    let call = &calls[at];
                    results[at] = Some(call.function()?.compute(&sorted, &call.args)?);
                }
            }
            match results.into_iter().collect() {
                Some(results) => Ok(results),
                None => internal_err!("a window function has no vector"),
            }
        })
        .await
    }
}
