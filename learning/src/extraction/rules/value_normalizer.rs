//! Canonical form of values that other extractors find.

use semql_inference::{Error, Result};

use super::attribute_set::{AttributeDefinition, AttributeKind};
use super::code_values::canonical_code;
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, WordsOfText};
use super::phrase_matcher::PhraseMatcher;
use super::quantities::parse_quantities;
use super::roles::{AttributeRole, Role, add_roles};
use super::words::fold_word;

/// Brings the values of one attribute to their canonical form.
#[derive(Debug)]
pub struct ValueNormalizer {
    attribute: CompiledAttribute,
    matcher: PhraseMatcher<AttributeRole>,
}

impl ValueNormalizer {
    /// Compiles a definition.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an invalid definition, with the next step.
    pub fn new(definition: &AttributeDefinition) -> Result<Self> {
        let invalid = |what| Error::Invalid(format!("attribute '{}': {what}", definition.name));
        let attribute = CompiledAttribute::new(definition).map_err(invalid)?;
        let mut matcher = PhraseMatcher::new();
        add_roles(&mut matcher, 0, definition).map_err(invalid)?;
        Ok(Self { attribute, matcher })
    }

    /// The canonical form of `value`: the listed value that it spells, the quantity in the
    /// unit of the attribute, the code in capitals. `None` for others.
    pub fn normalize(&self, value: &str) -> Option<String> {
        if let Some(unit) = self.attribute.unit {
            let quantities = parse_quantities(value);
            let mut fitting = quantities
                .iter()
                .filter(|q| q.dimension() == unit.dimension);
            return fitting.next()?.normalized(unit);
        }
        self.listed(value).or_else(|| {
            let is_code = self.attribute.kind == AttributeKind::Code;
            (is_code && !value.trim().is_empty()).then(|| canonical_code(value))
        })
    }

    /// The listed value that `value` spells as a whole, with its modifiers.
    fn listed(&self, value: &str) -> Option<String> {
        let mut words = Vec::new();
        self.matcher.split(value, &mut words);
        let mut phrases = AttributePhrases::default();
        self.matcher.each_match(value, &words, |found| {
            if matches!(found.payload.role, Role::Value { .. } | Role::Modifier) {
                phrases.add(&found, found.payload.role);
            }
        });
        phrases.finish();
        let text = WordsOfText {
            text: value,
            words: &words,
        };
        let last = phrases
            .values
            .last()
            .filter(|last| last.end_word == words.len())?;
        if phrases.modifiers_before(&text, last.first_word) != 0 {
            return None;
        }
        let mut normalized = String::new();
        let mut folded = String::new();
        for word in 0..last.first_word {
            fold_word(text.word(word), &mut folded);
            normalized.push_str(&folded);
            normalized.push(' ');
        }
        let canonical = self.attribute.values.get(last.value? as usize)?;
        Some(normalized + canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer(yaml: &str) -> ValueNormalizer {
        ValueNormalizer::new(&serde_saphyr::from_str(yaml).unwrap()).unwrap()
    }

    #[test]
    fn values_get_their_canonical_form() {
        let color =
            normalizer("{name: c, values: {red: [scarlet], blue: [navy blue]}, modifiers: [dark]}");
        assert_eq!(color.normalize(" SCARLET ").as_deref(), Some("red"));
        assert_eq!(color.normalize("Dark-Red").as_deref(), Some("dark red"));
        assert_eq!(color.normalize("Navy  Blue").as_deref(), Some("blue"));
        for other in ["reddish", "red shoes", "shoes red", "", "dark"] {
            assert_eq!(color.normalize(other), None, "{other}");
        }
        let weight = normalizer("{name: w, type: quantity, unit: kg}");
        assert_eq!(weight.normalize("2 lb").as_deref(), Some("0.907185 kg"));
        assert_eq!(weight.normalize("500-1000 g").as_deref(), Some("0.5..1 kg"));
        assert_eq!(weight.normalize("5 cm"), None);
        let code = normalizer("{name: m, type: code}");
        assert_eq!(code.normalize("tl-wr 541g").as_deref(), Some("TL-WR541G"));
        assert_eq!(code.normalize(" "), None);
    }

    #[test]
    fn invalid_definitions_are_refused() {
        let definition = AttributeDefinition {
            name: "w".into(),
            kind: AttributeKind::Quantity,
            ..AttributeDefinition::default()
        };
        let error = ValueNormalizer::new(&definition).unwrap_err().to_string();
        assert!(
            error.contains("attribute 'w'") && error.contains("needs a unit"),
            "{error}"
        );
    }
}
