//! The operator: rows in, the same rows with the answers of calls out, in
//! order.
//!
//! Two stages run at the same time. The first reads a window of rows, works
//! out the calls' arguments and tokenizes their texts; the second takes the
//! window before it through the model.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use futures::TryStreamExt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ColumnStatistics, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, PhysicalExpr, PlanProperties,
    Statistics,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cascade::{self, Cascade};
use super::estimate::estimate;
use super::metrics::InferMetrics;
use super::window::{Share, Windows};
use super::work::{Prepared, Work};
use crate::error::Error;
use crate::functions::ModelFunction;
use crate::options::{Mode, Settings, cancel_token};
use crate::runtime::{ModelFacts, Runtime};

/// One column that the operator adds.
#[derive(Clone, Debug)]
pub enum Computed {
    Call(Box<PhysicalCall>),
    /// An expression that needs no model after all.
    Plain(Arc<dyn PhysicalExpr>),
}

impl Computed {
    pub fn call(&self) -> Option<&PhysicalCall> {
        match self {
            Computed::Call(call) => Some(call),
            Computed::Plain(_) => None,
        }
    }
}

/// A call with its arguments as expressions over the input.
#[derive(Clone)]
pub struct PhysicalCall {
    pub shown: String,
    pub function: &'static dyn ModelFunction,
    pub runtime: Arc<Runtime>,
    pub settings: Settings,
    pub args: Vec<Arc<dyn PhysicalExpr>>,
    /// The model that it was planned with.
    pub planned: Option<ModelFacts>,
}

impl PhysicalCall {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.function.shape().name
    }

    /// Refuses to answer with another model than the one that planned, which
    /// may have been in another process.
    ///
    /// # Errors
    /// [`Error::Setup`] for a model that is not here, or is not the same.
    fn check_model(&self, cancel: &CancellationToken) -> Result<()> {
        let Some(planned) = &self.planned else {
            return Ok(());
        };
        let here = self.runtime.facts_with_cancel(&self.settings, cancel)?;
        if here == *planned {
            return Ok(());
        }
        let shown = |facts: &ModelFacts| {
            format!(
                "revision {}, {} dimensions, {}, {}",
                facts.revision, facts.dims, facts.pooling, facts.precision
            )
        };
        let (model, there, here) = (&planned.name, shown(planned), shown(&here));
        Err(Error::Setup(format!(
            "the query was planned with the model {model} as {there}, and here it is {here}: \
             the same files have to be on every machine"
        ))
        .into())
    }
}

impl fmt::Debug for PhysicalCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The operator; see the module.
#[derive(Debug)]
pub struct InferExec {
    input: Arc<dyn ExecutionPlan>,
    columns: Arc<[Computed]>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// The device and precision that answered, once they have.
    served_by: Arc<OnceLock<String>>,
    /// Fast mode, once it has begun.
    cascade: OnceLock<Cascade>,
    /// Whether its input has to be in one partition.
    gathered: bool,
}

impl InferExec {
    /// `schema` is the input's with one more field for each of `columns`.
    pub fn new(input: Arc<dyn ExecutionPlan>, columns: Vec<Computed>, schema: SchemaRef) -> Self {
        Self::with(input, columns.into(), schema)
    }

    fn with(input: Arc<dyn ExecutionPlan>, columns: Arc<[Computed]>, schema: SchemaRef) -> Self {
        let before = input.properties();
        // The input's columns keep their places, and its rows their order.
        let orderings = before.eq_properties.oeq_class().iter().cloned();
        let equivalence = EquivalenceProperties::new_with_orderings(Arc::clone(&schema), orderings);
        let properties = PlanProperties::new(
            equivalence,
            input.output_partitioning().clone(),
            before.emission_type,
            before.boundedness,
        );
        Self {
            input,
            columns,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            served_by: Arc::default(),
            cascade: OnceLock::new(),
            gathered: false,
        }
    }

