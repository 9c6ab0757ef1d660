//! The operator: returns the rows of its input, in order, with a column for each call.
//!
//! Two stages run at the same time. The first reads a chunk of rows, evaluates the
//! arguments of the calls and tokenizes their texts. The second takes the previous
//! chunk through the model.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, FilterDescription, FilterPushdownPhase,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ColumnStatistics, DisplayAs, DisplayFormatType, Distribution,
    ExecutionPlan, InputDistributionRequirements, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, Statistics, apply_expression_roots,
};
use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::blocking_task::run_blocking_task;
use super::cascade::{self, Cascade};
use super::chunk::{ChunkReader, ChunkRows, MemoryBudget};
use super::estimate::InferenceEstimate;
use super::language_model_estimate::{LanguageModelEstimate, column_estimates};
use super::metrics::InferMetrics;
use super::partition_inference::{PartitionInference, PreparedChunk};
use super::physical_call::{ComputedColumn, PhysicalCall};
use super::task_call::TaskCall;
use crate::options::cancel_token;
use crate::settings::Mode;

/// The operator; see the module.
#[derive(Debug)]
pub struct InferExec {
    input: Arc<dyn ExecutionPlan>,
    columns: Arc<[ComputedColumn]>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Device and precision of the models, once they have run, and the outcome of fast
    /// mode.
    served_by: Arc<OnceLock<String>>,
    /// Fast mode of the current execution.
    cascade: Mutex<Option<CascadeExecution>>,
    single_input: bool,
}

/// A cascade, and the partitions that read its rows already.
#[derive(Debug)]
struct CascadeExecution {
    cascade: Cascade,
    started: Vec<bool>,
}

impl InferExec {
    /// `schema` is the schema of the input with one more field for each of `columns`.
    ///
    /// # Errors
    /// Equivalences of the input that do not hold for `schema`.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        columns: Vec<ComputedColumn>,
        schema: SchemaRef,
    ) -> Result<Self> {
        let columns: Arc<[ComputedColumn]> = columns.into();
        let properties = plan_properties(&input, &columns, &schema)?;
        Ok(Self::with_properties(
            input,
            columns,
            schema,
            Arc::new(properties),
        ))
    }

    fn with_properties(
        input: Arc<dyn ExecutionPlan>,
        columns: Arc<[ComputedColumn]>,
        schema: SchemaRef,
        properties: Arc<PlanProperties>,
    ) -> Self {
        Self {
            input,
            columns,
            schema,
            properties,
            metrics: ExecutionPlanMetricsSet::new(),
            served_by: Arc::default(),
            cascade: Mutex::default(),
            single_input: false,
        }
    }

    /// Sets whether the operator requires all rows in one partition. Fast mode needs
    /// that if partitions run in different processes, to sample all rows.
    pub fn with_single_input(self, single_input: bool) -> Self {
        Self {
            single_input,
            ..self
        }
    }

    /// Whether the operator requires all rows in one partition.
    pub fn has_single_input(&self) -> bool {
        self.single_input
    }

    /// The columns that the operator adds.
    pub fn columns(&self) -> &[ComputedColumn] {
        &self.columns
    }

    /// Whether students may answer for a model. The answers of a row then depend on the
    /// other rows.
    pub fn is_fast(&self) -> bool {
        is_fast(&self.columns)
    }

    /// Whether fast mode is off and could shorten the inference: a call returns labels.
    pub fn could_be_fast(&self) -> bool {
        self.calls().any(|call| {
            call.settings.mode == Mode::Exact && call.function.as_label_classifier().is_some()
        })
    }

    /// The estimate of the inference.
    pub fn estimate(&self) -> InferenceEstimate {
        InferenceEstimate::new(&self.input, &self.columns)
    }

    fn calls(&self) -> impl Iterator<Item = &PhysicalCall> {
        self.columns.iter().filter_map(ComputedColumn::call)
    }

    /// Device and precision of models that have run, else the estimate.
    fn served_by_or_estimate(&self) -> String {
        match self.served_by.get() {
            Some(served_by) => served_by.clone(),
            None => {
                // Without a call of an encoder, the estimate has nothing to say.
                let estimate = self.calls().next().map(|_| self.estimate().to_string());
                let mut estimates = Vec::from_iter(estimate);
                let models = column_estimates(&self.input, &self.columns);
                estimates.extend(models.iter().map(ToString::to_string));
                estimates.retain(|estimate| !estimate.is_empty());
                estimates.join(", ")
            }
        }
    }

    /// Models as they were planned, for verbose plans.
    fn planned_models(&self) -> Vec<String> {
        let models = self.calls().filter_map(|call| call.planned_model.as_ref());
        let models = models.map(|model| format!("{}@{}", model.name, model.revision));
        let mut models: Vec<String> = models.collect();
        models.dedup();
        models
    }

    /// The cascade of an execution of `partition`; `None` if no student applies. A
    /// partition that runs again starts another execution.
    fn cascade(
        &self,
        partition: usize,
        context: &Arc<TaskContext>,
        cache_bytes: usize,
    ) -> Option<Cascade> {
        if !cascade::buffers_input(&self.columns) {
            return None;
        }
        let mut current = self.cascade.lock().unwrap_or_else(PoisonError::into_inner);
        let running = current.take().filter(|running| !running.started[partition]);
        let execution = current.insert(running.unwrap_or_else(|| CascadeExecution {
            cascade: Cascade::new(
                Arc::clone(&self.input),
                Arc::clone(&self.columns),
                Arc::clone(context),
                self.metrics.clone(),
                cache_bytes,
            ),
            started: vec![false; self.properties.partitioning.partition_count()],
        }));
        execution.started[partition] = true;
        Some(execution.cascade.clone())
    }
}

