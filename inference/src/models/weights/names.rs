//! Alternative names of a tensor in checkpoints of different programs.

/// Prefixes of the tensor names of BERT-like encoders: empty, or the attribute
/// of the encoder in a task model or a wrapper.
const PREFIXES: &[&str] = &[
    "",
    "bert.",
    "model.",
    "roberta.",
    "distilbert.",
    "mpnet.",
    "nomic_bert.",
    "gte.",
    "new.",
    "encoder.bert.",
    "bert_model.",
    "auto_model.",
    "0.auto_model.",
    "module.",
    "module.bert.",
    "model.bert.",
];

/// Names of layer norms, and their names in checkpoints converted from TensorFlow.
const LEGACY_NAMES: &[(&str, &str)] = &[
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
];

/// Possible names of the tensor `name` in a checkpoint, most likely first.
pub(super) fn candidate_names(name: &str) -> impl Iterator<Item = String> {
    let legacy = LEGACY_NAMES
        .iter()
        .find_map(|(new, old)| name.strip_suffix(new).map(|start| format!("{start}{old}")));
    let names: Vec<String> = std::iter::once(name.to_string()).chain(legacy).collect();
    PREFIXES.iter().flat_map(move |prefix| {
        names
            .clone()
            .into_iter()
            .map(move |name| format!("{prefix}{name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_precede_legacy_layer_norms() {
        let all: Vec<String> = candidate_names("embeddings.LayerNorm.bias").collect();
        assert_eq!(all[0], "embeddings.LayerNorm.bias");
        assert_eq!(all[1], "embeddings.LayerNorm.beta");
        assert!(all.contains(&"bert.embeddings.LayerNorm.beta".to_string()));
        assert!(!candidate_names("a.weight").any(|name| name.contains("gamma")));
    }
}
