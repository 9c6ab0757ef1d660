//! Fast mode: a student answers for the model.
//!
//! All rows are buffered while a sample of them is drawn. The model answers the sample,
//! a student learns from it and answers the rest. Rows of which the student is not
//! certain go to the model. All rows do if the student has not learnt enough.

mod calls;
mod spill_buffer;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{internal_datafusion_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::scalar::ScalarValue;
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use self::calls::{CallCounter, call_counters};
use self::spill_buffer::SpillBuffer;
use super::blocking_task::run_blocking_task;
use super::metrics::InferMetrics;
use super::physical_call::{ComputedColumn, PhysicalCall};
use super::task_call::TaskCall;
use super::task_student::{MAX_TASK_SAMPLE, TaskStudent, train_on_answers};
use crate::error::to_datafusion;
use crate::functions::{
    BatchArguments, LabelClassifier, LoadedModel, TaskRun, TextArgument, classifier, source_rows,
};
use crate::options::cancel_token;
use crate::row_sample::{RowSample, RowTexts};
use crate::settings::{Mode, Settings};
use semql_inference::encoding::{EncodeContext, Encoder, Meter};
use semql_learning::{
    ExpectedAgreement, MAX_TEXTS, Student, StudentExample, StudentRequirements, StudentRow,
    TokenVectors,
};

/// Rows of a sample. The first sample has a row for every [`ROWS_PER_SAMPLED`] rows,
/// within `MIN_SAMPLE` and `MAX_FIRST_SAMPLE`. Later ones double up to `MAX_SAMPLE`.
const MIN_SAMPLE: usize = 512;
const MAX_FIRST_SAMPLE: usize = 2048;
const MAX_SAMPLE: usize = 4096;
const ROWS_PER_SAMPLED: usize = 100;

/// Fewest rows per row of the sample. With fewer, the model answers all rows.
const MIN_ROWS_PER_SAMPLED: usize = 4;

/// Rows of the first sample of `distinct` rows; `None` if they are too few to train a
/// student.
pub fn sample_size(distinct: usize) -> Option<usize> {
    let rows = (distinct / ROWS_PER_SAMPLED).clamp(MIN_SAMPLE, MAX_FIRST_SAMPLE);
    (distinct >= rows * MIN_ROWS_PER_SAMPLED).then_some(rows)
}

/// Whether a student may answer for the model in `columns[at]`.
pub fn applies(columns: &[ComputedColumn], at: usize) -> bool {
    let Some(call) = columns[at].call() else {
        return false;
    };
    let settings = &call.settings;
    settings.mode == Mode::Fast
        && settings.min_score.is_none()
        && call.function.as_label_classifier().is_some()
        && !is_read_anyway(columns, call)
}

/// Whether all rows are read before the first answer: to draw samples, or to count
/// the calls of language models.
pub fn buffers_input(columns: &[ComputedColumn]) -> bool {
    let by_task = |task: &TaskCall| task.is_fast() || task.counts_calls();
    (0..columns.len()).any(|at| applies(columns, at) || columns[at].task().is_some_and(by_task))
}

/// Whether another call sends the one text of this call to the model in any case.
fn is_read_anyway(columns: &[ComputedColumn], call: &PhysicalCall) -> bool {
    let of_all = |other: &PhysicalCall| {
        other.function.as_label_classifier().is_none()
            && other.settings == call.settings
            && call
                .args
                .first()
                .is_some_and(|text| other.args.contains(text))
    };
    call.function.inputs_per_row() == 1
        && columns.iter().filter_map(ComputedColumn::call).any(of_all)
}

type TrainingResult = std::result::Result<Arc<TrainedCascade>, Arc<DataFusionError>>;

/// Training of the students, which the partitions of an execution share.
#[derive(Clone)]
pub struct Cascade {
    trained: Shared<BoxFuture<'static, TrainingResult>>,
}

impl fmt::Debug for Cascade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cascade")
    }
}

/// The students, and the rows of all partitions.
pub struct TrainedCascade {
    /// By column: the student; `None` if the model answers all rows.
    pub students: Vec<Option<Arc<Student>>>,
    /// By column: the student of a language model.
    pub task_students: Vec<Option<Arc<TaskStudent>>>,
    partitions: Vec<Mutex<Option<SpillBuffer>>>,
    /// Rows and quality of the sample, for `EXPLAIN ANALYZE`.
    pub outcome: String,
}

