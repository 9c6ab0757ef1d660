//! What one partition of the operator does with a window of rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_plan::PhysicalExpr;
use tokio_util::sync::CancellationToken;

use super::cascade;
use super::exec::{Computed, PhysicalCall};
use super::window::Window;
use crate::functions::{Call, Model, chosen};
use crate::inference::cache::Setting as CacheSetting;
use crate::inference::{Encoder, Meter, Request, Run};
use crate::learning::Student;
use crate::options::Settings;
use crate::runtime::Runtime;

/// Bytes that a text takes while it is under way, beside its vectors: the
/// text as it is read, and its tokens.
const TEXT_BYTES: usize = 1024;

/// The columns to compute, those that ask the same model together.
pub struct Work {
    columns: Arc<[Computed]>,
    /// Per column, who answers in place of the model where it can.
    students: Vec<Option<Arc<Student>>>,
    schema: SchemaRef,
    models: Vec<Shared>,
    pub meter: Arc<Meter>,
    /// The token of the session that runs it.
    pub cancel_token: CancellationToken,
}

/// The calls that ask one model.
struct Shared {
    runtime: Arc<Runtime>,
    settings: Settings,
    run: Run,
    /// Positions among the columns.
    columns: Vec<usize>,
}

/// A window whose texts are ready for the model.
pub struct Prepared {
    window: Window,
    /// Per batch of the window and column, the arguments of the call.
    calls: Vec<Vec<Option<Asking>>>,
    /// Per model.
    requests: Vec<Asked>,
}

/// One call on one batch.
struct Asking {
    call: Call,
    /// Per row, the label that a student is sure of.
    settled: Option<Vec<Option<u32>>>,
}

impl Asking {
    fn is_settled(&self, row: usize) -> bool {
        let settled = self.settled.as_ref();
        settled.is_some_and(|settled| settled[row].is_some())
    }
}

struct Asked {
    encoder: Arc<Encoder>,
    request: Request,
    /// Per batch and column, where its texts begin in the request.
    starts: Vec<Vec<usize>>,
}

