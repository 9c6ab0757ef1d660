//! Fast mode: a student answers for the model.
//!
//! All rows are buffered while a sample of them is drawn. The model answers the sample,
//! a student learns from it and answers the rest. Rows of which the student is not
//! certain go to the model. All rows do if the student has not learnt enough.

mod calls;
mod spill_buffer;
mod student_rows;
mod student_training;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{internal_datafusion_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use self::calls::{CallCounter, call_counters};
use self::spill_buffer::SpillBuffer;
pub use self::student_rows::student_rows;
use self::student_training::{MAX_SAMPLE, train_on_samples};
pub use self::student_training::{rows_read_in_training, sample_size, shortened_rows};
use super::blocking_task::run_blocking_task;
use super::metrics::InferMetrics;
use super::physical_call::{ComputedColumn, PhysicalCall};
use super::task_call::TaskCall;
use super::task_student::{MAX_TASK_SAMPLE, TaskStudent, train_on_answers};
use crate::functions::{TaskRun, source_rows};
use crate::options::cancel_token;
use crate::row_sample::{RowSample, RowTexts};
use crate::settings::Mode;
use semql_inference::encoding::{EncodeContext, Meter};
use semql_learning::Student;

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
