//! `CREATE MODEL`, `DESCRIBE MODEL`, `EXPORT MODEL` and `DROP MODEL`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use semql_udfs::AiOptions;
use semql_udfs::create_model::{self, CreateModel, ModelTarget};
use semql_udfs::inference::progress::ProgressSink;
use semql_udfs::learning::text_classifier::{self, LabelLevel, LabelScores, TextClassifier};
use semql_udfs::learning::trained_models::{TrainedModel, model_names};
use semql_udfs::plan::LanguageModelEstimate;

use super::context::StatementContext;
use super::extractor_quality::{extractor_quality, round};
use super::matcher_quality::{matcher_quality, matcher_weights};
use super::model_syntax::{DropModel, ExportModel};
use super::observer::{CountedWork, StatementObserver};
use super::outcome::Outcome;
use super::plan_start::report_call;
use super::{language_model, query};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tracking::{Tracker, TrackingTarget};

/// Runs `CREATE [OR REPLACE] MODEL`. The rows report its accuracy. Its run goes to the
/// tracking server of the statement or of the settings, if one is named.
///
/// # Errors
/// Those of the query, of training and of a tracking server that does not answer. An
/// existing model of the name is then unchanged.
pub async fn create(context: &StatementContext, create: &CreateModel) -> Result<Outcome> {
    let session = &context.session;
    session.policy.check_write("CREATE MODEL")?;
    let language_models = session.ai.language_models();
    if language_models.get(&create.name).is_some() {
        return Err(ShellError::of_kind(
            ErrorKind::Statement,
            format!(
                "there is already an external model called '{0}'; choose another name, or run DROP EXTERNAL MODEL {0}",
                create.name
            ),
        ));
    }
    create_model::check_name(create)?;
    let options = AiOptions::from_session(&session.ctx)
        .ok_or_else(|| ShellError::query("ai.* is not registered"))?;
    let target = TrackingTarget::of(&session.policy, &options.settings, &create.tracking)?;
    let plan = query::plan_query(session, create.query.clone()).await?;
    // Before any row is read, so that a wrong address fails at once.
    let tracker = match target {
        Some(target) => Some(open_tracker(context, target).await?),
        None => None,
    };
    let Outcome::Rows { stream, .. } = query::run_plan(context, plan).await? else {
        return Err(ShellError::query("the query of CREATE MODEL gives no rows"));
    };
    report_teacher(context, &create.target);
    let pool = &session.ctx.runtime_env().memory_pool;
    let progress = TrainingProgress {
        observer: &*context.observer,
        work: match create.target {
            ModelTarget::Predict { .. } => CountedWork::LabelBoundaries,
            ModelTarget::Extract { .. } | ModelTarget::Match { .. } => CountedWork::TrainingSteps,
        },
        steps: AtomicUsize::new(0),
    };
    let created = create_model::create(&options, pool, create, stream, &progress).await;
    context.observer.progress_ended();
    let created = created?;
    if let Some(tracker) = tracker {
        for notice in tracker.track(created.run, &created.file).await {
            context.observer.notice(&notice);
        }
    }
    Ok(Outcome::of_batch(match created.model {
        TrainedModel::Classifier(classifier) => summary(&classifier)?,
        TrainedModel::Extractor(extractor) => extractor_quality(&extractor.metadata)?,
        TrainedModel::Matcher(matcher) => matcher_quality(&matcher.metadata)?,
    }))
}

/// Asks the tracking server for the experiment.
async fn open_tracker(context: &StatementContext, target: TrackingTarget) -> Result<Tracker> {
    if target.sends_credentials_in_clear() {
        context.observer.notice(&format!(
            "The credentials for {} are sent without encryption, as it is not HTTPS.",
            target.shown_server()
        ));
    }
    Tracker::open(target).await
}

/// Reports the language model that labels the rows, if there is one.
fn report_teacher(context: &StatementContext, target: &ModelTarget) {
    let ModelTarget::Extract {
        teacher: Some(teacher),
        ..
    } = target
    else {
        return;
    };
    let Some(model) = context.session.ai.language_models().get(teacher) else {
        return;
    };
    // The number of rows is unknown before the query has run.
    let estimate = LanguageModelEstimate {
        model: teacher.clone(),
        location: model.options().location.to_string(),
        calls: None,
        tokens: None,
        is_sampled: false,
    };
    report_call(&*context.observer, &estimate);
}

/// Reports the steps of a training to an observer.
struct TrainingProgress<'a> {
    observer: &'a dyn StatementObserver,
    work: CountedWork,
    steps: AtomicUsize,
}

impl ProgressSink for TrainingProgress<'_> {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn step(&self, _label: &'static str, current: usize, _total: usize) {
        let done = match self.work {
            // The tasks of an extractor's training count their steps anew.
            CountedWork::TrainingSteps => self.steps.fetch_add(1, Relaxed) + 1,
            _ => current,
        };
        self.observer.work_counted(self.work, done);
    }
}