fn is_fast(columns: &[ComputedColumn]) -> bool {
    let by_task = || {
        columns
            .iter()
            .filter_map(ComputedColumn::task)
            .any(TaskCall::is_fast)
    };
    (0..columns.len()).any(|at| cascade::applies(columns, at)) || by_task()
}

/// The properties of the input. They hold for the operator, since the columns of the
/// input keep their positions and the rows their order. The added columns are unknown.
fn plan_properties(
    input: &Arc<dyn ExecutionPlan>,
    columns: &[ComputedColumn],
    schema: &SchemaRef,
) -> Result<PlanProperties> {
    let child = input.properties();
    let known = &child.eq_properties;
    let orderings = known.oeq_class().iter().cloned();
    let mut equivalences = EquivalenceProperties::new_with_orderings(Arc::clone(schema), orderings)
        .with_constraints(known.constraints().clone());
    equivalences.add_equivalence_group(known.eq_group().clone())?;
    let emission = match cascade::buffers_input(columns) {
        // The sample is drawn from all rows.
        true => EmissionType::Final,
        false => child.emission_type,
    };
    let partitioning = child.partitioning.clone();
    Ok(PlanProperties::new(
        equivalences,
        partitioning,
        emission,
        child.boundedness,
    ))
}

/// Source of the rows of a partition.
enum RowSource {
    Input(SendableRecordBatchStream),
    Cascade(Cascade, usize),
}

/// A partition before its first row.
struct PartitionStart {
    columns: Arc<[ComputedColumn]>,
    source: RowSource,
    inference: PartitionInference,
    metrics: InferMetrics,
    memory: MemoryReservation,
    max_chunk_bytes: usize,
    served_by: Arc<OnceLock<String>>,
}

impl PartitionStart {
    async fn run(self) -> Result<PartitionStream> {
        let (columns, cancel) = (
            Arc::clone(&self.columns),
            self.inference.cancel_token.clone(),
        );
        let check_models = move || {
            let mut calls = columns.iter().filter_map(ComputedColumn::call);
            calls.try_for_each(|call| call.check_model(&cancel))
        };
        run_blocking_task(check_models).await?;
        let (input, inference, outcome) = match self.source {
            RowSource::Input(input) => (input, self.inference, None),
            RowSource::Cascade(cascade, partition) => {
                let trained = cascade.trained().await?;
                let inference = self
                    .inference
                    .with_students(trained.students.clone())
                    .with_task_students(&trained.task_students);
                (
                    trained.rows(partition)?,
                    inference,
                    Some(trained.outcome.clone()),
                )
            }
        };
        let rows = ChunkRows::of(inference.model_share());
        let row_bytes = inference.row_bytes();
        let chunks = ChunkReader::new(input, rows, row_bytes, self.max_chunk_bytes, self.memory);
        Ok(PartitionStream {
            chunks: Some(chunks),
            prepare_stage: None,
            metrics: self.metrics,
            outcome,
            served_by: self.served_by,
            finished: VecDeque::new(),
            inference: Arc::new(inference),
        })
    }
}

impl DisplayAs for InferExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let columns = self.columns.iter();
        let calls: Vec<&str> = columns.filter_map(ComputedColumn::display_name).collect();
        let calls = calls.join(", ");
        let inference = self.served_by_or_estimate();
        if let DisplayFormatType::TreeRender = format {
            write!(f, "calls={calls}")?;
            return match inference.is_empty() {
                true => Ok(()),
                false => write!(f, "\ninference={inference}"),
            };
        }
        write!(f, "InferExec: {calls}")?;
        if let DisplayFormatType::Verbose = format {
            write!(f, ", models=[{}]", self.planned_models().join(", "))?;
            write!(f, ", single_input={}", self.single_input)?;
        }
        match inference.is_empty() {
            true => Ok(()),
            false => write!(f, ", {inference}"),
        }
    }
}

