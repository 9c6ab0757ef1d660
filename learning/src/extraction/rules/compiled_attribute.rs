//! An attribute, ready for texts.

use regex::Regex;

use super::attribute_set::{AttributeDefinition, AttributeKind};
use super::pattern;
use super::quantities::{Axis, Unit, find_unit};

/// What candidates need of a definition. Its phrases are in the phrase matcher.
#[derive(Debug)]
pub struct CompiledAttribute {
    pub kind: AttributeKind,
    /// Canonical values by position.
    pub values: Vec<String>,
    pub pattern: Option<Regex>,
    pub unit: Option<&'static Unit>,
    pub bare_units: Option<Vec<&'static Unit>>,
    pub axis: Option<Axis>,
    pub is_closed: bool,
    pub has_leading_words: bool,
    /// Texts that do not start with a value.
    pub not_leading: Option<Regex>,
}

impl CompiledAttribute {
    /// Compiles a definition.
    ///
    /// # Errors
    /// The first problem of the definition, and what to do.
    pub fn new(definition: &AttributeDefinition) -> Result<Self, String> {
        if let Some(problem) = definition.problem() {
            return Err(problem);
        }
        let compile =
            |pattern: &Option<String>| pattern.as_deref().map(pattern::compile).transpose();
        let leading = definition.leading.as_ref();
        Ok(Self {
            kind: definition.kind,
            values: definition
                .values
                .iter()
                .map(|value| value.value.trim().to_string())
                .collect(),
            pattern: compile(&definition.pattern)?,
            unit: definition.unit.as_deref().and_then(find_unit),
            bare_units: definition
                .bare_units
                .as_ref()
                .map(|units| units.iter().filter_map(|unit| find_unit(unit)).collect()),
            axis: definition.axis,
            is_closed: definition.closed,
            has_leading_words: leading.is_some(),
            not_leading: match leading {
                Some(leading) => compile(&leading.unless)?,
                None => None,
            },
        })
    }
}
