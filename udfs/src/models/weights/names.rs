//! One tensor goes by several names, depending on who saved the model.

/// What may stand before a BERT-like encoder's own names: nothing, or the
/// attribute under which a task model or a wrapper keeps the encoder.
const PREFIXES: &[&str] = &[
    "",
    "bert.",
    "model.",
    "roberta.",
    "encoder.bert.",
    "bert_model.",
    "auto_model.",
    "0.auto_model.",
    "module.",
    "module.bert.",
    "model.bert.",
];

/// Layer norms of checkpoints converted from TensorFlow: new name, old name.
const OLDER: &[(&str, &str)] = &[
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
];

/// The names under which the tensor `name` may be stored, likeliest first.
pub(super) fn spellings(name: &str) -> impl Iterator<Item = String> {
    let older = OLDER
        .iter()
        .find_map(|(new, old)| name.strip_suffix(new).map(|start| format!("{start}{old}")));
    let names: Vec<String> = std::iter::once(name.to_string()).chain(older).collect();
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
    fn plain_names_come_first_and_old_layer_norms_are_tried() {
        let all: Vec<String> = spellings("embeddings.LayerNorm.bias").collect();
        assert_eq!(all[0], "embeddings.LayerNorm.bias");
        assert_eq!(all[1], "embeddings.LayerNorm.beta");
        assert!(all.contains(&"bert.embeddings.LayerNorm.beta".to_string()));
        assert!(!spellings("a.weight").any(|name| name.contains("gamma")));
    }
}
