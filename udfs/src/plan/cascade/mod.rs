//! Fast mode: a student answers for the model.
//!
//! All rows are set aside while a sample of them is drawn; the model answers
//! the sample, a student learns from it, and answers the rest. Rows of which it
//! is not certain go to the model, and all rows do where it has not learnt
//! enough.

mod sample;
mod spool;

use std::sync::{Arc, Mutex};

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{exec_datafusion_err, internal_datafusion_err};
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

use self::sample::{Sample, Texts};
use self::spool::Spool;
use super::exec::{Computed, PhysicalCall, on_a_thread};
use super::metrics::InferMetrics;
use super::work;
use crate::functions::{self, Call, ChoosesLabel, Model, classifier};
use crate::inference::{Encoder, Meter, Run};
use crate::learning::{Expected, Lesson, Row, Student, TEXTS, TokenVectors, Wanted};
use crate::options::{Mode, Settings, cancel_token};

/// Rows of the smallest and the largest sample. From a hundred rows for each
/// row of the sample on, a larger table gets a larger sample.
const LEAST_SAMPLE: usize = 512;
const FIRST_SAMPLE: usize = 2048;
const MOST_SAMPLE: usize = 4096;
const ROWS_PER_SAMPLED: usize = 100;

/// Where the sample would be a larger part of the rows, the model answers all.
const LEAST_PER_SAMPLED: usize = 4;

/// Rows that a sample of `distinct` rows begins with; `None` where there are
/// too few for a student to be worth its while.
pub fn sample_size(distinct: usize) -> Option<usize> {
    let rows = (distinct / ROWS_PER_SAMPLED).clamp(LEAST_SAMPLE, FIRST_SAMPLE);
    (distinct >= rows * LEAST_PER_SAMPLED).then_some(rows)
}

/// Whether a student may answer for the model in `columns[at]`.
pub fn applies(columns: &[Computed], at: usize) -> bool {
    let Some(call) = columns[at].call() else {
        return false;
    };
    let settings = &call.settings;
    settings.mode == Mode::Fast
        && settings.min_score.is_none()
        && call.function.chooses().is_some()
        && !read_anyway(columns, call)
}

/// Whether another call has the model read the one text of this call in any case.
fn read_anyway(columns: &[Computed], call: &PhysicalCall) -> bool {
    let of_all = |other: &PhysicalCall| {
        other.function.chooses().is_none()
            && other.settings == call.settings
            && call
                .args
                .first()
                .is_some_and(|text| other.args.contains(text))
    };
    call.function.width() == 1 && columns.iter().filter_map(Computed::call).any(of_all)
}

/// What the partitions of the operator share.
#[derive(Clone)]
pub struct Cascade {
    ready: Shared<BoxFuture<'static, std::result::Result<Arc<Ready>, Arc<DataFusionError>>>>,
}

impl std::fmt::Debug for Cascade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cascade")
    }
}

/// The rows, and who answers them.
pub struct Ready {
    /// Per column, the student; `None` where the model answers all rows.
    pub students: Vec<Option<Arc<Student>>>,
    partitions: Vec<Mutex<Option<Spool>>>,
    /// Rows in the sample and what it promises, as `EXPLAIN ANALYZE` shows it.
    pub shown: String,
}

impl Cascade {
    /// Begins once somebody waits for it.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        columns: Arc<[Computed]>,
        context: Arc<TaskContext>,
        metrics: ExecutionPlanMetricsSet,
        kept_bytes: usize,
    ) -> Self {
        let cancel = cancel_token(context.session_config().options());
        let ready = async move {
            let schema = input.schema();
            let gathered = gather(input, &columns, context, &metrics).await;
            let learnt = match gathered {
                Ok(gathered) => learn(gathered, columns, schema, metrics, kept_bytes, cancel).await,
                Err(error) => Err(error),
            };
            learnt.map(Arc::new).map_err(Arc::new)
        };
        Self {
            ready: ready.boxed().shared(),
        }
    }

    /// # Errors
    /// The input's, the disk's and the model's.
    pub async fn ready(self) -> Result<Arc<Ready>> {
        self.ready.await.map_err(DataFusionError::Shared)
    }
}

impl Ready {
    /// The rows of a partition; they can be had once.
    ///
    /// # Errors
    /// Those of reading what was set aside.
    pub fn rows(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        let place = &self.partitions[partition];
        let spool = place.lock().unwrap_or_else(|dead| dead.into_inner()).take();
        spool
            .ok_or_else(|| exec_datafusion_err!("partition {partition} of Infer was read twice"))?
            .read()
    }
}

/// All rows, and per column with a student a sample of them.
struct Gathered {
    spools: Vec<Spool>,
    samples: Vec<Option<Sample>>,
}

