//! Problems of an attribute set.

use std::collections::{HashMap, HashSet};

use super::attribute_set::{AttributeDefinition, AttributeKind, AttributeSet};
use super::pattern;
use super::phrase_matcher::PhraseMatcher;
use super::quantities::find_unit;
use super::roles::{add_roles, start_of};
use super::words::fold_phrase;

impl AttributeSet {
    /// Checks names, values, units and patterns.
    ///
    /// # Errors
    /// A message that names the set, the attribute and the next step.
    pub fn validate(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("an attribute set has a blank name; name it".to_string());
        }
        let owner = format!("attribute set '{}'", self.name);
        if self.attributes.is_empty() {
            return Err(format!("{owner} has no attributes; add one or more"));
        }
        let mut seen = HashSet::new();
        for (position, definition) in self.attributes.iter().enumerate() {
            let name = definition.name.trim();
            if name.is_empty() {
                return Err(format!(
                    "{owner}: attribute {} has a blank name; name it",
                    position + 1
                ));
            }
            if !seen.insert(name.to_lowercase()) {
                return Err(format!(
                    "{owner}: attribute '{name}' is given twice; remove one"
                ));
            }
            definition.problem().map_or(Ok(()), |what| {
                Err(format!("{owner}: attribute '{name}': {what}"))
            })?;
        }
        Ok(())
    }
}

impl AttributeDefinition {
    /// The first problem of the definition, and what to do.
    pub(super) fn problem(&self) -> Option<String> {
        self.kind_problem()
            .or_else(|| self.value_problem())
            .or_else(|| self.unit_problem())
            .or_else(|| self.pattern_problem())
            .or_else(|| {
                let added = add_roles(&mut PhraseMatcher::new(), 0, self);
                added
                    .err()
                    .map(|what| format!("{what}; correct or remove it"))
            })
    }

    fn kind_problem(&self) -> Option<String> {
        let is_quantity = self.kind == AttributeKind::Quantity;
        let for_quantities = [
            ("unit", self.unit.is_some()),
            ("axis", self.axis.is_some()),
            ("bare_units", self.bare_units.is_some()),
        ];
        let for_text = [
            ("values", !self.values.is_empty()),
            ("pattern", self.pattern.is_some()),
            ("modifiers", !self.modifiers.is_empty()),
            ("ambiguous", !self.ambiguous.is_empty()),
            ("leading", self.leading.is_some()),
            ("closed", self.closed),
        ];
        let (misplaced, advice) = if is_quantity {
            (&for_text[..], "remove it, or remove 'type: quantity'")
        } else {
            (&for_quantities[..], "remove it, or add 'type: quantity'")
        };
        if let Some((key, _)) = misplaced.iter().find(|(_, given)| *given) {
            let other = if is_quantity {
                "no quantity has"
            } else {
                "only a quantity has"
            };
            return Some(format!("{other} '{key}'; {advice}"));
        }
        let finds_nothing = self.kind == AttributeKind::Text
            && self.values.is_empty()
            && self.pattern.is_none()
            && self.leading.is_none()
            && (self.cues.is_empty() || self.closed);
        finds_nothing.then(|| "nothing to look for; add 'values', 'pattern' or 'cues'".to_string())
    }

    fn value_problem(&self) -> Option<String> {
        let mut owners: HashMap<String, usize> = HashMap::new();
        for (position, value) in self.values.iter().enumerate() {
            if value.value.trim().is_empty() {
                return Some(format!(
                    "value {} is blank; write or remove it",
                    position + 1
                ));
            }
            for spelling in value.spellings() {
                if spelling.trim().is_empty() {
                    return Some(format!(
                        "value '{}' has a blank synonym; write or remove it",
                        start_of(&value.value)
                    ));
                }
                let owner = *owners.entry(fold_phrase(spelling)).or_insert(position);
                if owner != position {
                    return Some(format!(
                        "'{}' belongs to the values '{}' and '{}'; remove one",
                        start_of(spelling),
                        start_of(&self.values[owner].value),
                        start_of(&value.value)
                    ));
                }
            }
        }
        let stray = self
            .ambiguous
            .iter()
            .find(|word| !owners.contains_key(&fold_phrase(word)));
        stray.map(|word| {
            format!(
                "ambiguous '{}' is not a value; add it to 'values' or remove it",
                start_of(word)
            )
        })
    }

