//! Inference of one partition of the operator, chunk by chunk.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use tokio_util::sync::CancellationToken;

use super::cascade;
use super::chunk::Chunk;
use super::partition_languages::PartitionLanguages;
use super::physical_call::{ComputedColumn, PhysicalCall};
use super::task_call::TaskCall;
use super::task_student::TaskStudent;
use crate::error::to_datafusion;
use crate::functions::{
    BatchArguments, LoadedModel, RowAnswer, TaskRun, TextArgument, predict_labels, source_rows,
};
use crate::runtime::Runtime;
use crate::settings::Settings;
use semql_inference::encoding::{EncodeContext, EncodeRequest, Encoder, Meter};
use semql_language_models::CallReading;
use semql_learning::Student;

/// Bytes of a text in flight besides its vectors: the text itself, and its tokens.
const TEXT_BYTES: usize = 1024;

/// Bytes of a row that a student answers: places without a text, and its label.
const SETTLED_BYTES: usize = 64;

/// Computes the columns of the operator. Calls of the same model share one request.
pub struct PartitionInference {
    columns: Arc<[ComputedColumn]>,
    /// By column: the student that answers in place of the model.
    students: Vec<Option<Arc<Student>>>,
    schema: SchemaRef,
    models: Vec<ModelCalls>,
    tasks: Vec<TaskColumn>,
    /// `None` without a model.
    languages: Option<PartitionLanguages>,
    pub meter: Arc<Meter>,
    /// The token of the session.
    pub cancel_token: CancellationToken,
}

/// The calls of one model.
struct ModelCalls {
    runtime: Arc<Runtime>,
    settings: Settings,
    run: EncodeContext,
    /// Positions of the calls among the columns.
    columns: Vec<usize>,
}

/// A task of the operator.
struct TaskColumn {
    /// Position among the columns.
    column: usize,
    call: TaskCall,
    run: TaskRun,
    /// The student that answers in place of the language model.
    student: Option<Arc<TaskStudent>>,
}

/// A chunk whose texts are tokenized.
pub struct PreparedChunk {
    chunk: Chunk,
    /// By batch of the chunk and column: the call.
    calls: Vec<Vec<Option<BatchCall>>>,
    /// By model.
    requests: Vec<ModelRequest>,
    /// By task and batch of the chunk: the texts.
    task_texts: Vec<Vec<Vec<TextArgument>>>,
}

/// One call on one batch.
struct BatchCall {
    arguments: BatchArguments,
    /// By row: the label of the student, if it is certain.
    settled: Option<Vec<Option<u32>>>,
}

impl BatchCall {
    fn is_settled(&self, row: usize) -> bool {
        let settled = self.settled.as_ref();
        settled.is_some_and(|settled| settled[row].is_some())
    }
}

/// The texts of all calls of one model on a chunk.
struct ModelRequest {
    encoder: Arc<Encoder>,
    request: EncodeRequest,
    /// By batch and column: the offset of its texts in the request.
    offsets: Vec<Vec<usize>>,
}