async fn gather(
    input: Arc<dyn ExecutionPlan>,
    columns: &Arc<[Computed]>,
    context: Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Gathered> {
    // All at the same time: partitions that come out of one repartitioning
    // wait for each other.
    let mut tasks = Vec::new();
    for partition in 0..input.output_partitioning().partition_count() {
        let stream = input.execute(partition, Arc::clone(&context))?;
        let memory = MemoryConsumer::new(format!("InferRows[{partition}]"))
            .with_can_spill(true)
            .register(context.memory_pool());
        let schema: SchemaRef = input.schema();
        let spool = Spool::new(schema, &context, metrics, partition, memory);
        let columns = Arc::clone(columns);
        tasks.push(SpawnedTask::spawn(gather_partition(stream, spool, columns)));
    }
    let mut gathered = Gathered {
        spools: Vec::new(),
        samples: samples(columns),
    };
    for task in tasks {
        let joined = task.join_unwind().await;
        let (spool, samples) = joined.map_err(|e| internal_datafusion_err!("{e}"))??;
        gathered.spools.push(spool);
        for (all, more) in gathered.samples.iter_mut().zip(samples) {
            if let (Some(all), Some(more)) = (all, more) {
                all.merge(more);
            }
        }
    }
    Ok(gathered)
}

fn samples(columns: &[Computed]) -> Vec<Option<Sample>> {
    let sample = |at: usize| {
        let call = columns[at].call()?;
        applies(columns, at).then(|| Sample::new(MOST_SAMPLE, call.settings.seed))
    };
    (0..columns.len()).map(sample).collect()
}

async fn gather_partition(
    mut stream: SendableRecordBatchStream,
    mut spool: Spool,
    columns: Arc<[Computed]>,
) -> Result<(Spool, Vec<Option<Sample>>)> {
    let mut samples = samples(&columns);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        for (sample, column) in samples.iter_mut().zip(columns.iter()) {
            if let (Some(sample), Some(call)) = (sample, column.call()) {
                sample.look(&work::arguments(call, &batch)?);
            }
        }
        spool.push(batch)?;
    }
    Ok((spool, samples))
}

async fn learn(
    gathered: Gathered,
    columns: Arc<[Computed]>,
    schema: SchemaRef,
    metrics: ExecutionPlanMetricsSet,
    kept_bytes: usize,
    cancel: CancellationToken,
) -> Result<Ready> {
    let mut ready = Ready {
        students: vec![None; columns.len()],
        partitions: Vec::new(),
        shown: String::new(),
    };
    let spools = gathered.spools.into_iter();
    ready.partitions = spools.map(|spool| Mutex::new(Some(spool))).collect();
    for (at, sample) in gathered.samples.into_iter().enumerate() {
        let (Some(sample), Some(call)) = (sample, columns[at].call()) else {
            continue;
        };
        let (call, meter) = (call.clone(), Arc::<Meter>::default());
        let run = work::run(&call, &meter, kept_bytes, &cancel)?;
        let _cancelled = CancelOnDrop(run.clone());
        // Which labels there are is the same for all rows, and for none.
        let labels = work::arguments(&call, &RecordBatch::new_empty(Arc::clone(&schema)))?.labels;
        let lesson = move || teach(&call, labels, &sample, &run);
        let (student, note) = on_a_thread(lesson).await?;
        InferMetrics::new(&metrics, 0).update(&meter);
        if let Some(call) = columns[at].call() {
            call.runtime.note(note.said());
        }
        ready.shown = note.shown();
        ready.students[at] = student.map(Arc::new);
    }
    Ok(ready)
}

/// Whoever stops waiting stops the model, too.
struct CancelOnDrop(Run);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// How the lesson went.
enum Note {
    Few {
        rows: usize,
    },
    Learnt {
        rows: usize,
        expected: Expected,
    },
    NotEnough {
        rows: usize,
        expected: Expected,
        wanted: f64,
    },
    Nothing,
}

