//! What a run records about a trained model, by the kind of the model.

use std::collections::BTreeMap;

use semql_inference::cache::Fingerprint;

use super::encoder_identity::EncoderIdentity;
use crate::extraction::model::{ExtractorMetadata, Quality};
use crate::matching::MatcherMetadata;
use crate::text_classifier::{ClassifierMetadata, TextClassifier};
use crate::trained_models::TrainedModel;

/// What a run records about a trained model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelFacts {
    /// What the training used and chose.
    pub params: BTreeMap<String, String>,
    /// Figures on held-out rows; see [`TrainingRun`](super::TrainingRun).
    pub metrics: BTreeMap<String, f64>,
    pub rows: u64,
    pub held_out: u64,
    pub skipped_rows: u64,
    pub data_fingerprint: String,
    pub label_fingerprint: String,
    pub encoder: Option<EncoderIdentity>,
}

impl ModelFacts {
    pub fn of(model: &TrainedModel) -> Self {
        let mut facts = match model {
            TrainedModel::Classifier(classifier) => classifier_facts(classifier),
            TrainedModel::Extractor(extractor) => extractor_facts(&extractor.metadata),
            TrainedModel::Matcher(matcher) => matcher_facts(&matcher.metadata),
        };
        facts.add_param("columns", model.columns().join(", "));
        facts
    }

    fn add_param(&mut self, name: &str, value: String) {
        self.params.insert(name.to_string(), value);
    }
}

fn classifier_facts(classifier: &TextClassifier) -> ModelFacts {
    let metadata = &classifier.metadata;
    let figures = metadata.levels.iter().flat_map(|level| {
        [
            ("accuracy", level.accuracy),
            ("macro_f1", level.macro_f1),
            ("weighted_f1", level.weighted_f1),
        ]
        .map(|(figure, value)| (format!("{}/{figure}", level.column), value))
    });
    let mut facts = ModelFacts {
        metrics: figures.collect(),
        rows: metadata.rows,
        held_out: metadata.held_out,
        skipped_rows: metadata.skipped_rows,
        data_fingerprint: metadata.fingerprint.clone(),
        label_fingerprint: label_fingerprint(metadata),
        encoder: classifier
            .encoder()
            .map(|(model, revision)| EncoderIdentity {
                model: model.to_string(),
                revision: revision.to_string(),
            }),
        ..ModelFacts::default()
    };
    let levels: Vec<&str> = metadata
        .levels
        .iter()
        .map(|level| level.column.as_str())
        .collect();
    facts.add_param("predicts", levels.join(", "));
    facts.add_param("features", metadata.features.name().to_string());
    facts.add_param("cost", metadata.cost.to_string());
    let class_weight = if metadata.balanced {
        "balanced"
    } else {
        "none"
    };
    facts.add_param("class_weight", class_weight.to_string());
    if let Some(adapter) = metadata.adapter {
        facts.add_param("adapter", adapter.to_string());
    }
    facts
}

/// Hash of the levels and their labels.
fn label_fingerprint(metadata: &ClassifierMetadata) -> String {
    let names = metadata.levels.iter().flat_map(|level| {
        let counted = format!("{} {}", level.labels.len(), level.column);
        std::iter::once(counted).chain(level.labels.iter().cloned())
    });
    fingerprint(names)
}

fn extractor_facts(metadata: &ExtractorMetadata) -> ModelFacts {
    let figures = |quality: &Quality| {
        [
            ("precision", quality.precision),
            ("recall", quality.recall),
            ("f1", quality.f1),
        ]
    };
    let of_all = figures(&metadata.micro).map(|(figure, value)| (figure.to_string(), value));
    let of_each = metadata.attributes.iter().flat_map(|attribute| {
        figures(&attribute.quality)
            .map(|(figure, value)| (format!("{}/{figure}", attribute.name), value))
    });
    let names = || {
        metadata
            .attributes
            .iter()
            .map(|attribute| attribute.name.clone())
    };
    let mut facts = ModelFacts {
        metrics: of_each.chain(of_all).collect(),
        rows: metadata.rows,
        held_out: metadata.held_out,
        skipped_rows: metadata.skipped_rows,
        data_fingerprint: metadata.fingerprint.clone(),
        label_fingerprint: fingerprint(names()),
        ..ModelFacts::default()
    };
    facts.add_param("extracts", names().collect::<Vec<_>>().join(", "));
    facts.add_param("features", metadata.features.clone());
    if let Some(teacher) = &metadata.teacher {
        facts.add_param("using", teacher.clone());
    }
    facts
}

fn matcher_facts(metadata: &MatcherMetadata) -> ModelFacts {
    let (trained, untrained) = (metadata.quality.counts(), metadata.untrained.counts());
    let metrics = [
        ("precision", trained.precision()),
        ("recall", trained.recall()),
        ("f1", trained.f1()),
        ("untrained_f1", untrained.f1()),
    ];
    let metrics = metrics.map(|(figure, value)| (figure.to_string(), value));
    let mut facts = ModelFacts {
        metrics: metrics.into_iter().collect(),
        rows: metadata.pairs,
        held_out: metadata.pairs,
        skipped_rows: metadata.skipped_rows,
        data_fingerprint: metadata.fingerprint.clone(),
        encoder: Some(EncoderIdentity {
            model: metadata.encoder.clone(),
            revision: metadata.revision.clone(),
        }),
        ..ModelFacts::default()
    };
    facts.add_param("matches", metadata.matches.to_string());
    facts.add_param("strength", metadata.strength.to_string());
    facts
}

fn fingerprint(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let parts: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    Fingerprint::of(&parts).to_string()
}
