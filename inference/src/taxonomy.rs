//! Taxonomies: label sets with phrases and examples.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// A named set of labels, each described by example phrases.
///
/// Texts are compared with the phrases, so the accuracy depends on them. A label
/// with thirty concrete kinds of products is far more accurate than its name alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// The value of `SET ai.taxonomy`.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Template of phrases; `{}` is the phrase.
    #[serde(default = "bare_template")]
    pub template: String,
    pub labels: Vec<Label>,
}

/// One label of a [`Taxonomy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Result of queries.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Kinds of things with this label; empty means the name itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<String>,
    /// Rows with this label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

impl Label {
    /// A label without a description, phrases and examples.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_string(),
            description: String::new(),
            phrases: Vec::new(),
            examples: Vec::new(),
        }
    }
}

/// A labelled row: an example of a [`Label`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Example {
    /// A text with a label.
    pub fn of_text(text: String) -> Self {
        Self {
            title: String::new(),
            text,
        }
    }

    /// Title and text; `None` if blank.
    pub fn parts(&self) -> [Option<&str>; 2] {
        [&self.title, &self.text].map(|part| Some(part.trim()).filter(|part| !part.is_empty()))
    }
}

/// Template that leaves phrases as they are.
const BARE_TEMPLATE: &str = "{}";

/// Maximum number of labels of a taxonomy.
pub const MAX_LABELS: usize = 4096;

/// Maximum number of phrases and examples of a taxonomy.
pub const MAX_LABEL_TEXTS: usize = 65_536;

fn bare_template() -> String {
    BARE_TEMPLATE.to_string()
}

/// YAML of the built-in taxonomy: eight categories of a general store.
pub const PRODUCT_CATEGORY_YAML: &str = include_str!("../taxonomies/product_category.yaml");

impl Taxonomy {
    /// The built-in taxonomy, `product_category`.
    ///
    /// # Errors
    /// Never: a test parses the built-in file.
    pub fn built_in() -> Result<Self, String> {
        serde_saphyr::from_str(PRODUCT_CATEGORY_YAML)
            .map_err(|e| format!("the built-in taxonomy is not valid YAML: {e}"))
    }

    /// A taxonomy of names alone, from the arguments of a call.
    pub fn from_labels(labels: &[String]) -> Self {
        Self::of_labels(labels.iter().map(|name| Label::named(name)).collect())
    }

    /// A taxonomy of the labels of a call.
    pub fn of_labels(labels: Vec<Label>) -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            template: bare_template(),
            labels,
        }
    }

    /// Whether the labels are those of a call, without a taxonomy's name.
    pub fn is_inline(&self) -> bool {
        self.name.is_empty()
    }

    /// Whether the template changes phrases.
    pub fn has_own_template(&self) -> bool {
        self.template != BARE_TEMPLATE
    }

    /// Hash of the contents, equal in every process.
    pub fn fingerprint(&self) -> String {
        let contents = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&contents).to_hex()[..16].to_string()
    }

    /// Checks that labels are two or more, distinct and not blank, and that the template
    /// has `{}`.
    ///
    /// # Errors
    /// A message that names the taxonomy and the label.
    pub fn validate(&self) -> Result<(), String> {
        let owner = if self.is_inline() {
            "the label list".to_string()
        } else {
            format!("taxonomy '{}'", self.name)
        };
        if self.labels.len() < 2 {
            return Err(format!(
                "{owner} has {} label{}; write two or more distinct labels",
                self.labels.len(),
                if self.labels.len() == 1 { "" } else { "s" }
            ));
        }
        if self.labels.len() > MAX_LABELS {
            return Err(format!(
                "{owner} has {} labels, and the maximum is {MAX_LABELS}",
                self.labels.len()
            ));
        }
        let texts = self.labels.iter();
        let texts: usize = texts.map(|l| l.phrases.len() + l.examples.len()).sum();
        if texts > MAX_LABEL_TEXTS {
            return Err(format!(
                "{owner} has {texts} phrases and examples, and the maximum is {MAX_LABEL_TEXTS}"
            ));
        }
        let mut seen = HashSet::new();
        for (position, label) in self.labels.iter().enumerate() {
            if label.name.trim().is_empty() {
                return Err(format!("{owner}: label {} is blank", position + 1));
            }
            if !seen.insert(label.name.trim()) {
                return Err(format!("{owner}: label '{}' is given twice", label.name));
            }
            if label.phrases.iter().any(|phrase| phrase.trim().is_empty()) {
                return Err(format!(
                    "{owner}: label '{}' has a blank phrase",
                    label.name
                ));
            }
            if label
                .examples
                .iter()
                .any(|example| example.parts() == [None; 2])
            {
                return Err(format!(
                    "{owner}: label '{}' has an example with neither title nor text",
                    label.name
                ));
            }
        }
        if !self.template.contains("{}") {
            return Err(format!(
                "{owner}: template '{}' has no {{}} to put the phrase in",
                self.template
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Taxonomy {
        Taxonomy::from_labels(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn the_built_in_taxonomy_is_valid() {
        let taxonomy = Taxonomy::built_in().unwrap();
        taxonomy.validate().unwrap();
        assert_eq!(taxonomy.labels.len(), 8);
    }

    #[test]
    fn an_example_needs_a_title_or_a_text() {
        let mut set = labels(&["Books", "Sports"]);
        set.labels[1].examples = vec![Example {
            title: "Ball".into(),
            text: " ".into(),
        }];
        assert_eq!(set.validate(), Ok(()));
        set.labels[0].examples = vec![Example::default()];
        assert!(
            set.validate()
                .unwrap_err()
                .contains("neither title nor text")
        );
    }

    #[test]
    fn invalid_label_sets_are_refused() {
        for (set, expected) in [
            (labels(&[]), "0 labels"),
            (labels(&["Books"]), "1 label;"),
            (labels(&["Books", "Books"]), "given twice"),
            (labels(&["Books", " "]), "blank"),
            (many(MAX_LABELS + 1), "4097 labels, and the maximum is 4096"),
            (with_phrases(MAX_LABEL_TEXTS + 1), "65537 phrases"),
        ] {
            let message = set.validate().unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        for set in [
            labels(&["Books", "Sports"]),
            many(MAX_LABELS),
            with_phrases(MAX_LABEL_TEXTS),
        ] {
            assert_eq!(set.validate(), Ok(()));
        }
    }

    fn many(count: usize) -> Taxonomy {
        Taxonomy::of_labels((0..count).map(|n| Label::named(&n.to_string())).collect())
    }

    fn with_phrases(count: usize) -> Taxonomy {
        let mut set = labels(&["Books", "Sports"]);
        set.labels[0].phrases = vec!["novel".to_string(); count];
        set
    }
}