impl Cascade {
    /// Starts when the result is first awaited.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        columns: Arc<[ComputedColumn]>,
        context: Arc<TaskContext>,
        metrics: ExecutionPlanMetricsSet,
        cache_bytes: usize,
    ) -> Self {
        let cancel = cancel_token(context.session_config().options());
        let trained = async move {
            let schema = input.schema();
            let query = Arc::clone(&context);
            let trained = match buffer(input, &columns, context, &metrics).await {
                Ok(buffered) => {
                    let resources = TrainingResources {
                        query,
                        metrics,
                        cache_bytes,
                        cancel,
                    };
                    train(buffered, columns, schema, resources).await
                }
                Err(error) => Err(error),
            };
            trained.map(Arc::new).map_err(Arc::new)
        };
        Self {
            trained: trained.boxed().shared(),
        }
    }

    /// The result of the training.
    ///
    /// # Errors
    /// Those of the input, the disk and the model.
    pub async fn trained(self) -> Result<Arc<TrainedCascade>> {
        self.trained.await.map_err(DataFusionError::Shared)
    }
}

impl TrainedCascade {
    /// The rows of a partition. They are returned once: a second execution of the
    /// operator has its own cascade.
    ///
    /// # Errors
    /// Those of reading spill files.
    pub fn rows(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        let slot = &self.partitions[partition];
        let buffer = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match buffer {
            Some(buffer) => buffer.read(),
            None => {
                internal_err!("the rows of partition {partition} of InferExec were read already")
            }
        }
    }
}

/// What the training of students uses.
struct TrainingResources {
    query: Arc<TaskContext>,
    metrics: ExecutionPlanMetricsSet,
    cache_bytes: usize,
    cancel: CancellationToken,
}

/// All rows, by column with a student a sample of them, and by column with a language
/// model the calls for all rows.
struct BufferedInput {
    buffers: Vec<SpillBuffer>,
    samples: Vec<Option<RowSample>>,
    calls: Vec<Option<CallCounter>>,
}

/// Reads all partitions to their ends.
async fn buffer(
    input: Arc<dyn ExecutionPlan>,
    columns: &Arc<[ComputedColumn]>,
    context: Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<BufferedInput> {
    let cancel = cancel_token(context.session_config().options());
    // All at the same time: the partitions of a repartitioning wait for each other.
    let mut tasks = Vec::new();
    for partition in 0..input.output_partitioning().partition_count() {
        let stream = input.execute(partition, Arc::clone(&context))?;
        let memory = MemoryConsumer::new(format!("InferRows[{partition}]"))
            .with_can_spill(true)
            .register(context.memory_pool());
        let schema: SchemaRef = input.schema();
        let buffer = SpillBuffer::new(schema, &context, metrics, partition, memory);
        let columns = Arc::clone(columns);
        tasks.push(SpawnedTask::spawn(buffer_partition(
            stream,
            buffer,
            columns,
            cancel.clone(),
        )));
    }
    let mut buffered = BufferedInput {
        buffers: Vec::new(),
        samples: samples(columns),
        calls: call_counters(columns, &cancel)?,
    };
    for task in tasks {
        let joined = task.join_unwind().await;
        let (buffer, samples, calls) = joined.map_err(|e| internal_datafusion_err!("{e}"))??;
        for (all, more) in buffered.calls.iter_mut().zip(calls) {
            if let (Some(all), Some(more)) = (all, more) {
                all.merge(more);
            }
        }
        buffered.buffers.push(buffer);
        for (all, more) in buffered.samples.iter_mut().zip(samples) {
            if let (Some(all), Some(more)) = (all, more) {
                all.merge(more);
            }
        }
    }
    Ok(buffered)
}

fn samples(columns: &[ComputedColumn]) -> Vec<Option<RowSample>> {
    let sample = |at: usize| {
        if let Some(task) = columns[at].task() {
            return task
                .is_fast()
                .then(|| RowSample::new(MAX_TASK_SAMPLE, task.settings.seed));
        }
        let call = columns[at].call()?;
        applies(columns, at).then(|| RowSample::new(MAX_SAMPLE, call.settings.seed))
    };
    (0..columns.len()).map(sample).collect()
}

async fn buffer_partition(
    mut stream: SendableRecordBatchStream,
    mut buffer: SpillBuffer,
    columns: Arc<[ComputedColumn]>,
    cancel: CancellationToken,
) -> Result<(
    SpillBuffer,
    Vec<Option<RowSample>>,
    Vec<Option<CallCounter>>,
)> {
    let mut samples = samples(&columns);
    let mut calls = call_counters(&columns, &cancel)?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        for (at, column) in columns.iter().enumerate() {
            let Some(task) = column.task() else {
                continue;
            };
            if samples[at].is_none() && calls[at].is_none() {
                continue;
            }
            let texts = task.texts(&batch)?;
            let rows = source_rows(&texts, batch.num_rows());
            if let Some(calls) = &mut calls[at] {
                calls.add_rows(task, &rows);
            }
            if let Some(sample) = &mut samples[at] {
                rows.into_iter().for_each(|row| sample.add_row(row));
            }
        }
        for (sample, column) in samples.iter_mut().zip(columns.iter()) {
            if let (Some(sample), Some(call)) = (sample, column.call()) {
                call.arguments(&batch)?
                    .row_texts()
                    .for_each(|row| sample.add_row(row));
            }
        }
        buffer.push(batch)?;
    }
    Ok((buffer, samples, calls))
}

