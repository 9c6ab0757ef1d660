//! Trains the model of a statement on the rows of its query, and stores it with a record
//! of the run.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryPool;
use semql_inference::progress::ProgressSink;
use semql_learning::extraction::model::ExtractionFeatures;
use semql_learning::trained_models::{ModelFile, TrainedModel, model_exists};
use semql_learning::training_runs::{EncoderIdentity, RunTimer, TrainingRun, store_run};

use super::statement::{CreateModel, ModelTarget};
use super::train_classifier::train_classifier;
use super::train_extractor::{distil_extractor, train_extractor};
use super::train_matcher::train_matcher;
use super::training_context::TrainingContext;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

/// Model that a statement has created.
pub struct CreatedModel {
    pub model: TrainedModel,
    pub file: ModelFile,
    /// Record of the training, in the folder of runs.
    pub run: TrainingRun,
}

/// Checks that a statement may create a model of its name.
///
/// # Errors
/// An existing model without `OR REPLACE`; an invalid name.
pub fn check_name(create: &CreateModel) -> Result<()> {
    let name = &create.name;
    if model_exists(name).map_err(to_datafusion)? && !create.replace {
        return Err(to_datafusion(Error::Invalid(format!(
            "there is already a model called '{name}'; use CREATE OR REPLACE MODEL {name} to replace it"
        ))));
    }
    Ok(())
}

/// Trains the model of a statement on the `rows` of its query, and stores it and a record
/// of the run. Sends nothing: tracking is up to the caller.
///
/// # Errors
/// Those of [`check_name`], missing columns, rows that do not fit into
/// the memory pool, rows without anything to learn; [`Error::Interrupted`] once
/// `progress` or `options` is cancelled or the runtime interrupted. An existing model is
/// then unchanged.
pub async fn create(
    options: &AiOptions,
    pool: &Arc<dyn MemoryPool>,
    create: &CreateModel,
    rows: SendableRecordBatchStream,
    progress: &dyn ProgressSink,
) -> Result<CreatedModel> {
    check_name(create)?;
    let (name, timer) = (&create.name, RunTimer::start());
    let context = TrainingContext::new(options, name, pool, progress);
    let models = options.runtime.trained_models();
    let stored = match &create.target {
        ModelTarget::Predict {
            labels,
            options: training,
        } => {
            let classifier = train_classifier(&context, labels, training, rows).await?;
            models.put_classifier(&classifier)
        }
        ModelTarget::Extract {
            columns,
            teacher,
            options: training,
        } => {
            let extractor = match teacher {
                Some(teacher) => {
                    distil_extractor(&context, columns, teacher, training, rows).await?
                }
                None => train_extractor(&context, columns, training, rows).await?,
            };
            models.put_extractor(&extractor)
        }
        ModelTarget::Match { label } => {
            let matcher = train_matcher(&context, label, rows).await?;
            models.put_matcher(&matcher)
        }
    };
    let file = stored.map_err(to_datafusion)?;
    let model = models.get(name).map_err(to_datafusion)?;
    let mut run = timer.finish(&model, &file, &create.options);
    if run.encoder.is_none() {
        run.encoder = extractor_encoder(options, &model);
    }
    // The model is there, and the run is a record of it.
    if let Err(error) = store_run(&run) {
        options.runtime.add_notice(error.to_string());
    }
    Ok(CreatedModel { model, file, run })
}

/// Encoder of an extractor with token vectors, which its file does not name.
fn extractor_encoder(options: &AiOptions, model: &TrainedModel) -> Option<EncoderIdentity> {
    let TrainedModel::Extractor(extractor) = model else {
        return None;
    };
    let [_, (with_vectors, _)] = ExtractionFeatures::ALL;
    if extractor.metadata.features != with_vectors {
        return None;
    }
    let encoder = options.inference().encoder().ok()?;
    Some(EncoderIdentity {
        model: options.settings.model.clone(),
        revision: encoder.identity.revision.clone(),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;
    use crate::find_error;
    use crate::runtime::Runtime;

    #[tokio::test]
    async fn cancellation_ends_a_training_that_waits_for_rows() {
        for target in ["PREDICT label", "EXTRACT label"] {
            let sql = format!(
                "CREATE OR REPLACE MODEL cancelled FROM (SELECT 'a' AS text, 'b' AS label) {target}"
            );
            let mut parser = Parser::new(&GenericDialect {}).try_with_sql(&sql).unwrap();
            let statement = CreateModel::parse(&mut parser).unwrap();
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
}
