//! Label sets with example phrases: what `categorize` chooses from.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// A named set of labels, each described by example phrases.
///
/// The phrases are what a text is compared with, so they carry the accuracy:
/// a label with thirty concrete product kinds does far better than its bare
/// name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// The name that `SET ai.taxonomy` knows it by.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How a phrase is put before the model; `{}` stands for the phrase.
    #[serde(default = "bare_template")]
    pub template: String,
    pub labels: Vec<Label>,
}

/// One label of a [`Taxonomy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The value that queries return.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Kinds of things that carry this label; empty means the name itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<String>,
    /// Rows that people gave this label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// A labelled row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Example {
    /// Title and text, `None` where blank.
    pub fn parts(&self) -> [Option<&str>; 2] {
        [&self.title, &self.text].map(|part| Some(part.trim()).filter(|part| !part.is_empty()))
    }
}

/// The template of labels without phrases.
const LABEL_TEMPLATE: &str = "a text about {}";

fn bare_template() -> String {
    "{}".to_string()
}

/// The YAML text of the taxonomy that ships with the library: eight categories
/// of a general store.
pub const PRODUCT_CATEGORY_YAML: &str = include_str!("../taxonomies/product_category.yaml");

impl Taxonomy {
    /// The built-in taxonomy, `product_category`.
    ///
    /// # Errors
    /// Only if the shipped file is broken, which a test rules out.
    pub fn built_in() -> Result<Self, String> {
        serde_saphyr::from_str(PRODUCT_CATEGORY_YAML)
            .map_err(|e| format!("the built-in taxonomy does not parse: {e}"))
    }

    /// A taxonomy of bare labels, as given in a call. They get a template, since
    /// a lone word says less to a sentence encoder than a short sentence does.
    pub fn from_labels(labels: &[String]) -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            template: LABEL_TEMPLATE.to_string(),
            labels: labels
                .iter()
                .map(|name| Label {
                    name: name.clone(),
                    description: String::new(),
                    phrases: Vec::new(),
                    examples: Vec::new(),
                })
                .collect(),
        }
    }

    /// Names all that the taxonomy says, the same in every process.
    pub fn fingerprint(&self) -> String {
        let said = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&said).to_hex()[..16].to_string()
    }

    /// Two or more labels, distinct, not blank, and a template with its `{}`.
    pub fn validate(&self) -> Result<(), String> {
        let owner = if self.name.is_empty() {
            "the label list".to_string()
        } else {
            format!("taxonomy '{}'", self.name)
        };
        if self.labels.len() < 2 {
            return Err(format!(
                "{owner} has {} label{}; give two or more distinct labels",
                self.labels.len(),
                if self.labels.len() == 1 { "" } else { "s" }
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

    /// Every text that stands for a label, with the label's position.
    pub(crate) fn prompts(&self) -> Vec<(usize, String)> {
        let mut prompts = Vec::new();
        for (position, label) in self.labels.iter().enumerate() {
            let own = std::slice::from_ref(&label.name);
            let phrases = if label.phrases.is_empty() {
                own
            } else {
                label.phrases.as_slice()
            };
            for phrase in phrases {
                prompts.push((position, self.template.replace("{}", phrase)));
            }
        }
        prompts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Taxonomy {
        Taxonomy::from_labels(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn the_built_in_taxonomy_is_sound() {
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
    fn label_sets_that_cannot_be_chosen_from_are_refused() {
        for (set, says) in [
            (labels(&[]), "0 labels"),
            (labels(&["Books"]), "1 label;"),
            (labels(&["Books", "Books"]), "given twice"),
            (labels(&["Books", " "]), "blank"),
        ] {
            let message = set.validate().unwrap_err();
            assert!(message.contains(says), "{message}");
        }
        assert_eq!(labels(&["Books", "Sports"]).validate(), Ok(()));
    }
}