async fn train(
    buffered: BufferedInput,
    columns: Arc<[ComputedColumn]>,
    schema: SchemaRef,
    resources: TrainingResources,
) -> Result<TrainedCascade> {
    let TrainingResources {
        query,
        metrics,
        cache_bytes,
        cancel,
    } = resources;
    for (column, calls) in columns.iter().zip(&buffered.calls) {
        if let (Some(task), Some(calls)) = (column.task(), calls) {
            calls.check(task, &query)?;
        }
    }
    let buffers = buffered.buffers.into_iter();
    let mut trained = TrainedCascade {
        students: vec![None; columns.len()],
        task_students: vec![None; columns.len()],
        partitions: buffers.map(|buffer| Mutex::new(Some(buffer))).collect(),
        outcome: String::new(),
    };
    for (at, sample) in buffered.samples.into_iter().enumerate() {
        if let (Some(sample), Some(task)) = (&sample, columns[at].task()) {
            let calls = task
                .runtime
                .call_budgets()
                .of(&query, task.settings.max_calls);
            let run = TaskRun::new(&task.runtime, &task.settings, &cancel, Some(calls))?;
            let (task, distinct) = (task.clone(), sample.distinct());
            let rows: Vec<RowTexts> = sample.first(MAX_TASK_SAMPLE).into_iter().cloned().collect();
            let training = move || {
                let trained = train_on_answers(&task, &rows, distinct, &run)?;
                Ok((trained, run.reading()))
            };
            let (trained_task, reading) = run_blocking_task(training).await?;
            InferMetrics::new(&metrics, 0).update_calls(&reading);
            columns[at]
                .task()
                .inspect(|task| task.runtime.add_notice(trained_task.notice.clone()));
            trained.outcome = trained_task.outcome;
            trained.task_students[at] = trained_task.student.map(Arc::new);
            continue;
        }
        let (Some(sample), Some(call)) = (sample, columns[at].call()) else {
            continue;
        };
        let (call, meter) = (call.clone(), Arc::<Meter>::default());
        let run = call.run(&meter, cache_bytes, &cancel)?;
        let _cancelled = CancelOnDrop(run.clone());
        // The labels are the same for all rows, and for an empty batch.
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        let labels = call.arguments(&empty)?.labels;
        let runtime = Arc::clone(&call.runtime);
        let training = move || train_on_samples(&call, labels, &sample, &run);
        let (student, outcome) = run_blocking_task(training).await?;
        InferMetrics::new(&metrics, 0).update(&meter);
        runtime.add_notice(outcome.notice());
        trained.outcome = outcome.to_string();
        trained.students[at] = student.map(Arc::new);
    }
    Ok(trained)
}

/// Cancels the run of the model once its result is no longer awaited.
struct CancelOnDrop(EncodeContext);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Outcome of the training of a student.
enum TrainingOutcome {
    TooFewRows {
        rows: usize,
    },
    Trained {
        rows: usize,
        expected: ExpectedAgreement,
    },
    LowAgreement {
        rows: usize,
        expected: ExpectedAgreement,
        min_agreement: f64,
    },
    NoStudent,
}

impl TrainingOutcome {
    /// The notice for users.
    fn notice(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match self {
            Self::TooFewRows { rows } => format!(
                "Fast mode: the model answered all rows, because there are only {rows} different ones."
            ),
            Self::Trained { rows, expected } => format!(
                "Fast mode: a student learnt from the model's answers to {rows} rows. It sends about {} of the rest \
                 to the model; about {} of the labels are the model's, by held-out rows (at least {}, with 95 % \
                 confidence).",
                percent(expected.escalated),
                percent(expected.agreement),
                percent(expected.lower_bound)
            ),
            Self::LowAgreement { rows, expected, min_agreement } => format!(
                "Fast mode: the model answered all rows. After {rows} rows and with {} of the rest for the model, the \
                 student agrees with the model on {} of held-out rows, and ai.fast_agreement requires {}.",
                percent(expected.escalated),
                percent(expected.agreement),
                percent(*min_agreement)
            ),
            Self::NoStudent => {
                "Fast mode: the model answered all rows, because no student could be trained on the sample.".to_string()
            }
        }
    }
}

