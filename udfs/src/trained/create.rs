//! From the rows of a query to a kept classifier.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::StreamExt;

use super::meaning::Reader;
use super::{CreateModel, Examples, Features, Halted, Shared, Vectors, registry, train};
use crate::error::Error;
use crate::options::AiOptions;
use crate::runtime::blocking;

/// What training takes beside the rows, for each of their bytes: numbers for
/// words, pairs of words and runs of letters.
const TIMES_THE_ROWS: usize = 12;

/// With more rows than these, words say nearly all that vectors could add.
const FEW_ROWS: usize = 20_000;

/// Trains the classifier that `create` asks for on the rows of its query, and
/// keeps it. `halted` is asked now and then whether to stop, and told how many
/// boundaries are found and how many labels there are.
///
/// # Errors
/// A name that is taken, columns that are not there, rows that do not fit into
/// the memory pool, nothing to tell apart; [`Error::Interrupted`] once the token
/// of `options` is cancelled or the runtime interrupted. The old model is intact
/// after any of them.
pub async fn create(
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    create: &CreateModel,
    rows: SendableRecordBatchStream,
    halted: &Halted<'_>,
) -> Result<Shared> {
    if registry::exists(&create.name)? && !create.replace {
        return Err(Error::Invalid(format!(
            "there is a model called '{0}' already; CREATE OR REPLACE MODEL {0} takes its place",
            create.name
        ))
        .into());
    }
    let memory = MemoryConsumer::new("CreateModel").register(pool);
    let mut examples = empty(create, &rows.schema())?;
    let cancellation = options.cancellation();
    let mut rows = rows;
    while let Some(batch) = cancellation.run(rows.next()).await? {
        let batch = batch?;
        memory
            .try_grow(get_record_batch_memory_size(&batch) * TIMES_THE_ROWS)
            .map_err(|e| {
                e.context("the training rows do not fit into memory; train on a sample of them")
            })?;
        add(&mut examples, create, &batch)?;
    }
    let runtime = &options.runtime;
    let halted = |done, labels| halted(done, labels) || cancellation.is_cancelled();
    let trained = blocking(|| -> Result<_> {
        let vectors = vectors(options, create, &examples, &memory)?;
        let how = &create.options;
        Ok(train(&create.name, &examples, how, vectors, &halted)?)
    })?;
    runtime.trained().put(&trained)?;
    Ok(runtime.trained().get(&create.name)?)
}

/// What the rows mean, if that is wanted.
fn vectors(
    options: &AiOptions,
    create: &CreateModel,
    examples: &Examples,
    memory: &MemoryReservation,
) -> Result<Option<Vectors>> {
    let rows = examples.rows();
    let features = create.options.features.unwrap_or(match rows.len() {
        0..=FEW_ROWS => Features::TokenVectors,
        _ => Features::Ngrams,
    });
    let texts = rows.iter().flatten().flatten().copied();
    let reader = Reader::for_training(features, options, examples.columns.len(), texts);
    let reader = match reader {
        Ok(reader) => reader,
        // Nobody asked for vectors, and words serve without a model.
        Err(Error::Setup(why) | Error::Forbidden(why)) if create.options.features.is_none() => {
            options.runtime.note(format!(
                "trained on words alone, as there is no encoder here: {why}"
            ));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let Some(reader) = reader else {
        return Ok(None);
    };
    // As they are read, as they are kept, and as they are mapped.
    let bytes = 3 * size_of::<f32>() * reader.width() * rows.len();
    memory.try_grow(bytes).map_err(|e| {
        e.context("the vectors of the rows do not fit into memory; train with OPTIONS (features 'ngrams')")
    })?;
    let vectors = reader.read(&rows, options)?;
    Ok(Some(Vectors::new(&reader, vectors)))
}

fn empty(create: &CreateModel, schema: &SchemaRef) -> Result<Examples> {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    for label in &create.labels {
        if !names.contains(&label.as_str()) {
            return Err(Error::Invalid(format!(
                "the query has no column {label} to predict; it has {}",
                names.join(", ")
            ))
            .into());
        }
    }
    let columns: Vec<String> = names
        .iter()
        .filter(|name| !create.labels.iter().any(|label| label == *name))
        .map(|name| name.to_string())
        .collect();
    if columns.is_empty() {
        return Err(Error::Invalid(
            "the query has no column beside the labels to learn from".to_string(),
        )
        .into());
    }
    // Blocks are counted in a byte.
    if columns.len() > 100 {
        return Err(Error::Invalid(format!(
            "{} columns to learn from are too many; 100 may be",
            columns.len()
        ))
        .into());
    }
    Ok(Examples {
        texts: vec![Vec::new(); columns.len()],
        labels: vec![Vec::new(); create.labels.len()],
        columns,
        levels: create.labels.clone(),
    })
}

fn add(examples: &mut Examples, create: &CreateModel, batch: &RecordBatch) -> Result<()> {
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

    use super::super::Options;
    use super::*;
    use crate::find_error;
    use crate::runtime::Runtime;

    #[tokio::test]
    async fn a_token_ends_training_while_it_waits_for_rows() {
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql("SELECT 'a' AS text, 'b' AS label")
            .unwrap();
        let statement = CreateModel {
            name: "cancelled".to_string(),
            replace: true,
            query: parser.parse_query().unwrap(),
            labels: vec!["label".to_string()],
            options: Options::default(),
        };
        let column = |name: &str| Field::new(name, DataType::Utf8, true);
        let schema = Arc::new(Schema::new(vec![column("text"), column("label")]));
        let no_rows = futures::stream::pending::<Result<RecordBatch>>();
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, no_rows));
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let halted = |_: usize, _: usize| false;
        let training = create(&options, &pool, &statement, rows, &halted);
        let cancelling = async { options.cancel.cancel() };
        let (created, ()) = tokio::join!(training, cancelling);
        let error = created.err().unwrap();
        assert_eq!(find_error(&error), Some(&Error::Interrupted), "{error}");
    }
}