impl PartitionInference {
    /// `cache_bytes` bounds the vectors that the nodes of a query share. `cancel` ends
    /// the inference.
    ///
    /// # Errors
    /// A cache that cannot be used.
    pub fn new(
        columns: &Arc<[ComputedColumn]>,
        schema: &SchemaRef,
        context: &Arc<TaskContext>,
        cache_bytes: usize,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let meter = Arc::<Meter>::default();
        let mut tasks = Vec::new();
        for (column, call) in columns.iter().enumerate() {
            let Some(call) = call.task() else {
                continue;
            };
            let (runtime, settings) = (&call.runtime, &call.settings);
            let calls = runtime.call_budgets().of(context, settings.max_calls);
            tasks.push(TaskColumn {
                column,
                call: call.clone(),
                run: TaskRun::new(runtime, settings, cancel, Some(calls))?,
                student: None,
            });
        }
        let mut models: Vec<ModelCalls> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let Some(call) = column.call() else {
                continue;
            };
            let same = |model: &&mut ModelCalls| {
                model.settings == call.settings && Arc::ptr_eq(&model.runtime, &call.runtime)
            };
            match models.iter_mut().find(same) {
                Some(model) => model.columns.push(at),
                None => models.push(ModelCalls {
                    runtime: Arc::clone(&call.runtime),
                    settings: call.settings.clone(),
                    run: call.run(&meter, cache_bytes, cancel)?,
                    columns: vec![at],
                }),
            }
        }
        let languages = models.first().map(|model| {
            let runtime = &model.runtime;
            PartitionLanguages::new(
                runtime,
                runtime.language_samples().of(context, Default::default),
            )
        });
        Ok(Self {
            columns: Arc::clone(columns),
            students: vec![None; columns.len()],
            schema: Arc::clone(schema),
            languages,
            models,
            tasks,
            meter,
            cancel_token: cancel.clone(),
        })
    }

    /// Adds the students that answer in place of the model, by column.
    pub fn with_students(self, students: Vec<Option<Arc<Student>>>) -> Self {
        Self { students, ..self }
    }

    /// Adds the students of language models, by column.
    pub fn with_task_students(mut self, students: &[Option<Arc<TaskStudent>>]) -> Self {
        for task in &mut self.tasks {
            task.student.clone_from(&students[task.column]);
        }
        self
    }

    /// Requests to language models so far.
    pub fn call_reading(&self) -> CallReading {
        let readings = self.tasks.iter().map(|task| task.run.reading());
        readings.fold(CallReading::default(), |sum, reading| sum + reading)
    }

    /// Bytes of a row in flight besides its own. Of the rows of a student, those count
    /// that are expected to go to the model.
    pub fn row_bytes(&self) -> usize {
        let dims = |call: &PhysicalCall| {
            let facts = call
                .runtime
                .facts_with_cancel(&call.settings, &self.cancel_token);
            facts.map_or(0, |facts| facts.dims)
        };
        let of_call = |(call, share): (&PhysicalCall, f64)| {
            let read = call.function.inputs_per_row() * (TEXT_BYTES + 2 * 4 * dims(call));
            SETTLED_BYTES + (read as f64 * share) as usize
        };
        self.call_shares().map(of_call).sum()
    }

    /// Share of the rows that a model is expected to answer, 0..1.
    pub fn model_share(&self) -> f64 {
        let shares = self.call_shares().map(|(_, share)| share);
        match self.tasks.is_empty() {
            true => shares.fold(0.0, f64::max),
            false => 1.0,
        }
    }

    /// The calls, with the share of the rows that their model is expected to answer.
    fn call_shares(&self) -> impl Iterator<Item = (&PhysicalCall, f64)> {
        let columns = self.columns.iter().zip(&self.students);
        columns.filter_map(|(column, student)| {
            let share = student.as_ref().map_or(1.0, |s| s.expected.escalated);
            Some((column.call()?, share))
        })
    }

    pub fn cancel(&self) {
        self.models.iter().for_each(|model| model.run.cancel());
    }

    /// Device and precision of the models; `None` until all of them have run.
    pub fn served_by(&self) -> Option<String> {
        let served_by = self.models.iter().map(|model| {
            let encoder = model.runtime.encoder(&model.settings).ok()?;
            let (device, precision) = (encoder.device()?, encoder.precision()?);
            Some(match encoder.placement() {
                Some(placement) => {
                    format!("device={device}, precision={precision}, placement=[{placement}]")
                }
                None => format!("device={device}, precision={precision}"),
            })
        });
        let mut served_by: Vec<String> = served_by.collect::<Option<_>>()?;
        served_by.dedup();
        (!served_by.is_empty()).then(|| served_by.join(", "))
    }

    /// Ends the sample of languages: this partition adds no more rows.
    pub fn end_languages(&self) {
        self.languages.as_ref().inspect(|languages| languages.end());
    }

    /// Records the speed for the estimates of later queries.
    pub fn record_rate(&self) {
        if let [only] = self.models.as_slice() {
            only.runtime
                .store_throughput(&only.settings, &self.meter.read());
        }
    }

    /// First stage: evaluates arguments, removes duplicates, tokenizes.
    ///
    /// # Errors
    /// Those of expressions, tokenizers and models.
    pub fn prepare(&self, chunk: Chunk) -> Result<PreparedChunk> {
        let mut calls = Vec::with_capacity(chunk.batches.len());
        for batch in &chunk.batches {
            let columns = self.columns.iter().zip(&self.students);
            let of_batch = columns.map(|(column, student)| match column {
                ComputedColumn::Call(call) => {
                    self.batch_call(call, student.as_deref(), batch).map(Some)
                }
                ComputedColumn::Plain(_) | ComputedColumn::Task(_) => Ok(None),
            });
            calls.push(of_batch.collect::<Result<Vec<_>>>()?);
        }
        let requests = self
            .models
            .iter()
            .map(|model| self.request(model, &calls))
            .collect::<Result<_>>()?;
        let of_task = |task: &TaskColumn| {
            let batches = chunk.batches.iter();
            batches.map(|batch| task.call.texts(batch)).collect()
        };
        let task_texts = self.tasks.iter().map(of_task).collect::<Result<_>>()?;
        Ok(PreparedChunk {
            chunk,
            calls,
            requests,
            task_texts,
        })
    }

    fn batch_call(
        &self,
        call: &PhysicalCall,
        student: Option<&Student>,
        batch: &RecordBatch,
    ) -> Result<BatchCall> {
        let arguments = call.arguments(batch)?;
        let (Some(student), Some(function)) = (student, call.function.as_label_classifier()) else {
            return Ok(BatchCall {
                arguments,
                settled: None,
            });
        };
        let predictions = student.predict(&cascade::student_rows(function, &arguments));
        let labels = predictions.labels.iter();
        let certain = labels.filter(|label| label.is_some()).count();
        self.meter
            .count_student(certain, arguments.rows, predictions.elapsed);
        Ok(BatchCall {
            arguments,
            settled: Some(predictions.labels),
        })
    }

    /// One request for the texts of all calls of a model.
    fn request(
        &self,
        model: &ModelCalls,
        calls: &[Vec<Option<BatchCall>>],
    ) -> Result<ModelRequest> {
        let encoder = model
            .runtime
            .encoder_with_cancel(&model.settings, model.run.cancel_token());
        let encoder = encoder.map_err(to_datafusion)?;
        let mut texts = Vec::new();
        let mut offsets = Vec::with_capacity(calls.len());
        for of_batch in calls {
            let mut of_columns = vec![0; self.columns.len()];
            for &column in &model.columns {
                of_columns[column] = texts.len();
                let (Some(batch_call), Some(call)) =
                    (&of_batch[column], self.columns[column].call())
                else {
                    continue;
                };
                if let Some(languages) = &self.languages {
                    languages.add(&encoder, &batch_call.arguments);
                }
                for row in 0..batch_call.arguments.rows {
                    if batch_call.is_settled(row) {
                        texts.extend((0..call.function.inputs_per_row()).map(|_| None));
                    } else {
                        call.function
                            .push_inputs(&batch_call.arguments, row, &mut texts);
                    }
                }
            }
            offsets.push(of_columns);
        }
        let request = encoder.prepare(&texts, &model.run).map_err(to_datafusion)?;
        Ok(ModelRequest {
            encoder,
            request,
            offsets,
        })
    }

    /// Second stage: runs the models, and returns the batches with the new columns.
    ///
    /// # Errors
    /// Those of the models and functions.
    pub fn infer(&self, prepared: PreparedChunk) -> Result<Vec<RecordBatch>> {
        let PreparedChunk {
            chunk,
            calls,
            requests,
            task_texts,
        } = prepared;
        let mut answers: Vec<Vec<Option<ArrayRef>>> =
            calls.iter().map(|of| vec![None; of.len()]).collect();
        for (model_calls, request) in self.models.iter().zip(requests) {
            let vectors = request.encoder.infer(request.request, &model_calls.run);
            let vectors = vectors.map_err(to_datafusion)?;
            let model = LoadedModel {
                runtime: &model_calls.runtime,
                encoder: &request.encoder,
                settings: &model_calls.settings,
                context: &model_calls.run,
            };
            for (batch, of_batch) in calls.iter().enumerate() {
                for &column in &model_calls.columns {
                    let (Some(batch_call), Some(call)) =
                        (&of_batch[column], self.columns[column].call())
                    else {
                        continue;
                    };
                    let arguments = &batch_call.arguments;
                    let (offset, width) = (
                        request.offsets[batch][column],
                        call.function.inputs_per_row(),
                    );
                    let vector = |row: usize, text: usize| vectors.get(offset + row * width + text);
                    let answer = match (&batch_call.settled, call.function.as_label_classifier()) {
                        (Some(settled), Some(function)) => {
                            predict_labels(function, arguments, &model, &vector, Some(settled))?
                        }
                        _ => call.function.compute(arguments, &model, &vector)?,
                    };
                    answers[batch][column] = Some(answer);
                }
            }
        }
        for (task, texts) in self.tasks.iter().zip(&task_texts) {
            let arrays = task.arrays(&chunk.batches, texts)?;
            for (answers, array) in answers.iter_mut().zip(arrays) {
                answers[task.column] = Some(array);
            }
        }
        let batches = chunk.batches.iter().zip(answers);
        batches
            .map(|(batch, answers)| self.add_columns(batch, answers))
            .collect()
    }

    fn add_columns(
        &self,
        batch: &RecordBatch,
        answers: Vec<Option<ArrayRef>>,
    ) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        for (answer, column) in answers.into_iter().zip(self.columns.iter()) {
            columns.push(match (answer, column) {
                (Some(answer), _) => answer,
                (None, ComputedColumn::Plain(expr)) => {
                    expr.evaluate(batch)?.into_array(batch.num_rows())?
                }
                (None, ComputedColumn::Call(_) | ComputedColumn::Task(_)) => {
                    return internal_err!("no model has answered {column:?}");
                }
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

impl TaskColumn {
    /// The results for the batches of a chunk, whose rows are answered together.
    fn arrays(
        &self,
        batches: &[RecordBatch],
        texts: &[Vec<TextArgument>],
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Vec::new();
        for (batch, texts) in batches.iter().zip(texts) {
            rows.extend(source_rows(texts, batch.num_rows()));
        }
        let (task, columns) = (&self.call.task, &self.call.columns);
        let answers = match &self.student {
            Some(student) => student.answer(task, &rows, columns, &self.run)?,
            None => task.answer(&rows, columns, &self.run.context)?,
        };
        self.run.record_failures(&answers)?;
        let answers: Vec<&RowAnswer> = answers.iter().collect();
        let mut start = 0;
        batches
            .iter()
            .map(|batch| {
                let range = start..start + batch.num_rows();
                start = range.end;
                task.array(&rows[range.clone()], columns, &answers[range])
            })
            .collect()
    }
}
