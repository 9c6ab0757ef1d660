//! Attribute sets: what the extractor looks for in texts.

use std::collections::HashSet;

use semql_inference::{Error, Result};
use serde::{Deserialize, Serialize};

use super::attribute_value::{self, AttributeValue};
use super::quantities::Axis;
use super::words::fold_phrase;

/// A named set of attributes: the value of `SET ai.attributes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSet {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub attributes: Vec<AttributeDefinition>,
}

/// One attribute of an [`AttributeSet`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeDefinition {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(rename = "type", default, skip_serializing_if = "is_default")]
    pub kind: AttributeKind,
    /// Canonical values with their synonyms: a map or a list.
    #[serde(
        default,
        with = "attribute_value",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub values: Vec<AttributeValue>,
    /// Regular expression. The first capture group that matches is the value, or the
    /// whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Unit of the normalized quantities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Words before a value. With a colon at the end, the text needs one too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cues: Vec<String>,
    /// Words after a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cues_after: Vec<String>,
    /// Words that rule out the value after them, such as `for`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_after: Vec<String>,
    /// Words that rule out the value before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_before: Vec<String>,
    /// Values and synonyms that count only next to a cue or between punctuation marks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambiguous: Vec<String>,
    /// Words that belong to the value after them, such as `dark`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<String>,
    /// Phrases without a value, such as `green tea` for a color.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
    /// Whether only the listed values count. Otherwise cues lead to others too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub closed: bool,
    /// Whether the first words of the first text may be a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leading: Option<LeadingWords>,
    /// The axis of dimensions such as `30 x 40 cm` that is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<Axis>,
    /// Units that need no cue. Absent: every unit of the dimension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare_units: Option<Vec<String>>,
}

/// Form of the values of an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// Words.
    #[default]
    Text,
    /// A number with a unit.
    Quantity,
    /// Letters and digits, such as a model number.
    Code,
}

/// Conditions for a value at the start of the first text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadingWords {
    /// Words that do not start a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_words: Vec<String>,
    /// Regular expression of texts that do not start with a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// YAML of the built-in attribute set: attributes of products.
pub const PRODUCT_ATTRIBUTES_YAML: &str = include_str!("../../../attributes/products.yaml");

impl AttributeSet {
    /// The built-in set, `products`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a damaged file, which a test rules out.
    pub fn built_in() -> Result<Self> {
        serde_saphyr::from_str(PRODUCT_ATTRIBUTES_YAML).map_err(|e| {
            Error::Invalid(format!("the built-in attribute set is not valid YAML: {e}"))
        })
    }

    /// The position of an attribute.
    pub fn position(&self, attribute: &str) -> Option<usize> {
        let mut attributes = self.attributes.iter();
        attributes.position(|definition| definition.name == attribute)
    }

    /// The set with further values of `attribute`, such as those of a column. Values that
    /// the attribute has already, and blank ones, are ignored.
    pub fn with_values(
        mut self,
        attribute: &str,
        values: impl IntoIterator<Item = String>,
    ) -> Self {
        let Some(position) = self.position(attribute) else {
            return self;
        };
        let known = &mut self.attributes[position].values;
        let mut seen: HashSet<String> = known
            .iter()
            .flat_map(|known| known.spellings())
            .map(fold_phrase)
            .collect();
        for value in values {
            let folded = fold_phrase(&value);
            if !folded.is_empty() && seen.insert(folded) {
                known.push(AttributeValue {
                    value: value.trim().to_string(),
                    synonyms: Vec::new(),
                });
            }
        }
        self
    }
}
