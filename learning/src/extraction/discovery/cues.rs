//! Values after a cue: `Color: red`.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule, attribute_name};
use super::tokenized_rows::{TokenKind, TokenizedRows, TokenizedText};

/// Maximum number of words of a cue and of a value.
const MAX_CUE_WORDS: usize = 3;
const MAX_VALUE_TOKENS: usize = 6;

/// Minimum number of rows with a cue, and of distinct values.
const MIN_ROWS: usize = 4;
const MIN_VALUES: usize = 2;

/// Signs that end a value or begin a cue.
const SEPARATORS: &[&str] = &[",", ";", "|", ".", "•", "·", "(", ")", "[", "]"];

#[derive(Default)]
struct CuedValues {
    rows: BTreeMap<usize, Vec<String>>,
    values: BTreeSet<String>,
}

/// One attribute for each cue.
pub fn cues(tokenized: &TokenizedRows<'_>) -> Vec<AttributeCandidate> {
    let mut cued: BTreeMap<String, CuedValues> = BTreeMap::new();
    for (row, texts) in tokenized.rows.iter().enumerate() {
        for text in texts {
            each_cue(tokenized, text, |cue, value| {
                let values = cued.entry(cue).or_default();
                values.values.insert(value.to_lowercase());
                values.rows.entry(row).or_default().push(value.to_string());
            });
        }
    }
    let candidates = cued.into_iter().filter_map(|(cue, found)| {
        let is_enough = found.rows.len() >= MIN_ROWS && found.values.len() >= MIN_VALUES;
        let name = attribute_name(&cue);
        (is_enough && !name.is_empty()).then(|| AttributeCandidate {
            name,
            kind: DiscoveredKind::Cue,
            rule: ValueRule::After(format!("{cue}:")),
            rows: found.rows,
        })
    });
    candidates.collect()
}

/// Calls `each` with the cues of a text, in lower case, and their values.
fn each_cue(
    tokenized: &TokenizedRows<'_>,
    text: &TokenizedText<'_>,
    mut each: impl FnMut(String, &str),
) {
    let tokens = &text.tokens;
    let is_separator = |at: usize| SEPARATORS.contains(&tokenized.word(&tokens[at]));
    for colon in 1..tokens.len() {
        let is_colon = tokenized.word(&tokens[colon]) == ":";
        // 10:30 and https://
        let is_spaced = tokens
            .get(colon + 1)
            .is_some_and(|next| next.kind != TokenKind::Sign);
        if !is_colon || !is_spaced {
            continue;
        }
        let mut first = colon;
        while first > 0
            && colon - first < MAX_CUE_WORDS
            && tokens[first - 1].kind == TokenKind::Word
            && tokens[first - 1].end as usize + 1 >= tokens[first].start as usize
        {
            first -= 1;
        }
        // A longer phrase before the colon is a sentence.
        let is_start = first == 0 || tokens[first - 1].kind == TokenKind::Sign;
        if first == colon || !is_start {
            continue;
        }
        let mut last = colon;
        while last + 1 < tokens.len() && last - colon < MAX_VALUE_TOKENS && !is_separator(last + 1)
        {
            let is_next_cue = tokens
                .get(last + 2)
                .is_some_and(|t| tokenized.word(t) == ":");
            if is_next_cue && last > colon {
                break;
            }
            last += 1;
        }
        if last > colon {
            let cue = text.between(first, colon - 1).to_lowercase();
            each(cue, text.between(colon + 1, last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn values_end_at_separators_and_at_the_next_cue() {
        let rows: Vec<SourceTexts<'_>> = vec![
            vec![Some("Color: Navy Blue, Page Yield: 25K Size: M")],
            vec![Some("A long sentence before a colon: none. color: red")],
            vec![Some("Color: Black | see https://x.y at 10:30")],
            vec![Some("COLOR: white"), Some(":"), Some("a:"), Some(": b")],
        ];
        let found = cues(&TokenizedRows::new(&rows, 0));
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["color"]);
        assert_eq!(found[0].rows[&0], ["Navy Blue"]);
        assert_eq!(found[0].rule, ValueRule::After("color:".to_string()));
    }
}