/// Runs `DESCRIBE MODEL`: its labels or attributes, and its accuracy on held-out rows; of a
/// matcher its weights.
///
/// # Errors
/// If there is no such model.
pub fn describe(session: &Session, name: &str) -> Result<Outcome> {
    if let Some(model) = session.ai.language_models().get(name) {
        return language_model::describe(&model);
    }
    Ok(Outcome::of_batch(
        match session.ai.trained_models().get(name)? {
            TrainedModel::Classifier(classifier) => label_quality(&classifier)?,
            TrainedModel::Extractor(extractor) => extractor_quality(&extractor.metadata)?,
            TrainedModel::Matcher(matcher) => matcher_weights(&matcher)?,
        },
    ))
}

fn label_quality(classifier: &TextClassifier) -> Result<RecordBatch> {
    let mut labels = Vec::new();
    for level in &classifier.metadata.levels {
        let scores = level.labels.iter().zip(&level.label_scores);
        labels.extend(scores.map(|(label, scores)| (level, label, scores)));
    }
    let text = |get: fn(usize, &[&str; 2]) -> String| -> ArrayRef {
        let values = labels.iter().enumerate();
        let values = values.map(|(at, (level, label, _))| Some(get(at, &[&level.column, label])));
        Arc::new(values.collect::<StringArray>())
    };
    let figure = |get: fn(&LabelScores) -> f64| -> ArrayRef {
        let values = labels.iter().map(|(_, _, scores)| Some(round(get(scores))));
        Arc::new(values.collect::<Float64Array>())
    };
    let held_out = labels.iter().map(|(_, _, scores)| Some(scores.rows as i64));
    Ok(RecordBatch::try_from_iter([
        ("predicts", text(|_, [level, _]| level.to_string())),
        ("label", text(|_, [_, label]| label.to_string())),
        (
            "held_out",
            Arc::new(held_out.collect::<Int64Array>()) as ArrayRef,
        ),
        ("precision", figure(|scores| scores.precision)),
        ("recall", figure(|scores| scores.recall)),
        ("f1", figure(|scores| scores.f1)),
    ])?)
}

/// Runs `DROP [EXTERNAL] MODEL [IF EXISTS] name`.
///
/// # Errors
/// If there is no such model, without `IF EXISTS`.
pub fn drop(session: &Session, statement: &DropModel) -> Result<Outcome> {
    session.policy.check_write("DROP MODEL")?;
    let name = &statement.name;
    if session.ai.language_models().remove(name) {
        return Ok(Outcome::done(format!("dropped external model {name}")));
    }
    if statement.is_external || !model_names().contains(name) {
        let kind = if statement.is_external {
            "external model"
        } else {
            "model"
        };
        let message = format!("there is no {kind} {name}");
        return match statement.if_exists {
            true => Ok(Outcome::done(message)),
            false => Err(ShellError::of_kind(ErrorKind::UndefinedObject, message)),
        };
    }
    session.ai.trained_models().remove(name)?;
    Ok(Outcome::done(format!("dropped model {name}")))
}

/// Runs `EXPORT MODEL name TO 'file.onnx'`.
///
/// # Errors
/// If there is no such model, it is not a classifier, or the file cannot be written.
pub fn export(session: &Session, statement: &ExportModel) -> Result<Outcome> {
    let file = Path::new(&statement.file);
    session.policy.check_write_path(file)?;
    match session.ai.trained_models().get(&statement.name)? {
        TrainedModel::Classifier(classifier) => text_classifier::export(&classifier, file)?,
        TrainedModel::Extractor(_) => return Err(cannot_export(&statement.name, "an extractor")),
        TrainedModel::Matcher(_) => return Err(cannot_export(&statement.name, "a matcher")),
    }
    Ok(Outcome::done(format!("wrote {}", statement.file)))
}

fn cannot_export(name: &str, kind: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::NotSupported,
        format!(
            "EXPORT MODEL writes classifiers, but {name} is {kind}; its file in the folder of models serves every semql"
        ),
    )
}

fn summary(classifier: &TextClassifier) -> Result<RecordBatch> {
    let (metadata, levels) = (&classifier.metadata, classifier.metadata.levels.iter());
    let names: StringArray = levels
        .clone()
        .map(|level| Some(level.column.as_str()))
        .collect();
    let labels: Int64Array = levels
        .clone()
        .map(|level| Some(level.labels.len() as i64))
        .collect();
    let same = |count: u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![count as i64; metadata.levels.len()]))
    };
    let figure = |get: fn(&LabelLevel) -> f64| -> ArrayRef {
        Arc::new(
            levels
                .clone()
                .map(|level| Some(round(get(level))))
                .collect::<Float64Array>(),
        )
    };
    Ok(RecordBatch::try_from_iter([
        ("predicts", Arc::new(names) as ArrayRef),
        ("labels", Arc::new(labels)),
        ("accuracy", figure(|level| level.accuracy)),
        ("macro_f1", figure(|level| level.macro_f1)),
        ("weighted_f1", figure(|level| level.weighted_f1)),
        ("held_out", same(metadata.held_out)),
        ("rows", same(metadata.rows)),
        ("left_out", same(metadata.skipped_rows)),
    ])?)
}
