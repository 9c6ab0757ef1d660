//! Meaning of a phrase for an attribute.

use std::collections::HashSet;

use super::attribute_set::AttributeDefinition;
use super::phrase_matcher::PhraseMatcher;
use super::words::fold_phrase;

/// Payload of the phrases of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributeRole {
    /// Position of the attribute in the set.
    pub attribute: u32,
    pub role: Role,
}

/// Meaning of a phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Spelling of a value, by its position in the definition.
    Value {
        value: u32,
        is_ambiguous: bool,
    },
    Excluded,
    Modifier,
    Cue {
        needs_colon: bool,
    },
    CueAfter,
    NotAfter,
    NotBefore,
    CommonWord,
}

/// Adds the phrases of a definition to `matcher`.
///
/// # Errors
/// The problem of a phrase.
pub fn add_roles(
    matcher: &mut PhraseMatcher<AttributeRole>,
    attribute: usize,
    definition: &AttributeDefinition,
) -> Result<(), String> {
    let attribute = attribute as u32;
    let mut add = |what: &str, phrase: &str, role: Role| {
        matcher
            .add(phrase, AttributeRole { attribute, role })
            .map_err(|reason| format!("{what} '{}' {reason}", start_of(phrase)))
    };
    let ambiguous: HashSet<String> = definition
        .ambiguous
        .iter()
        .map(|phrase| fold_phrase(phrase))
        .collect();
    for (position, value) in definition.values.iter().enumerate() {
        let mut seen = HashSet::new();
        for spelling in value.spellings() {
            let folded = fold_phrase(spelling);
            let role = Role::Value {
                value: position as u32,
                is_ambiguous: ambiguous.contains(&folded),
            };
            if seen.insert(folded) {
                add("value", spelling, role)?;
            }
        }
    }
    for (what, phrases, role) in [
        ("excluded phrase", &definition.excluded, Role::Excluded),
        ("modifier", &definition.modifiers, Role::Modifier),
        ("word after a value", &definition.cues_after, Role::CueAfter),
        ("'not_after' phrase", &definition.not_after, Role::NotAfter),
        (
            "'not_before' phrase",
            &definition.not_before,
            Role::NotBefore,
        ),
    ] {
        for phrase in phrases {
            add(what, phrase, role)?;
        }
    }
    for cue in &definition.cues {
        let bare = cue.trim().trim_end_matches(':');
        let needs_colon = bare.len() < cue.trim().len();
        add("cue", bare, Role::Cue { needs_colon })?;
    }
    for word in definition.leading.iter().flat_map(|l| &l.common_words) {
        add("common word", word, Role::CommonWord)?;
    }
    Ok(())
}

/// The start of a phrase, for messages.
pub fn start_of(phrase: &str) -> String {
    const MAX_SHOWN: usize = 40;
    if phrase.chars().count() <= MAX_SHOWN {
        return phrase.to_string();
    }
    let start: String = phrase.chars().take(MAX_SHOWN).collect();
    format!("{start}...")
}