impl Work {
    /// `kept_bytes` is what the vectors that the nodes of a query share may take.
    /// The work ends once `cancel` is cancelled.
    ///
    /// # Errors
    /// A cache that cannot be used.
    pub fn new(
        columns: &Arc<[Computed]>,
        schema: &SchemaRef,
        kept_bytes: usize,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let meter = Arc::<Meter>::default();
        let mut models: Vec<Shared> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let Computed::Call(call) = column else {
                continue;
            };
            let same = |shared: &&mut Shared| {
                shared.settings == call.settings && Arc::ptr_eq(&shared.runtime, &call.runtime)
            };
            match models.iter_mut().find(same) {
                Some(shared) => shared.columns.push(at),
                None => models.push(Shared {
                    runtime: Arc::clone(&call.runtime),
                    settings: call.settings.clone(),
                    run: run(call, &meter, kept_bytes, cancel)?,
                    columns: vec![at],
                }),
            }
        }
        Ok(Self {
            columns: Arc::clone(columns),
            students: vec![None; columns.len()],
            schema: Arc::clone(schema),
            models,
            meter,
            cancel_token: cancel.clone(),
        })
    }

    /// The same with those who answer in place of the model, per column.
    pub fn with_students(self, students: Vec<Option<Arc<Student>>>) -> Self {
        Self { students, ..self }
    }

    /// Bytes that a row takes beside its own.
    pub fn row_bytes(&self) -> usize {
        let dims = |call: &PhysicalCall| {
            let facts = call
                .runtime
                .facts_with_cancel(&call.settings, &self.cancel_token);
            facts.map_or(0, |facts| facts.dims)
        };
        self.columns
            .iter()
            .filter_map(Computed::call)
            .map(|call| call.function.width() * (TEXT_BYTES + 2 * 4 * dims(call)))
            .sum()
    }

    pub fn cancel(&self) {
        self.models.iter().for_each(|shared| shared.run.cancel());
    }

    /// The device and precision of the models, once they have answered.
    pub fn served_by(&self) -> Option<String> {
        let served_by = self.models.iter().map(|shared| {
            let encoder = shared.runtime.encoder(&shared.settings).ok()?;
            let (device, precision) = (encoder.device()?, encoder.precision()?);
            Some(format!("device={device}, precision={precision}"))
        });
        let mut served_by: Vec<String> = served_by.collect::<Option<_>>()?;
        served_by.dedup();
        (!served_by.is_empty()).then(|| served_by.join(", "))
    }

    /// Remembers how fast it went, for the estimates of queries to come.
    pub fn finished(&self) {
        if let [only] = self.models.as_slice() {
            only.runtime.learn_rate(&only.settings, &self.meter.read());
        }
    }

    /// The first stage: arguments, distinct texts, tokens.
    pub fn prepare(&self, window: Window) -> Result<Prepared> {
        let mut calls = Vec::with_capacity(window.batches.len());
        for batch in &window.batches {
            let columns = self.columns.iter().zip(&self.students);
            let of_batch = columns.map(|(column, student)| match column {
                Computed::Call(call) => self.asking(call, student.as_deref(), batch).map(Some),
                Computed::Plain(_) => Ok(None),
            });
            calls.push(of_batch.collect::<Result<Vec<_>>>()?);
        }
        let requests = self
            .models
            .iter()
            .map(|shared| self.ask(shared, &calls))
            .collect::<Result<_>>()?;
        Ok(Prepared {
            window,
            calls,
            requests,
        })
    }

    fn asking(
        &self,
        of: &PhysicalCall,
        student: Option<&Student>,
        batch: &RecordBatch,
    ) -> Result<Asking> {
        let call = arguments(of, batch)?;
        let (Some(student), Some(function)) = (student, of.function.chooses()) else {
            return Ok(Asking {
                call,
                settled: None,
            });
        };
        let answers = student.answer(&cascade::rows(function, &call));
        let sure = answers
            .labels
            .iter()
            .filter(|label| label.is_some())
            .count();
        self.meter.learnt(sure, call.rows, answers.took);
        Ok(Asking {
            call,
            settled: Some(answers.labels),
        })
    }

    /// One request for the texts of all calls to a model.
    fn ask(&self, shared: &Shared, calls: &[Vec<Option<Asking>>]) -> Result<Asked> {
        let (runtime, run) = (&shared.runtime, &shared.run);
        let encoder = runtime.encoder_with_cancel(&shared.settings, run.cancel_token())?;
        let mut readings = Vec::new();
        let mut starts = Vec::with_capacity(calls.len());
        for of_batch in calls {
            let mut of_columns = vec![0; self.columns.len()];
            for &column in &shared.columns {
                of_columns[column] = readings.len();
                let (Some(asking), Some(of)) = (&of_batch[column], self.columns[column].call())
                else {
                    continue;
                };
                for row in 0..asking.call.rows {
                    if asking.is_settled(row) {
                        readings.extend((0..of.function.width()).map(|_| None));
                    } else {
                        of.function.readings(&asking.call, row, &mut readings);
                    }
                }
            }
            starts.push(of_columns);
        }
        let request = encoder.prepare(&readings, &shared.run)?;
        Ok(Asked {
            encoder,
            request,
            starts,
        })
    }

    /// The second stage: the model, and the answers as columns.
    pub fn infer(&self, prepared: Prepared) -> Result<Vec<RecordBatch>> {
        let Prepared {
            window,
            calls,
            requests,
        } = prepared;
        let mut answers: Vec<Vec<Option<ArrayRef>>> =
            calls.iter().map(|of| vec![None; of.len()]).collect();
        for (shared, asked) in self.models.iter().zip(requests) {
            let vectors = asked.encoder.infer(asked.request, &shared.run)?;
            let model = Model {
                encoder: &asked.encoder,
                settings: &shared.settings,
                run: &shared.run,
            };
            for (batch, of_batch) in calls.iter().enumerate() {
                for &column in &shared.columns {
                    let (Some(asking), Some(of)) = (&of_batch[column], self.columns[column].call())
                    else {
                        continue;
                    };
                    let call = &asking.call;
                    let (start, width) = (asked.starts[batch][column], of.function.width());
                    let vector =
                        |row: usize, reading: usize| vectors.get(start + row * width + reading);
                    let answer = match (&asking.settled, of.function.chooses()) {
                        (Some(settled), Some(function)) => {
                            chosen(function, call, &model, &vector, Some(settled))?
                        }
                        _ => of.function.answers(call, &model, &vector)?,
                    };
                    answers[batch][column] = Some(answer);
                }
            }
        }
        let batches = window.batches.iter().zip(answers);
        batches
            .map(|(batch, answers)| self.widen(batch, answers))
            .collect()
    }

    fn widen(&self, batch: &RecordBatch, answers: Vec<Option<ArrayRef>>) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        for (answer, column) in answers.into_iter().zip(self.columns.iter()) {
            columns.push(match (answer, column) {
                (Some(answer), _) => answer,
                (None, Computed::Plain(expr)) => {
                    expr.evaluate(batch)?.into_array(batch.num_rows())?
                }
                (None, Computed::Call(call)) => {
                    return datafusion::common::internal_err!("{call:?} was asked of no model");
                }
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// How a call asks its model: with the session's cache, and the vectors that
/// other nodes of the query had.
pub fn run(
    call: &PhysicalCall,
    meter: &Arc<Meter>,
    kept_bytes: usize,
    cancel: &CancellationToken,
) -> Result<Run> {
    let mut run = Run::new(&call.runtime, &call.settings)?.with_cancel(cancel);
    run.meter = Arc::clone(meter);
    // A cache in memory serves the nodes of one query as well.
    if call.settings.cache != CacheSetting::Memory {
        run.caches.insert(0, call.runtime.recent(kept_bytes));
    }
    Ok(run)
}

/// The arguments of a call on a batch.
pub fn arguments(call: &PhysicalCall, batch: &RecordBatch) -> Result<Call> {
    let evaluate = |arg: &Arc<dyn PhysicalExpr>| arg.evaluate(batch);
    let args = call.args.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
    Call::new(call.function.shape(), &args, batch.num_rows())
}