    /// The same, wanting all rows in one partition: where partitions are run by
    /// different processes, this is how fast mode draws its sample of all.
    pub fn gathered(self, gathered: bool) -> Self {
        Self { gathered, ..self }
    }

    /// Whether all rows are wanted in one partition.
    pub fn is_gathered(&self) -> bool {
        self.gathered
    }

    /// The columns that it adds.
    pub fn columns(&self) -> &[Computed] {
        &self.columns
    }

    /// Whether students may answer for a model, so that what becomes of a row
    /// hangs on the others.
    pub fn is_fast(&self) -> bool {
        (0..self.columns.len()).any(|at| cascade::applies(&self.columns, at))
    }

    fn calls(&self) -> impl Iterator<Item = &PhysicalCall> {
        self.columns.iter().filter_map(Computed::call)
    }

    /// Whether fast mode would change how long it takes: it answers with
    /// labels, and exactly.
    pub fn could_be_fast(&self) -> bool {
        self.calls()
            .any(|call| call.settings.mode == Mode::Exact && call.function.chooses().is_some())
    }

    /// What the partitions share in fast mode; `None` where no student applies.
    fn cascade(&self, context: &Arc<TaskContext>, kept_bytes: usize) -> Option<Cascade> {
        self.is_fast().then(|| {
            let cascade = self.cascade.get_or_init(|| {
                Cascade::new(
                    Arc::clone(&self.input),
                    Arc::clone(&self.columns),
                    Arc::clone(context),
                    self.metrics.clone(),
                    kept_bytes,
                )
            });
            cascade.clone()
        })
    }
}

/// Where a partition's rows come from.
enum Source {
    Input(SendableRecordBatchStream),
    Cascade(Cascade, usize),
}

/// What a partition needs to begin.
struct Begin {
    columns: Arc<[Computed]>,
    source: Source,
    work: Work,
    metrics: InferMetrics,
    memory: MemoryReservation,
    share: Share,
    served_by: Arc<OnceLock<String>>,
}

impl Begin {
    async fn answers(self) -> Result<Answers> {
        let (columns, cancel) = (Arc::clone(&self.columns), self.work.cancel_token.clone());
        let models = move || {
            let mut calls = columns.iter().filter_map(Computed::call);
            calls.try_for_each(|call| call.check_model(&cancel))
        };
        on_a_thread(models).await?;
        let (input, work, mode) = match self.source {
            Source::Input(input) => (input, self.work, None),
            Source::Cascade(cascade, partition) => {
                let ready = cascade.ready().await?;
                let work = self.work.with_students(ready.students.clone());
                (ready.rows(partition)?, work, Some(ready.shown.clone()))
            }
        };
        let windows = Windows::new(input, work.row_bytes(), self.share.window, self.memory);
        Ok(Answers {
            windows: Some(windows),
            prepared: None,
            metrics: self.metrics,
            mode,
            served_by: self.served_by,
            finished: VecDeque::new(),
            work: Arc::new(work),
        })
    }
}

impl DisplayAs for InferExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let calls: Vec<&str> = self.calls().map(|call| call.shown.as_str()).collect();
        write!(f, "InferExec: {}", calls.join(", "))?;
        match self.served_by.get() {
            Some(served_by) => write!(f, ", {served_by}"),
            None => match estimate(&self.input, &self.columns) {
                Some(estimate) => write!(f, ", {estimate}"),
                None => Ok(()),
            },
        }
    }
}

impl ExecutionPlan for InferExec {
    fn name(&self) -> &str {
        "InferExec"
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
        InputDistributionRequirements::new(vec![match self.gathered {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        }])
    }