impl ExecutionPlan for InferExec {
    fn name(&self) -> &str {
        Self::static_name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match self.single_input {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        }])
    }

    /// No: the partitions share the cores in any case, and few large chunks make better
    /// batches than many small ones.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(
            self.columns.iter().flat_map(|column| column.expressions()),
            f,
        )
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return internal_err!("InferExec has one input");
        };
        let (columns, schema) = (Arc::clone(&self.columns), Arc::clone(&self.schema));
        let properties = match options.children_properties {
            ChildrenPropertiesMode::Keep => Arc::clone(&self.properties),
            ChildrenPropertiesMode::Recompute => {
                Arc::new(plan_properties(&input, &columns, &schema)?)
            }
        };
        let exec = Self::with_properties(input, columns, schema, properties);
        Ok(Arc::new(exec.with_single_input(self.single_input)))
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
        let budget = MemoryBudget::of(
            context.memory_pool().as_ref(),
            self.properties.partitioning.partition_count(),
        );
        let cancel = cancel_token(context.session_config().options());
        let source = match self.cascade(partition, &context, budget.cache) {
            Some(cascade) => RowSource::Cascade(cascade, partition),
            None => RowSource::Input(self.input.execute(partition, Arc::clone(&context))?),
        };
        let start = PartitionStart {
            columns: Arc::clone(&self.columns),
            source,
            // Created before the first row is read, so that nodes that run one after
            // the other share their vectors.
            inference: PartitionInference::new(
                &self.columns,
                &self.schema,
                &context,
                budget.cache,
                &cancel,
            )?,
            metrics: InferMetrics::new(&self.metrics, partition),
            memory: MemoryConsumer::new(format!("Infer[{partition}]"))
                .register(context.memory_pool()),
            max_chunk_bytes: budget.chunk,
            served_by: Arc::clone(&self.served_by),
        };
        let batches = futures::stream::once(start.run())
            .map_ok(|stream| {
                futures::stream::try_unfold(stream, |mut stream| async move {
                    Ok(stream.next().await?.map(|batch| (batch, stream)))
                })
            })
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        )))
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
        let mut statistics = inputs[0].as_ref().clone();
        let unknown = self.columns.iter().map(|_| ColumnStatistics::new_unknown());
        statistics.column_statistics.extend(unknown);
        statistics.total_byte_size = Precision::Absent;
        Ok(Arc::new(statistics))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    /// Filters on columns of the input go to the input, dynamic ones too: rows that they
    /// remove need no inference. Not in fast mode, where they would change the sample.
    ///
    /// DataFusion maps the columns of a filter by name. A column is excluded if its name
    /// leads to another column of the input.
    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        if self.is_fast() {
            let children = self.children();
            return Ok(FilterDescription::all_unsupported(
                &parent_filters,
                &children,
            ));
        }
        let schema = self.input.schema();
        let fields = schema.fields().iter().enumerate();
        let unambiguous = fields
            .filter(|(at, field)| {
                schema
                    .index_of(field.name())
                    .is_ok_and(|first| first == *at)
            })
            .map(|(at, _)| at);
        let child = ChildFilterDescription::from_child_with_allowed_indices(
            &parent_filters,
            unambiguous.collect(),
            &self.input,
        )?;
        Ok(FilterDescription::new().with_child(child))
    }
}

/// The second stage of a partition, and its rows.
struct PartitionStream {
    /// Input of the first stage until it starts.
    chunks: Option<ChunkReader>,
    prepare_stage: Option<PrepareStage>,
    inference: Arc<PartitionInference>,
    metrics: InferMetrics,
    /// Outcome of fast mode.
    outcome: Option<String>,
    served_by: Arc<OnceLock<String>>,
    finished: VecDeque<RecordBatch>,
}

/// The first stage: prepares one chunk while another is in the model.
struct PrepareStage {
    prepared: mpsc::Receiver<Result<PreparedChunk>>,
    _task: SpawnedTask<()>,
}

impl PrepareStage {
    fn start(mut chunks: ChunkReader, inference: Arc<PartitionInference>) -> Self {
        let (sender, prepared) = mpsc::channel(1);
        let task = SpawnedTask::spawn(async move {
            loop {
                let prepared = match chunks.next().await {
                    Ok(None) => return,
                    Ok(Some(chunk)) => {
                        let inference = Arc::clone(&inference);
                        run_blocking_task(move || inference.prepare(chunk)).await
                    }
                    Err(error) => Err(error),
                };
                let failed = prepared.is_err();
                if sender.send(prepared).await.is_err() || failed {
                    return;
                }
            }
        });
        Self {
            prepared,
            _task: task,
        }
    }
}

