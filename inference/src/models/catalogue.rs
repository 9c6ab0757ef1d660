//! Catalogue of models with a short name.

use super::PoolingMode;

/// Languages of the texts that an encoder was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Languages {
    English,
    /// About a hundred.
    Many,
}

/// Facts of a published encoder, known before its files are downloaded.
#[derive(Debug)]
pub struct ModelEntry {
    /// Name in SQL.
    pub name: &'static str,
    /// `owner/name` on the hub.
    pub repo: &'static str,
    /// Commit or branch to download.
    pub revision: &'static str,
    /// Values in one vector.
    pub dims: usize,
    pub pooling: PoolingMode,
    /// Maximum tokens of a text, including the two special ones.
    pub max_tokens: usize,
    /// Prefix of texts to compare, classify or cluster.
    pub prefix: &'static str,
    /// Prefix of search queries.
    pub query_prefix: &'static str,
    /// Prefix of searched passages.
    pub passage_prefix: &'static str,
    pub languages: Languages,
    pub licence: &'static str,
    pub description: &'static str,
}

/// Name of the default model.
pub const DEFAULT_MODEL: &str = "all-minilm-l6-v2";

pub const CATALOGUE: &[ModelEntry] = &[
    ModelEntry {
        name: DEFAULT_MODEL,
        repo: "sentence-transformers/all-MiniLM-L6-v2",
        revision: "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        dims: 384,
        pooling: PoolingMode::Mean,
        max_tokens: 256,
        prefix: "",
        query_prefix: "",
        passage_prefix: "",
        languages: Languages::English,
        licence: "Apache-2.0",
        description: "6 layers, English; small, fast, a good general choice",
    },
    ModelEntry {
        name: "e5-small-v2",
        repo: "intfloat/e5-small-v2",
        revision: "ffb93f3bd4047442299a41ebb6fa998a38507c52",
        dims: 384,
        pooling: PoolingMode::Mean,
        max_tokens: 512,
        prefix: "query: ",
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: Languages::English,
        licence: "MIT",
        description: "12 layers, English; trained for retrieval",
    },
    ModelEntry {
        name: "trec-product-search-e5-small-v2",
        repo: "spacemanidol/trec-product-search-e5-small-v2",
        revision: "main",
        dims: 384,
        pooling: PoolingMode::Mean,
        max_tokens: 512,
        prefix: "query: ",
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: Languages::English,
        licence: "not stated by its publisher",
        description: "e5-small-v2 tuned on product search; PyTorch weights only",
    },
    ModelEntry {
        name: "bge-small-en-v1.5",
        repo: "BAAI/bge-small-en-v1.5",
        revision: "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
        dims: 384,
        pooling: PoolingMode::Cls,
        max_tokens: 512,
        prefix: "",
        query_prefix: "Represent this sentence for searching relevant passages: ",
        passage_prefix: "",
        languages: Languages::English,
        licence: "MIT",
        description: "12 layers, English; first-token pooling",
    },
    ModelEntry {
        name: "multilingual-e5-small",
        repo: "intfloat/multilingual-e5-small",
        revision: "fd1525a9fd15316a2d503bf26ab031a61d056e98",
        dims: 384,
        pooling: PoolingMode::Mean,
        max_tokens: 512,
        prefix: "query: ",
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        languages: Languages::Many,
        licence: "MIT",
        description: "12 layers, about a hundred languages",
    },
];

/// The entry with this name, or with this repository on the hub.
pub fn find(name: &str) -> Option<&'static ModelEntry> {
    CATALOGUE.iter().find(|entry| {
        entry.name.eq_ignore_ascii_case(name) || entry.repo.eq_ignore_ascii_case(name)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_found_in_either_form() {
        let names: HashSet<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for entry in CATALOGUE {
            assert_eq!(find(entry.repo).unwrap().name, entry.name);
            assert_eq!(find(&entry.name.to_uppercase()).unwrap().name, entry.name);
        }
        assert!(find("all-minilm").is_none());
    }
}
