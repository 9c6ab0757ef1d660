//! Trains a classifier on the rows of a query.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use semql_learning::text_classifier::{
    FeatureSet, RowVectorizer, TextClassifier, TrainingExamples, TrainingOptions, TrainingVectors,
    train,
};

use super::training_context::TrainingContext;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};

/// Largest number of text columns; model files number columns and kinds in a byte.
const MAX_COLUMNS: usize = 100;

/// Rows up to which token vectors are used by default; with more rows they add little.
const MAX_ROWS_WITH_VECTORS: usize = 20_000;

/// Trains a classifier of `labels` on `rows`. A step of progress is the training of a
/// binary classifier.
///
/// # Errors
/// Missing columns, rows that do not fit into the memory pool, a single label;
/// [`Error::Interrupted`] once the query is cancelled.
pub async fn train_classifier(
    context: &TrainingContext<'_>,
    labels: &[String],
    options: &TrainingOptions,
    rows: SendableRecordBatchStream,
) -> Result<TextClassifier> {
    let mut examples = empty_examples(labels, &rows.schema())?;
    context
        .read_rows(rows, |batch| add_rows(&mut examples, batch))
        .await?;
    blocking(|| {
        let vectors = vectors(context, options.features, &examples)?;
        train(context.name, &examples, options, vectors, &context.progress).map_err(to_datafusion)
    })
}

/// Vectors of the rows; `None` for n-grams alone.
fn vectors(
    context: &TrainingContext<'_>,
    required: Option<FeatureSet>,
    examples: &TrainingExamples,
) -> Result<Option<TrainingVectors>> {
    let options = context.options;
    let rows = examples.rows();
    let features = required.unwrap_or(match rows.len() {
        0..=MAX_ROWS_WITH_VECTORS => FeatureSet::TokenVectors,
        _ => FeatureSet::Ngrams,
    });
    let texts = rows.iter().flatten().flatten().copied();
    let vectorizer = RowVectorizer::for_training(
        features,
        &options.inference(),
        examples.columns.len(),
        texts,
    );
    let vectorizer = match vectorizer {
        Ok(vectorizer) => vectorizer,
        // The statement does not require vectors, and n-grams need no encoder.
        Err(Error::Setup(why) | Error::Forbidden(why)) if required.is_none() => {
            options.runtime.add_notice(format!(
                "trained on words alone, because no encoder is available: {why}"
            ));
            None
        }
        Err(error) => return Err(to_datafusion(error)),
    };
    let Some(vectorizer) = vectorizer else {
        return Ok(None);
    };
    // As computed, as stored, and as mapped by an adapter.
    let bytes = 3 * size_of::<f32>() * vectorizer.width() * rows.len();
    context.memory.try_grow(bytes).map_err(|e| {
        e.context("the vectors of the rows do not fit into memory; train with OPTIONS (features 'ngrams')")
    })?;
    let vectors = vectorizer
        .vectors(&rows, &options.inference())
        .map_err(to_datafusion)?;
    Ok(Some(TrainingVectors::new(&vectorizer, vectors)))
}

/// Examples with the columns of the query, without rows.
fn empty_examples(labels: &[String], schema: &SchemaRef) -> Result<TrainingExamples> {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    for label in labels {
        if !names.contains(&label.as_str()) {
            return Err(to_datafusion(Error::Invalid(format!(
                "the query has no column {label} to predict; it has {}",
                names.join(", ")
            ))));
        }
    }
    let columns: Vec<String> = names
        .iter()
        .filter(|name| !labels.iter().any(|label| label == *name))
        .map(|name| name.to_string())
        .collect();
    if columns.is_empty() {
        return Err(to_datafusion(Error::Invalid(
            "the query has no column to learn from beside the labels".to_string(),
        )));
    }
    if columns.len() > MAX_COLUMNS {
        return Err(to_datafusion(Error::Invalid(format!(
            "{} columns to learn from exceed the limit of {MAX_COLUMNS}",
            columns.len()
        ))));
    }
    Ok(TrainingExamples {
        texts: vec![Vec::new(); columns.len()],
        labels: vec![Vec::new(); labels.len()],
        columns,
        levels: labels.to_vec(),
    })
}

fn add_rows(examples: &mut TrainingExamples, batch: &RecordBatch) -> Result<()> {
    let texts = examples.columns.iter().zip(&mut examples.texts);
    let labels = examples.levels.iter().zip(&mut examples.labels);
    for (name, out) in texts.chain(labels) {
        let Some(column) = batch.column_by_name(name) else {
            continue;
        };
        let column = cast(column, &DataType::Utf8)?;
        let values = column.as_string::<i32>();
        out.extend((0..values.len()).map(|row| {
            let text = (!values.is_null(row)).then(|| values.value(row).trim())?;
            (!text.is_empty()).then(|| text.to_string())
        }));
    }
    Ok(())
}
