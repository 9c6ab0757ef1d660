//! `ai_trained_models()`: the models of CREATE MODEL.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_learning::text_classifier::{ClassifierMetadata, LabelLevel, classifier_names};

use super::memory_table::{check_no_arguments, memory_table};
use crate::options::AiOptions;

#[derive(Debug)]
pub struct AiTrainedModels {
    options: AiOptions,
}

impl AiTrainedModels {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

impl TableFunctionImpl for AiTrainedModels {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        check_no_arguments("ai_trained_models", args.exprs())?;
        // A model that cannot be read fails where a query uses it.
        let models: Vec<_> = classifier_names()
            .iter()
            .filter_map(|name| self.options.runtime.text_classifiers().get(name).ok())
            .collect();
        let rows: Vec<(&ClassifierMetadata, &LabelLevel)> = models
            .iter()
            .flat_map(|model| {
                model
                    .metadata
                    .levels
                    .iter()
                    .map(|level| (&model.metadata, level))
            })
            .collect();
        memory_table(batch(&rows)?)
    }
}

/// A row for each level of each model.
fn batch(rows: &[(&ClassifierMetadata, &LabelLevel)]) -> Result<RecordBatch> {
    let text = |get: &dyn Fn(&ClassifierMetadata, &LabelLevel) -> String| -> ArrayRef {
        let values = rows
            .iter()
            .map(|(metadata, level)| Some(get(metadata, level)));
        Arc::new(values.collect::<StringArray>())
    };
    let count = |get: fn(&ClassifierMetadata, &LabelLevel) -> u64| -> ArrayRef {
        let values = rows
            .iter()
            .map(|(metadata, level)| Some(get(metadata, level) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let score = |get: fn(&LabelLevel) -> f64| -> ArrayRef {
        let values = rows.iter().map(|(_, level)| Some(get(level)));
        Arc::new(values.collect::<Float64Array>())
    };
    Ok(RecordBatch::try_from_iter([
        ("name", text(&|metadata, _| metadata.name.clone())),
        ("predicts", text(&|_, level| level.column.clone())),
        ("labels", count(|_, level| level.labels.len() as u64)),
        ("accuracy", score(|level| level.accuracy)),
        ("macro_f1", score(|level| level.macro_f1)),
        ("weighted_f1", score(|level| level.weighted_f1)),
        ("held_out", count(|metadata, _| metadata.held_out)),
        ("rows", count(|metadata, _| metadata.rows)),
        ("left_out", count(|metadata, _| metadata.skipped_rows)),
        ("columns", text(&|metadata, _| metadata.columns.join(", "))),
        (
            "features",
            text(&|metadata, _| metadata.features.name().into()),
        ),
        ("adapter", adapters(rows)),
        ("cost", costs(rows)),
        (
            "fingerprint",
            text(&|metadata, _| metadata.fingerprint.clone()),
        ),
        ("semql", text(&|metadata, _| metadata.semql_version.clone())),
    ])?)
}

/// Shares of the identity in the adapters; NULL without one.
fn adapters(rows: &[(&ClassifierMetadata, &LabelLevel)]) -> ArrayRef {
    let values = rows
        .iter()
        .map(|(metadata, _)| metadata.adapter.map(f64::from));
    Arc::new(values.collect::<Float64Array>())
}

fn costs(rows: &[(&ClassifierMetadata, &LabelLevel)]) -> ArrayRef {
    let values = rows
        .iter()
        .map(|(metadata, _)| Some(f64::from(metadata.cost)));
    Arc::new(values.collect::<Float64Array>())
}
