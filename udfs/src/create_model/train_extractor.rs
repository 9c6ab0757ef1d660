//! Trains an extractor on the rows of a query.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use semql_learning::TokenVectors;
use semql_learning::extraction::model::{
    ExtractionExamples, ExtractionFeatures, TrainedExtractor, train_extractor as train,
};

use super::attribute_labels::check_attributes;
use super::extract_options::ExtractOptions;
use super::extraction_columns::ExtractionColumns;
use super::row_order::sort_rows;
use super::teacher::{labelled_by_language_model, teacher_task};
use super::training_context::TrainingContext;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

/// Trains an extractor of the attributes in the columns `labels` of `rows`.
///
/// # Errors
/// Missing columns, columns of other types, rows that do not fit into the memory pool,
/// labels that never occur in their texts; [`Error::Interrupted`] once the query is
/// cancelled.
pub async fn train_extractor(
    context: &TrainingContext<'_>,
    labels: &[String],
    options: &ExtractOptions,
    rows: SendableRecordBatchStream,
) -> Result<TrainedExtractor> {
    let columns = ExtractionColumns::with_labels(&rows.schema(), labels, options);
    let examples = read_examples(context, &columns.map_err(to_datafusion)?, rows).await?;
    blocking(|| fit(context, &examples, options))
}

/// Trains an extractor of `attributes` on answers of the language model `teacher` for
/// `rows`.
///
/// # Errors
/// Those of [`train_extractor`] and of the language model.
pub async fn distil_extractor(
    context: &TrainingContext<'_>,
    attributes: &[String],
    teacher: &str,
    options: &ExtractOptions,
    rows: SendableRecordBatchStream,
) -> Result<TrainedExtractor> {
    check_attributes(attributes.iter().map(String::as_str)).map_err(to_datafusion)?;
    let task = teacher_task(context.options, teacher, attributes)?;
    let columns = ExtractionColumns::without_labels(&rows.schema(), options);
    let examples = read_examples(context, &columns.map_err(to_datafusion)?, rows).await?;
    blocking(|| {
        let examples = labelled_by_language_model(context, &task, attributes, examples)?;
        let mut extractor = fit(context, &examples, options)?;
        extractor.metadata.teacher = Some(teacher.to_string());
        Ok(extractor)
    })
}

async fn read_examples(
    context: &TrainingContext<'_>,
    columns: &ExtractionColumns,
    rows: SendableRecordBatchStream,
) -> Result<ExtractionExamples> {
    let mut examples = columns.empty_examples();
    context
        .read_rows(rows, |batch| columns.add_rows(&mut examples, batch))
        .await?;
    sort_rows(&mut examples);
    Ok(examples)
}

fn fit(
    context: &TrainingContext<'_>,
    examples: &ExtractionExamples,
    options: &ExtractOptions,
) -> Result<TrainedExtractor> {
    check_labelled_rows(examples).map_err(to_datafusion)?;
    let features = options.training.features;
    let vectors = token_vectors(context.options, features).map_err(to_datafusion)?;
    let extractor = train(
        context.name,
        examples,
        &options.training,
        vectors,
        &context.progress,
    )
    .map_err(to_datafusion)?;
    let [(words, _), _] = ExtractionFeatures::ALL;
    if features == Some(ExtractionFeatures::TokenVectors) && extractor.metadata.features == words {
        let notice = "The extractor was trained on words alone, without token vectors.";
        context.options.runtime.add_notice(notice.to_string());
    }
    Ok(extractor)
}

/// # Errors
/// [`Error::Invalid`] for a single row with a value.
fn check_labelled_rows(examples: &ExtractionExamples) -> Result<(), Error> {
    let has_value = |row: &usize| {
        let mut columns = examples.values.iter();
        columns.any(|column| {
            column[*row]
                .as_ref()
                .is_some_and(|values| !values.is_empty())
        })
    };
    match (0..examples.rows()).filter(has_value).take(2).count() {
        1 => Err(Error::Invalid(format!(
            "a single row has a value of {}; label more rows",
            examples.attributes.join(", ")
        ))),
        _ => Ok(()),
    }
}

/// Token vectors of `ai.model`, if the statement requires them: they need the encoder.
fn token_vectors(
    options: &AiOptions,
    features: Option<ExtractionFeatures>,
) -> Result<Option<Arc<TokenVectors>>, Error> {
    if features != Some(ExtractionFeatures::TokenVectors) {
        return Ok(None);
    }
    let inference = options.inference();
    let encoder = inference.encoder()?;
    let vectors = TokenVectors::of(&encoder, &inference.encode_context()?)?;
    let vectors = vectors.ok_or_else(|| {
        Error::Invalid(format!(
            "the model {} has no vocabulary, so it has no token vectors; train with OPTIONS (features 'words')",
            options.settings.model
        ))
    })?;
    Ok(Some(Arc::new(vectors)))
}
