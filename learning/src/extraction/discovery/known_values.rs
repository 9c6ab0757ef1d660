//! Values of attributes that are known by name.

use std::collections::{BTreeMap, HashMap};

use crate::extraction::rules::AttributeSet;

/// Minimum share of known values, by rows and by number, from which a set of values is a
/// known attribute.
const MIN_KNOWN_SHARE: f32 = 0.5;
const MIN_KNOWN_VALUES: f32 = 0.3;

/// Values of attributes that are known by name.
#[derive(Debug, Default)]
pub struct KnownValues {
    attributes: HashMap<String, Vec<String>>,
}

impl KnownValues {
    /// The values and synonyms of a set.
    pub fn new(set: &AttributeSet) -> Self {
        let mut attributes: HashMap<String, Vec<String>> = HashMap::new();
        for definition in &set.attributes {
            let spellings = definition.values.iter().flat_map(|value| value.spellings());
            for spelling in spellings {
                let attributes = attributes.entry(spelling.to_lowercase()).or_default();
                attributes.push(definition.name.clone());
            }
        }
        Self { attributes }
    }

    /// The attributes that have `value`, in lower case.
    pub fn attributes_of(&self, value: &str) -> &[String] {
        self.attributes.get(value).map_or(&[], Vec::as_slice)
    }

    /// The attribute of a set of values with the numbers of their rows, if it has enough of
    /// them.
    pub fn attribute_of(&self, values: &BTreeMap<String, u64>) -> Option<String> {
        let mut found: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for (value, count) in values {
            for attribute in self.attributes_of(value) {
                let (rows, distinct) = found.entry(attribute).or_default();
                *rows += count;
                *distinct += 1;
            }
        }
        let all: u64 = values.values().sum();
        let is_enough = |rows: u64, distinct: usize| {
            rows as f32 >= MIN_KNOWN_SHARE * all as f32
                && distinct as f32 >= MIN_KNOWN_VALUES * values.len() as f32
        };
        let best = found
            .into_iter()
            .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
        let (name, (rows, distinct)) = best?;
        is_enough(rows, distinct).then(|| name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::rules::{AttributeDefinition, AttributeValue};

    #[test]
    fn a_set_needs_enough_known_values() {
        let definition = |name: &str, value: &str| AttributeDefinition {
            name: name.to_string(),
            values: vec![AttributeValue {
                value: value.to_string(),
                synonyms: vec!["Gold".to_string()],
            }],
            ..AttributeDefinition::default()
        };
        let known = KnownValues::new(&AttributeSet {
            attributes: vec![definition("color", "red"), definition("material", "steel")],
            ..AttributeSet::default()
        });
        assert_eq!(known.attributes_of("gold"), ["color", "material"]);
        assert!(known.attributes_of("tea").is_empty());
        let of = |values: &[(&str, u64)]| {
            let values = values
                .iter()
                .map(|(value, count)| (value.to_string(), *count));
            known.attribute_of(&values.collect())
        };
        assert_eq!(of(&[("red", 6), ("tea", 5)]), Some("color".to_string()));
        assert_eq!(of(&[("red", 4), ("tea", 5)]), None);
        // One frequent value is not enough.
        assert_eq!(of(&[("red", 9), ("a", 1), ("b", 1), ("c", 1)]), None);
        assert_eq!(of(&[]), None);
    }
}
