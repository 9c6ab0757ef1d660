//! The entry of an attribute in a dictionary.

use semql_inference::{Error, Result};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule};
use crate::extraction::rules::{AttributeDefinition, AttributeKind, AttributeValue, LeadingWords};

/// Values that an entry lists: the most frequent.
const MAX_LISTED_VALUES: usize = 200;

/// YAML of the entry below `attributes:`.
///
/// # Errors
/// A text that YAML cannot hold.
pub fn definition_yaml(candidate: &AttributeCandidate, values: &[(String, u64)]) -> Result<String> {
    let listed = || {
        let values = values.iter().take(MAX_LISTED_VALUES);
        let values = values.map(|(value, _)| AttributeValue {
            value: value.clone(),
            synonyms: Vec::new(),
        });
        values.collect()
    };
    let mut definition = AttributeDefinition {
        name: candidate.name.clone(),
        kind: match candidate.kind {
            DiscoveredKind::Quantity if matches!(candidate.rule, ValueRule::Unit(_)) => {
                AttributeKind::Quantity
            }
            DiscoveredKind::Code => AttributeKind::Code,
            _ => AttributeKind::Text,
        },
        ..AttributeDefinition::default()
    };
    match &candidate.rule {
        ValueRule::Listed => definition.values = listed(),
        ValueRule::Leading => {
            definition.values = listed();
            definition.leading = Some(LeadingWords::default());
        }
        ValueRule::Unit(unit) => definition.unit = Some(unit.to_string()),
        ValueRule::Pattern(pattern) => definition.pattern = Some(pattern.clone()),
        ValueRule::After(cue) => definition.cues = vec![cue.clone()],
    }
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&[definition], options).map_err(|error| {
        Error::Failed(format!(
            "cannot write the definition of {} as YAML: {error}",
            candidate.name
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn entries_are_read_back() {
        for (kind, rule) in [
            (DiscoveredKind::Values, ValueRule::Listed),
            (DiscoveredKind::Values, ValueRule::Leading),
            (DiscoveredKind::Quantity, ValueRule::Unit("kg")),
            (
                DiscoveredKind::Quantity,
                ValueRule::Pattern(r"(?i)\b\d+[ -]?ply\b".to_string()),
            ),
            (
                DiscoveredKind::Code,
                ValueRule::Pattern(r"\b(?:[A-Z]{2,4}[0-9]{4})\b".to_string()),
            ),
            (
                DiscoveredKind::Cue,
                ValueRule::After("page yield:".to_string()),
            ),
        ] {
            let candidate = AttributeCandidate {
                name: "x: #1".to_string(),
                kind,
                rule: rule.clone(),
                rows: BTreeMap::new(),
            };
            let values = [("no".to_string(), 2), ("a: b, [c]".to_string(), 1)];
            let yaml = definition_yaml(&candidate, &values).unwrap();
            let read: Vec<AttributeDefinition> = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(read[0].name, "x: #1", "{yaml}");
            match rule {
                ValueRule::Listed | ValueRule::Leading => {
                    let read: Vec<&str> = read[0].values.iter().map(|v| v.value.as_str()).collect();
                    assert_eq!(read, ["no", "a: b, [c]"], "{yaml}");
                }
                ValueRule::Unit(unit) => assert_eq!(read[0].unit.as_deref(), Some(unit)),
                ValueRule::Pattern(pattern) => assert_eq!(read[0].pattern, Some(pattern)),
                ValueRule::After(cue) => assert_eq!(read[0].cues, [cue]),
            }
        }
    }
}