    fn unit_problem(&self) -> Option<String> {
        if self.kind != AttributeKind::Quantity {
            return None;
        }
        let Some(name) = &self.unit else {
            return Some("a quantity needs a unit; add 'unit', such as 'unit: kg'".to_string());
        };
        let Some(unit) = find_unit(name) else {
            return Some(format!(
                "unknown unit '{}'; use a unit such as kg, ml, cm, W, GB or count",
                start_of(name)
            ));
        };
        for bare in self.bare_units.iter().flatten() {
            let Some(bare_unit) = find_unit(bare) else {
                return Some(format!(
                    "unknown unit '{}' in 'bare_units'; correct or remove it",
                    start_of(bare)
                ));
            };
            if bare_unit.dimension != unit.dimension {
                return Some(format!(
                    "'{}' in 'bare_units' does not convert to '{name}'; remove it",
                    start_of(bare)
                ));
            }
        }
        None
    }

    fn pattern_problem(&self) -> Option<String> {
        let unless = self
            .leading
            .as_ref()
            .and_then(|leading| leading.unless.as_ref());
        for (key, pattern) in [("pattern", self.pattern.as_ref()), ("unless", unless)] {
            let Some(pattern) = pattern else { continue };
            if pattern.is_empty() {
                return Some(format!("'{key}' is empty; write or remove it"));
            }
            if let Err(reason) = pattern::compile(pattern) {
                return Some(format!(
                    "'{key}' '{}' is not a valid regular expression: {reason}; correct it",
                    start_of(pattern)
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(yaml: &str) -> String {
        let set = format!("name: s\nattributes:\n  - {{ {yaml} }}");
        let set: AttributeSet = serde_saphyr::from_str(&set).unwrap();
        set.validate().err().unwrap_or_default()
    }

    #[test]
    fn problems_name_set_attribute_and_next_step() {
        for (yaml, expected) in [
            ("name: a, values: [red, Red]", "remove one"),
            (
                "name: a, values: {red: [rot], blue: [ROT]}",
                "'ROT' belongs to the values 'red' and 'blue'",
            ),
            ("name: a, values: [' ']", "value 1 is blank"),
            ("name: a, values: {red: ['']}", "blank synonym"),
            ("name: a, values: ['?!']", "neither a letter nor a digit"),
            (
                "name: a, values: [red], ambiguous: [blue]",
                "'blue' is not a value",
            ),
            (
                "name: a, values: [red], unit: kg",
                "only a quantity has 'unit'",
            ),
            ("name: a, type: quantity", "needs a unit"),
            (
                "name: a, type: quantity, unit: parsec",
                "unknown unit 'parsec'",
            ),
            (
                "name: a, type: quantity, unit: kg, values: [x]",
                "no quantity has 'values'",
            ),
            (
                "name: a, type: quantity, unit: kg, bare_units: [cm]",
                "does not convert",
            ),
            (
                "name: a, type: quantity, unit: kg, bare_units: [zz]",
                "unknown unit 'zz'",
            ),
            ("name: a, pattern: '('", "unclosed group"),
            ("name: a, pattern: ''", "is empty"),
            ("name: a", "nothing to look for"),
            ("name: ' ', values: [a]", "attribute 1 has a blank name"),
        ] {
            let message = problem(yaml);
            assert!(message.contains(expected), "{yaml}: {message}");
            assert!(message.starts_with("attribute set 's': "), "{message}");
        }
        for yaml in [
            "name: a, values: {red: [RED, Red]}",
            "name: a, type: code",
            "name: a, cues: ['a:']",
            "name: a, type: quantity, unit: pieces",
        ] {
            assert_eq!(problem(yaml), "", "{yaml}");
        }
    }

    #[test]
    fn sets_need_names_and_attributes() {
        let mut set = AttributeSet {
            name: " ".into(),
            ..AttributeSet::default()
        };
        assert!(set.validate().unwrap_err().contains("blank name"));
        set.name = "s".into();
        assert!(set.validate().unwrap_err().contains("no attributes"));
        let definition = AttributeDefinition {
            name: "a".into(),
            kind: AttributeKind::Code,
            ..AttributeDefinition::default()
        };
        set.attributes = vec![definition.clone(), definition];
        assert!(set.validate().unwrap_err().contains("'a' is given twice"));
    }

    #[test]
    fn the_built_in_set_is_valid() {
        AttributeSet::built_in().unwrap().validate().unwrap();
    }
}
