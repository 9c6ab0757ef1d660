//! `ai_trained_models()`: the models of CREATE MODEL.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_learning::extraction::Extractor;
use semql_learning::extraction::model::ExtractorMetadata;
use semql_learning::matching::MatcherMetadata;
use semql_learning::text_classifier::ClassifierMetadata;
use semql_learning::trained_models::{TrainedModel, model_names};

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
        let models = model_names()
            .into_iter()
            .filter_map(|name| self.options.runtime.trained_models().get(&name).ok());
        let mut rows = Vec::new();
        for model in models {
            match &model {
                TrainedModel::Classifier(classifier) => {
                    rows.extend(classifier_rows(&classifier.metadata));
                }
                TrainedModel::Extractor(extractor) => {
                    rows.extend(extractor_rows(&extractor.metadata, extractor.columns()));
                }
                TrainedModel::Matcher(matcher) => rows.push(matcher_row(&matcher.metadata)),
            }
        }
        memory_table(batch(&rows)?)
    }
}

/// Row of the listing: a level of a classifier, an attribute of an extractor, or a matcher.
struct ListedModel {
    name: String,
    kind: &'static str,
    predicts: String,
    labels: u64,
    accuracy: Option<f64>,
    macro_f1: Option<f64>,
    weighted_f1: Option<f64>,
    f1: Option<f64>,
    held_out: u64,
    rows: u64,
    skipped_rows: u64,
    columns: String,
    features: String,
    /// Share of the identity in the adapter.
    adapter: Option<f64>,
    cost: Option<f64>,
    fingerprint: String,
    semql_version: String,
}

fn classifier_rows(metadata: &ClassifierMetadata) -> impl Iterator<Item = ListedModel> {
    metadata.levels.iter().map(move |level| ListedModel {
        name: metadata.name.clone(),
        kind: "classifier",
        predicts: level.column.clone(),
        labels: level.labels.len() as u64,
        accuracy: Some(level.accuracy),
        macro_f1: Some(level.macro_f1),
        weighted_f1: Some(level.weighted_f1),
        f1: None,
        held_out: metadata.held_out,
        rows: metadata.rows,
        skipped_rows: metadata.skipped_rows,
        columns: metadata.columns.join(", "),
        features: metadata.features.name().to_string(),
        adapter: metadata.adapter.map(f64::from),
        cost: Some(f64::from(metadata.cost)),
        fingerprint: metadata.fingerprint.clone(),
        semql_version: metadata.semql_version.clone(),
    })
}

fn extractor_rows(
    metadata: &ExtractorMetadata,
    columns: &[String],
) -> impl Iterator<Item = ListedModel> {
    metadata
        .attributes
        .iter()
        .map(move |attribute| ListedModel {
            name: metadata.name.clone(),
            kind: "extractor",
            predicts: attribute.name.clone(),
            labels: attribute.values,
            accuracy: None,
            macro_f1: None,
            weighted_f1: None,
            f1: Some(attribute.quality.f1),
            held_out: metadata.held_out,
            rows: metadata.rows,
            skipped_rows: metadata.skipped_rows,
            columns: columns.join(", "),
            features: metadata.features.clone(),
            adapter: None,
            cost: None,
            fingerprint: metadata.fingerprint.clone(),
            semql_version: metadata.semql_version.clone(),
        })
}

fn matcher_row(metadata: &MatcherMetadata) -> ListedModel {
    ListedModel {
        name: metadata.name.clone(),
        kind: "matcher",
        predicts: "match".to_string(),
        labels: 2,
        accuracy: None,
        macro_f1: None,
        weighted_f1: None,
        f1: Some(metadata.quality.counts().f1()),
        held_out: metadata.pairs,
        rows: metadata.pairs,
        skipped_rows: metadata.skipped_rows,
        columns: metadata.columns.join(", "),
        features: "pairs".to_string(),
        adapter: None,
        cost: None,
        fingerprint: metadata.fingerprint.clone(),
        semql_version: metadata.semql_version.clone(),
    }
}

fn batch(rows: &[ListedModel]) -> Result<RecordBatch> {
    let text = |get: fn(&ListedModel) -> &str| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|row| Some(get(row)))
                .collect::<StringArray>(),
        )
    };
    let count = |get: fn(&ListedModel) -> u64| -> ArrayRef {
        let values = rows.iter().map(|row| Some(get(row) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let score = |get: fn(&ListedModel) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<Float64Array>())
    };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("name", text(|row| &row.name), true),
        ("kind", text(|row| row.kind), true),
        ("predicts", text(|row| &row.predicts), true),
        ("labels", count(|row| row.labels), true),
        ("accuracy", score(|row| row.accuracy), true),
        ("macro_f1", score(|row| row.macro_f1), true),
        ("weighted_f1", score(|row| row.weighted_f1), true),
        ("f1", score(|row| row.f1), true),
        ("held_out", count(|row| row.held_out), true),
        ("rows", count(|row| row.rows), true),
        ("left_out", count(|row| row.skipped_rows), true),
        ("columns", text(|row| &row.columns), true),
        ("features", text(|row| &row.features), true),
        ("adapter", score(|row| row.adapter), true),
        ("cost", score(|row| row.cost), true),
        ("fingerprint", text(|row| &row.fingerprint), true),
        ("semql", text(|row| &row.semql_version), true),
    ])?)
}