    /// The partitions share the cores in any case, and few large windows
    /// batch better than many small ones.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for column in self.columns.iter() {
            let exprs = match column {
                Computed::Call(call) => call.args.as_slice(),
                Computed::Plain(expr) => std::slice::from_ref(expr),
            };
            for expr in exprs {
                if f(expr)? == TreeNodeRecursion::Stop {
                    return Ok(TreeNodeRecursion::Stop);
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        let (columns, schema) = (Arc::clone(&self.columns), Arc::clone(&self.schema));
        let exec = Self::with(input, columns, schema).gathered(self.gathered);
        Ok(Arc::new(exec))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let share = Share::of(
            context.memory_pool().as_ref(),
            self.properties.partitioning.partition_count(),
        );
        let cancel = cancel_token(context.session_config().options());
        let source = match self.cascade(&context, share.kept) {
            Some(cascade) => Source::Cascade(cascade, partition),
            None => Source::Input(self.input.execute(partition, Arc::clone(&context))?),
        };
        let begin = Begin {
            columns: Arc::clone(&self.columns),
            source,
            // Made before the first row is read: nodes that run one after the
            // other then hold on to the same vectors.
            work: Work::new(&self.columns, &self.schema, share.kept, &cancel)?,
            metrics: InferMetrics::new(&self.metrics, partition),
            memory: MemoryConsumer::new(format!("Infer[{partition}]"))
                .register(context.memory_pool()),
            share,
            served_by: Arc::clone(&self.served_by),
        };
        let batches = futures::stream::once(begin.answers())
            .map_ok(|answers| {
                futures::stream::try_unfold(answers, |mut answers| async move {
                    Ok(answers.next().await?.map(|batch| (batch, answers)))
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
        input: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = input[0].as_ref().clone();
        let unknown = self.columns.iter().map(|_| ColumnStatistics::new_unknown());
        statistics.column_statistics.extend(unknown);
        statistics.total_byte_size = datafusion::common::stats::Precision::Absent;
        Ok(Arc::new(statistics))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// The second stage, and what comes out of it.
struct Answers {
    /// The first stage, before anybody asked for a row.
    windows: Option<Windows>,
    prepared: Option<FirstStage>,
    work: Arc<Work>,
    metrics: InferMetrics,
    /// What fast mode came to.
    mode: Option<String>,
    served_by: Arc<OnceLock<String>>,
    finished: VecDeque<RecordBatch>,
}

/// The first stage at work: one window waits while another is in the model.
struct FirstStage {
    ready: mpsc::Receiver<Result<Prepared>>,
    _reader: SpawnedTask<()>,
}

impl FirstStage {
    fn start(mut windows: Windows, work: Arc<Work>) -> Self {
        let (sender, ready) = mpsc::channel(1);
        let reader = SpawnedTask::spawn(async move {
            loop {
                let prepared = match windows.next().await {
                    Ok(None) => return,
                    Ok(Some(window)) => {
                        let work = Arc::clone(&work);
                        on_a_thread(move || work.prepare(window)).await
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
            ready,
            _reader: reader,
        }
    }
}

impl Answers {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(windows) = self.windows.take() {
            self.prepared = Some(FirstStage::start(windows, Arc::clone(&self.work)));
        }
        loop {
            if let Some(batch) = self.finished.pop_front() {
                return Ok(Some(batch.record_output(&self.metrics.baseline)));
            }
            let prepared = match &mut self.prepared {
                Some(stage) => stage.ready.recv().await,
                None => None,
            };
            let Some(prepared) = prepared else {
                self.metrics.baseline.done();
                self.work.finished();
                return Ok(None);
            };
            let (work, prepared) = (Arc::clone(&self.work), prepared?);
            let finished = on_a_thread(move || work.infer(prepared)).await;
            self.metrics.update(&self.work.meter);
            if let Some(served_by) = self.work.served_by() {
                // The first window says what the others will.
                let mode = self.mode.iter().flat_map(|mode| [", ", mode]);
                let _ = self.served_by.set(served_by + &mode.collect::<String>());
            }
            self.finished = finished?.into();
        }
    }
}

/// Whoever stops reading stops the model, too.
impl Drop for Answers {
    fn drop(&mut self) {
        self.work.cancel();
    }
}

/// Runs what takes long where it holds up no other task.
pub async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match SpawnedTask::spawn_blocking(work).join().await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Interrupted.into()),
        },
    }
}
