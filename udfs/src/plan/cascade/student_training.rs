//! Training of the student of a model, on the model's answers to a sample.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::StringArray;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

use super::student_rows::student_rows;
use crate::error::to_datafusion;
use crate::functions::{BatchArguments, LabelClassifier, LoadedModel, TextArgument, classifier};
use crate::plan::physical_call::PhysicalCall;
use crate::row_sample::{RowSample, RowTexts};
use crate::settings::Settings;
use semql_inference::encoding::EncodeContext;
use semql_inference::parallel::cores;
use semql_learning::extraction::has_text;
use semql_learning::{
    ExpectedAgreement, SampleWords, Student, StudentExample, StudentRequirements, StudentRow,
    StudentTraining, TokenVectors,
};

/// Rows of a sample. The first sample has a row for every [`ROWS_PER_SAMPLED`] rows,
/// within `MIN_SAMPLE` and `MAX_FIRST_SAMPLE`. Later ones double up to `MAX_SAMPLE`.
const MIN_SAMPLE: usize = 400;
const MAX_FIRST_SAMPLE: usize = 2048;
pub const MAX_SAMPLE: usize = 4096;
const ROWS_PER_SAMPLED: usize = 140;

/// Fewest rows per row of the sample. With fewer, the model answers all rows.
const MIN_ROWS_PER_SAMPLED: usize = 4;

/// Beginnings of further rows that the model reads, for each row of the first sample. They
/// teach the student what words mean for the model, at a fraction of the time.
const SHORTENED_PER_SAMPLED: usize = 3;

/// Words of a shortened row, about as many as a title has.
const SHORTENED_WORDS: usize = 24;

/// Further rows that show how frequent labels and doubts are.
const MAX_OTHERS: usize = 1024;

/// Rows of the first sample for each row that goes to the model even if the student agrees
/// often enough: the most doubtful ones, and of rare labels more than of others.
const SAMPLED_PER_ESCALATED: usize = 8;

/// Model time until a student is trained, in times of that for the sample: the model also
/// reads beginnings of other rows, and words.
const TRAINING_PER_SAMPLE: f64 = 1.6;

/// Rows of the first sample of `distinct` rows; `None` if they are too few to train a
/// student.
pub fn sample_size(distinct: usize) -> Option<usize> {
    let rows = (distinct / ROWS_PER_SAMPLED).clamp(MIN_SAMPLE, MAX_FIRST_SAMPLE);
    (distinct >= rows * MIN_ROWS_PER_SAMPLED).then_some(rows)
}

/// Rows that a model reads in the time that it takes to train a student of `distinct` rows;
/// `None` if they are too few.
pub fn rows_read_in_training(distinct: usize) -> Option<f64> {
    Some(TRAINING_PER_SAMPLE * sample_size(distinct)? as f64)
}

/// Outcome of the training of a student.
pub enum TrainingOutcome {
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
    pub fn notice(&self) -> String {
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
pub fn train_on_samples(
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
    let model = LoadedModel {
        runtime: &call.runtime,
        encoder: &encoder,
        settings,
        context: run,
    };
    let pool = sample.first(MAX_SAMPLE);
    let first_shortened = pool.len() - shortened_rows(rows, pool.len());
    let shortened: Vec<RowTexts> = pool[first_shortened..]
        .iter()
        .map(|row| shortened(row))
        .collect();
    let shortened = sample_arguments(call, labels.clone(), &shortened)?;
    let pool = sample_arguments(call, labels, &pool)?;
    let classifier = classifier(&pool, &model)?;
    let texts = pool.texts.len();
    let pool_rows = student_rows(function, &pool);
    let shortened_rows = student_rows(function, &shortened);
    let mut words = SampleWords::of(&pool_rows, texts);
    if let Some(tokens) = TokenVectors::of(&encoder, run).map_err(to_datafusion)? {
        words = words
            .with_vectors(&encoder, Arc::new(tokens), run)
            .map_err(to_datafusion)?;
    }
    let mut training = StudentTraining {
        rows: Vec::new(),
        shortened: examples(
            call,
            function,
            &shortened,
            &shortened_rows,
            0..shortened.rows,
            &model,
        )?,
        others: &[],
        words: &words,
        texts,
    };
    let min_escalation = (rows / SAMPLED_PER_ESCALATED) as f64 / distinct as f64;
    let requirements = student_requirements(settings, min_escalation);
    let mut read = 0;
    loop {
        let more = examples(call, function, &pool, &pool_rows, read..rows, &model)?;
        training.rows.extend(more);
        read = rows;
        training.others = &pool_rows[rows..pool.rows.min(rows + MAX_OTHERS)];
        if rows > first_shortened {
            // A row that is held out must not be learnt from by its beginning.
            training.shortened.clear();
        }
        let student = Student::train(&training, &classifier, &encoder, requirements);
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

/// Number of shortened rows beside the first sample of `rows`, of `distinct` rows.
pub fn shortened_rows(rows: usize, distinct: usize) -> usize {
    (rows * SHORTENED_PER_SAMPLED).min(distinct.min(MAX_SAMPLE) - rows)
}

/// The beginning of the first text of a row.
fn shortened(row: &RowTexts) -> RowTexts {
    let first = row.iter().position(|text| has_text(&[text.as_deref()]));
    let beginning = |at: usize| {
        let text = row[at].as_deref().filter(|_| Some(at) == first)?;
        let words: Vec<&str> = text.split_whitespace().take(SHORTENED_WORDS).collect();
        Some(words.join(" "))
    };
    (0..row.len()).map(beginning).collect()
}

/// The sample as arguments of the call.
fn sample_arguments(
    call: &PhysicalCall,
    labels: Option<ScalarValue>,
    sample: &[impl Borrow<RowTexts>],
) -> Result<BatchArguments> {
    let argument = |at: usize| {
        let texts: StringArray = sample
            .iter()
            .map(|texts| texts.borrow()[at].as_deref())
            .collect();
        TextArgument::new(&ColumnarValue::Array(Arc::new(texts)))
    };
    let texts = (0..call.function.spec().text_count()).map(argument);
    Ok(BatchArguments {
        texts: texts.collect::<Result<_>>()?,
        labels,
        rows: sample.len(),
    })
}

/// The `rows` of a range of the arguments as the model reads them; without those on which
/// it failed.
fn examples<'a>(
    call: &PhysicalCall,
    function: &dyn LabelClassifier,
    arguments: &BatchArguments,
    rows: &[StudentRow<'a>],
    range: Range<usize>,
    model: &LoadedModel<'_>,
) -> Result<Vec<StudentExample<'a>>> {
    let mut inputs = Vec::new();
    for row in range.clone() {
        call.function.push_inputs(arguments, row, &mut inputs);
    }
    let read = model.encoder.encode(&inputs, model.context);
    let vectors = read.map_err(to_datafusion)?;
    let width = call.function.inputs_per_row();
    let vector = |row: usize, input: usize| vectors.get((row - range.start) * width + input);
    let example = |at: usize| {
        let vector = function.row_vector(arguments, at, &vector)?;
        Some(StudentExample {
            row: rows[at],
            vector,
        })
    };
    Ok(range.clone().filter_map(example).collect())
}

/// The quality that the settings require of a student.
fn student_requirements(settings: &Settings, min_escalation: f64) -> StudentRequirements {
    StudentRequirements {
        agreement: settings.fast_agreement.get(),
        min_escalation,
        max_escalation: settings.fast_escalation.get(),
        threads: match settings.threads {
            0 => cores(),
            threads => threads,
        },
    }
}