impl PartitionStream {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(chunks) = self.chunks.take() {
            self.prepare_stage = Some(PrepareStage::start(chunks, Arc::clone(&self.inference)));
        }
        loop {
            if let Some(batch) = self.finished.pop_front() {
                return Ok(Some(batch.record_output(&self.metrics.baseline)));
            }
            let prepared = match &mut self.prepare_stage {
                Some(stage) => stage.prepared.recv().await,
                None => None,
            };
            let Some(prepared) = prepared else {
                self.metrics.baseline.done();
                self.inference.record_rate();
                self.inference.end_languages();
                return Ok(None);
            };
            let (inference, prepared) = (Arc::clone(&self.inference), prepared?);
            let finished = run_blocking_task(move || inference.infer(prepared)).await;
            self.metrics.update(&self.inference.meter);
            self.metrics.update_calls(&self.inference.call_reading());
            if let Some(served_by) = self.inference.served_by() {
                // All chunks run on the same device.
                let outcome = self.outcome.iter().flat_map(|outcome| [", ", outcome]);
                let _ = self.served_by.set(served_by + &outcome.collect::<String>());
            }
            self.finished = finished?.into();
        }
    }
}

/// Stops the model once the rows are no longer read.
impl Drop for PartitionStream {
    fn drop(&mut self) {
        self.inference.cancel();
        self.inference.end_languages();
    }
}

/// The estimates of all operators in a plan, from its root down.
pub fn estimates(plan: &dyn ExecutionPlan) -> Vec<InferenceEstimate> {
    let own = plan.downcast_ref::<InferExec>().map(InferExec::estimate);
    let children = plan.children().into_iter();
    let below = children.flat_map(|child| estimates(child.as_ref()));
    own.into_iter().chain(below).collect()
}

/// The estimates of the language models of all operators in a plan, from its root down.
pub fn language_model_estimates(plan: &Arc<dyn ExecutionPlan>) -> Vec<LanguageModelEstimate> {
    let own = plan.downcast_ref::<InferExec>();
    let own = own.map(|exec| column_estimates(&exec.input, &exec.columns));
    let below = plan
        .children()
        .into_iter()
        .flat_map(language_model_estimates);
    own.unwrap_or_default().into_iter().chain(below).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::filter_pushdown::PushedDown;

    use super::*;

    /// The operator over the columns `names`, with the computed column `added`.
    fn infer_over(names: &[&str]) -> InferExec {
        let fields = names
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true));
        let mut fields: Vec<Field> = fields.collect();
        let input = EmptyExec::new(Arc::new(Schema::new(fields.clone())));
        fields.push(Field::new("added", DataType::Int64, true));
        let columns = vec![ComputedColumn::Plain(lit(1_i64))];
        InferExec::try_new(Arc::new(input), columns, Arc::new(Schema::new(fields))).unwrap()
    }

    #[test]
    fn filters_on_columns_of_the_input_are_pushed_down() {
        let infer = infer_over(&["id", "title", "id"]);
        let filter = |name: &str, at: usize| -> Arc<dyn PhysicalExpr> {
            let column = Arc::new(Column::new(name, at));
            Arc::new(BinaryExpr::new(column, Operator::Gt, lit(1_i64)))
        };
        let filters = vec![
            filter("id", 0),
            filter("title", 1),
            // Its name leads to the first column.
            filter("id", 2),
            filter("added", 3),
        ];
        let config = ConfigOptions::new();
        let pushed = infer
            .gather_filters_for_pushdown(FilterPushdownPhase::Post, filters, &config)
            .unwrap();
        let pushed: Vec<bool> = pushed.parent_filters()[0]
            .iter()
            .map(|filter| matches!(filter.discriminant, PushedDown::Yes))
            .collect();
        assert_eq!(pushed, [true, true, false, false]);
    }

    #[test]
    fn estimates_include_all_operators() {
        let below: Arc<dyn ExecutionPlan> = Arc::new(infer_over(&["id"]));
        let mut fields = below.schema().fields().to_vec();
        fields.push(Arc::new(Field::new("more", DataType::Int64, true)));
        let columns = vec![ComputedColumn::Plain(lit(1_i64))];
        let schema = Arc::new(Schema::new(fields));
        let plan = InferExec::try_new(below, columns, schema).unwrap();
        assert_eq!(estimates(&plan).len(), 2);
    }
}
