//! Trains a classifier on the rows of a query, and stores it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::StreamExt;

use semql_inference::cancellation::Cancellation;
use semql_inference::progress::ProgressSink;
use semql_learning::text_classifier::{
    FeatureSet, Predictor, RowVectorizer, TrainingExamples, TrainingVectors, classifier_exists,
    train,
};

use super::CreateModel;
use crate::blocking::blocking;
use crate::error::Error;
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// Memory of a training relative to the rows: the n-grams of their texts.
const MEMORY_PER_ROW_BYTE: usize = 12;

/// Largest number of text columns; model files number columns and kinds in a byte.
const MAX_COLUMNS: usize = 100;

/// Rows up to which token vectors are used by default; with more rows they add little.
const MAX_ROWS_WITH_VECTORS: usize = 20_000;

/// Trains the classifier of a statement on the `rows` of its query, and stores it.
/// A step of `progress` is the training of a binary classifier.
///
/// # Errors
/// An existing model without `OR REPLACE`, missing columns, rows that do not fit into
/// the memory pool, a single label; [`Error::Interrupted`] once `progress` or `options`
/// is cancelled or the runtime interrupted. An existing model is then unchanged.
pub async fn create(
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    create: &CreateModel,
    rows: SendableRecordBatchStream,
    progress: &dyn ProgressSink,
) -> Result<Arc<Predictor>> {
    if classifier_exists(&create.name).map_err(to_datafusion)? && !create.replace {
        return Err(to_datafusion(Error::Invalid(format!(
            "there is already a model called '{0}'; use CREATE OR REPLACE MODEL {0} to replace it",
            create.name
        ))));
    }
    let memory = MemoryConsumer::new("CreateModel").register(pool);
    let mut examples = empty_examples(create, &rows.schema())?;
    let cancellation = options.cancellation();
    let mut rows = rows;
    while let Some(batch) = cancellation.run(rows.next()).await.map_err(to_datafusion)? {
        let batch = batch?;
        memory
            .try_grow(get_record_batch_memory_size(&batch) * MEMORY_PER_ROW_BYTE)
            .map_err(|e| {
                e.context("the training rows do not fit into memory; train on a sample of them")
            })?;
        add_rows(&mut examples, create, &batch)?;
    }
    let runtime = &options.runtime;
    let progress = QueryProgress {
        progress,
        cancellation,
    };
    let classifier = blocking(|| -> Result<_> {
        let vectors = vectors(options, create, &examples, &memory)?;
        let options = &create.options;
        train(&create.name, &examples, options, vectors, &progress).map_err(to_datafusion)
    })?;
    runtime
        .text_classifiers()
        .put(&classifier)
        .map_err(to_datafusion)?;
    runtime
        .text_classifiers()
        .get(&create.name)
        .map_err(to_datafusion)
}

/// Progress sink that is also cancelled with the query.
struct QueryProgress<'a> {
    progress: &'a dyn ProgressSink,
    cancellation: Cancellation,
}

impl ProgressSink for QueryProgress<'_> {
    fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled() || self.cancellation.is_cancelled()
    }

    fn step(&self, label: &'static str, current: usize, total: usize) {
        self.progress.step(label, current, total);
    }
}

/// Vectors of the rows; `None` for n-grams alone.
fn vectors(
    options: &AiOptions,
    create: &CreateModel,
    examples: &TrainingExamples,
    memory: &MemoryReservation,
) -> Result<Option<TrainingVectors>> {
    let rows = examples.rows();
    let features = create.options.features.unwrap_or(match rows.len() {
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
        Err(Error::Setup(why) | Error::Forbidden(why)) if create.options.features.is_none() => {
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
    memory.try_grow(bytes).map_err(|e| {
        e.context("the vectors of the rows do not fit into memory; train with OPTIONS (features 'ngrams')")
    })?;
    let vectors = vectorizer
        .vectors(&rows, &options.inference())
        .map_err(to_datafusion)?;
    Ok(Some(TrainingVectors::new(&vectorizer, vectors)))
}

/// Examples with the columns of the query, without rows.
fn empty_examples(create: &CreateModel, schema: &SchemaRef) -> Result<TrainingExamples> {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    for label in &create.labels {
        if !names.contains(&label.as_str()) {
            return Err(to_datafusion(Error::Invalid(format!(
                "the query has no column {label} to predict; it has {}",
                names.join(", ")
            ))));
        }
    }
    let columns: Vec<String> = names
        .iter()
        .filter(|name| !create.labels.iter().any(|label| label == *name))
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
        labels: vec![Vec::new(); create.labels.len()],
        columns,
        levels: create.labels.clone(),
    })
}

fn add_rows(
    examples: &mut TrainingExamples,
    create: &CreateModel,
    batch: &RecordBatch,
) -> Result<()> {
    let (columns, levels) = (&examples.columns, &create.labels);
    let texts = columns.iter().zip(&mut examples.texts);
    for (name, out) in texts.chain(levels.iter().zip(&mut examples.labels)) {
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

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;
    use crate::find_error;
    use crate::runtime::Runtime;
    use semql_learning::text_classifier::TrainingOptions;

    #[tokio::test]
    async fn cancellation_ends_a_training_that_waits_for_rows() {
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql("SELECT 'a' AS text, 'b' AS label")
            .unwrap();
        let statement = CreateModel {
            name: "cancelled".to_string(),
            replace: true,
            query: parser.parse_query().unwrap(),
            labels: vec!["label".to_string()],
            options: TrainingOptions::default(),
        };
        let column = |name: &str| Field::new(name, DataType::Utf8, true);
        let schema = Arc::new(Schema::new(vec![column("text"), column("label")]));
        let no_rows = futures::stream::pending::<Result<RecordBatch>>();
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, no_rows));
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let progress = || false;
        let training = create(&options, &pool, &statement, rows, &progress);
        let cancelling = async { options.cancel.cancel() };
        let (created, ()) = tokio::join!(training, cancelling);
        let error = created.err().unwrap();
        assert_eq!(find_error(&error), Some(&Error::Interrupted), "{error}");
    }
}