/// The outcome in the operator's line of `EXPLAIN ANALYZE`.
impl fmt::Display for TrainingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trained { rows, expected } => write!(
                f,
                "mode=fast, sample={rows}, agreement~{:.3}, bound={:.3}, escalated~{:.3}",
                expected.agreement, expected.lower_bound, expected.escalated
            ),
            Self::LowAgreement { rows, expected, .. } => write!(
                f,
                "mode=exact after fast, sample={rows}, agreement~{:.3}, bound={:.3}",
                expected.agreement, expected.lower_bound
            ),
            Self::TooFewRows { .. } | Self::NoStudent => f.write_str("mode=exact after fast"),
        }
    }
}

/// Trains a student on the model's answers to a sample. Doubles the sample while the
/// student does not learn enough.
fn train_on_samples(
    call: &PhysicalCall,
    labels: Option<ScalarValue>,
    sample: &RowSample,
    run: &EncodeContext,
) -> Result<(Option<Student>, TrainingOutcome)> {
    let distinct = sample.distinct();
    let Some(mut rows) = sample_size(distinct) else {
        return Ok((None, TrainingOutcome::TooFewRows { rows: distinct }));
    };
    let Some(function) = call.function.as_label_classifier() else {
        return Ok((None, TrainingOutcome::NoStudent));
    };
    let settings = &call.settings;
    let encoder = call
        .runtime
        .encoder_with_cancel(settings, run.cancel_token())
        .map_err(to_datafusion)?;
    let tokens = TokenVectors::of(&encoder, run).map_err(to_datafusion)?;
    let tokens = tokens.map(Arc::new);
    loop {
        let arguments = sample_arguments(call, labels.clone(), &sample.first(rows))?;
        let student = train_student(call, function, &arguments, &encoder, tokens.clone(), run)?;
        let Some(student) = student else {
            return Ok((None, TrainingOutcome::NoStudent));
        };
        let expected = student.expected;
        if expected.is_sufficient {
            return Ok((Some(student), TrainingOutcome::Trained { rows, expected }));
        }
        if 2 * rows > MAX_SAMPLE || 2 * rows * MIN_ROWS_PER_SAMPLED > distinct {
            let outcome = TrainingOutcome::LowAgreement {
                rows,
                expected,
                min_agreement: settings.fast_agreement.get(),
            };
            return Ok((None, outcome));
        }
        rows *= 2;
    }
}

/// The sample as arguments of the call.
fn sample_arguments(
    call: &PhysicalCall,
    labels: Option<ScalarValue>,
    sample: &[&RowTexts],
) -> Result<BatchArguments> {
    let argument = |at: usize| {
        let texts: StringArray = sample.iter().map(|texts| texts[at].as_deref()).collect();
        TextArgument::new(&ColumnarValue::Array(Arc::new(texts)))
    };
    let texts = (0..call.function.spec().text_count()).map(argument);
    Ok(BatchArguments {
        texts: texts.collect::<Result<_>>()?,
        labels,
        rows: sample.len(),
    })
}

fn train_student(
    call: &PhysicalCall,
    function: &dyn LabelClassifier,
    arguments: &BatchArguments,
    encoder: &Arc<Encoder>,
    tokens: Option<Arc<TokenVectors>>,
    run: &EncodeContext,
) -> Result<Option<Student>> {
    let mut inputs = Vec::new();
    for row in 0..arguments.rows {
        call.function.push_inputs(arguments, row, &mut inputs);
    }
    let vectors = encoder.encode(&inputs, run).map_err(to_datafusion)?;
    let width = call.function.inputs_per_row();
    let model = LoadedModel {
        runtime: &call.runtime,
        encoder,
        settings: &call.settings,
        context: run,
    };
    let classifier = classifier(arguments, &model)?;
    let vector = |row: usize, input: usize| vectors.get(row * width + input);
    let examples: Vec<StudentExample<'_>> = student_rows(function, arguments)
        .into_iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let vector = function.row_vector(arguments, at, &vector)?;
            Some(StudentExample { row, vector })
        })
        .collect();
    let (texts, requirements) = (arguments.texts.len(), student_requirements(&call.settings));
    Ok(Student::train(
        &examples,
        texts,
        &classifier,
        encoder,
        tokens,
        requirements,
    ))
}

/// The quality that the settings require of a student.
fn student_requirements(settings: &Settings) -> StudentRequirements {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    StudentRequirements {
        agreement: settings.fast_agreement.get(),
        escalation: settings.fast_escalation.get(),
        threads: match settings.threads {
            0 => cores(),
            threads => threads,
        },
    }
}

/// The rows of a call as input of a student.
pub fn student_rows<'a>(
    function: &dyn LabelClassifier,
    call: &'a BatchArguments,
) -> Vec<StudentRow<'a>> {
    let row = |row: usize| StudentRow {
        texts: std::array::from_fn(|at| (at < call.texts.len()).then(|| call.text(at, row))?),
        head: function.head(call, row),
    };
    (0..call.rows).map(row).collect()
}

const _: () = assert!(MAX_TEXTS >= semql_inference::encoding::product_text::INPUTS);