impl Note {
    fn said(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match self {
            Note::Few { rows } => format!(
                "Fast mode: the model answered all rows, because there are only {rows} different ones."
            ),
            Note::Learnt { rows, expected } => format!(
                "Fast mode: a student learnt from the model's answers to {rows} rows. It sends about {} of the rest \
                 to the model; about {} of the labels are the model's, by held-out rows (at least {}, with 95 % \
                 confidence).",
                percent(expected.escalated),
                percent(expected.agreement),
                percent(expected.bound)
            ),
            Note::NotEnough { rows, expected, wanted } => format!(
                "Fast mode: the model answered all rows. After {rows} rows and with {} of the rest for the model, the \
                 student would say what the model says on {} of held-out rows, and ai.fast_agreement wants {}.",
                percent(expected.escalated),
                percent(expected.agreement),
                percent(*wanted)
            ),
            Note::Nothing => {
                "Fast mode: the model answered all rows, because the sample taught the student nothing.".to_string()
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Note::Learnt { rows, expected } => format!(
                "mode=fast, sample={rows}, agreement~{:.3}, bound={:.3}, escalated~{:.3}",
                expected.agreement, expected.bound, expected.escalated
            ),
            Note::NotEnough { rows, expected, .. } => format!(
                "mode=exact after fast, sample={rows}, agreement~{:.3}, bound={:.3}",
                expected.agreement, expected.bound
            ),
            Note::Few { .. } | Note::Nothing => "mode=exact after fast".to_string(),
        }
    }
}

/// Has the model answer a sample, and a student learn from it; a larger sample
/// where the student does not learn enough.
fn teach(
    call: &PhysicalCall,
    labels: Option<ScalarValue>,
    sample: &Sample,
    run: &Run,
) -> Result<(Option<Student>, Note)> {
    let distinct = sample.distinct();
    let Some(mut rows) = sample_size(distinct) else {
        return Ok((None, Note::Few { rows: distinct }));
    };
    let Some(function) = call.function.chooses() else {
        return Ok((None, Note::Nothing));
    };
    let settings = &call.settings;
    let encoder = call
        .runtime
        .encoder_with_cancel(settings, run.cancel_token())?;
    let tokens = TokenVectors::of(&encoder, run)?.map(Arc::new);
    loop {
        let texts = questions(call, labels.clone(), &sample.first(rows))?;
        let student = lesson(call, function, &texts, &encoder, tokens.clone(), run)?;
        let Some(student) = student else {
            return Ok((None, Note::Nothing));
        };
        let expected = student.expected;
        if expected.enough {
            return Ok((Some(student), Note::Learnt { rows, expected }));
        }
        rows *= 2;
        if rows > MOST_SAMPLE || rows * LEAST_PER_SAMPLED > distinct {
            let (rows, wanted) = (rows / 2, settings.fast_agreement.get());
            return Ok((
                None,
                Note::NotEnough {
                    rows,
                    expected,
                    wanted,
                },
            ));
        }
    }
}

/// The sample as arguments of the call.
fn questions(call: &PhysicalCall, labels: Option<ScalarValue>, sample: &[&Texts]) -> Result<Call> {
    let argument = |at: usize| {
        let texts: StringArray = sample.iter().map(|texts| texts[at].as_deref()).collect();
        functions::Texts::new(&ColumnarValue::Array(Arc::new(texts)))
    };
    let texts = (0..call.function.shape().texts()).map(argument);
    Ok(Call {
        texts: texts.collect::<Result<_>>()?,
        labels,
        rows: sample.len(),
    })
}

fn lesson(
    call: &PhysicalCall,
    function: &dyn ChoosesLabel,
    asked: &Call,
    encoder: &Arc<Encoder>,
    tokens: Option<Arc<TokenVectors>>,
    run: &Run,
) -> Result<Option<Student>> {
    let mut readings = Vec::new();
    for row in 0..asked.rows {
        call.function.readings(asked, row, &mut readings);
    }
    let vectors = encoder.encode(&readings, run)?;
    let width = call.function.width();
    let model = Model {
        encoder,
        settings: &call.settings,
        run,
    };
    let classifier = classifier(asked, &model)?;
    let vector = |row: usize, reading: usize| vectors.get(row * width + reading);
    let lessons: Vec<Lesson<'_>> = rows(function, asked)
        .into_iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let vector = function.vector(asked, at, &vector)?;
            Some(Lesson { row, vector })
        })
        .collect();
    let (texts, wanted) = (asked.texts.len(), wanted(&call.settings));
    Ok(Student::train(
        &lessons,
        texts,
        &classifier,
        encoder,
        tokens,
        wanted,
    ))
}

fn wanted(settings: &Settings) -> Wanted {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    Wanted {
        agreement: settings.fast_agreement.get(),
        escalation: settings.fast_escalation.get(),
        threads: match settings.threads {
            0 => cores(),
            threads => threads,
        },
    }
}

/// What a student sees of the rows of a call.
pub fn rows<'a>(function: &dyn ChoosesLabel, call: &'a Call) -> Vec<Row<'a>> {
    let row = |row: usize| Row {
        texts: std::array::from_fn(|at| (at < call.texts.len()).then(|| call.text(at, row))?),
        head: function.head(call, row),
    };
    (0..call.rows).map(row).collect()
}

const _: () = assert!(TEXTS >= crate::inference::offer::READINGS);
