//! Candidates of a text attribute: listed values, and words after a cue.

use super::candidate::Candidate;
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, ValueMatch, WordsOfText};
use super::words::fold_word;

const LISTED_SCORE: f32 = 1.0;

/// Scores of listed values of an attribute with leading words: elsewhere in the first
/// text, and in other texts.
const LATER_SCORE: f32 = 0.7;
const OTHER_TEXT_SCORE: f32 = 0.35;

/// Words at the start of a text that count as its start.
const LEADING_WORDS: usize = 3;

/// Score of the words after a label: `Color: Midnight Sky`.
const LABELLED_SCORE: f32 = 0.8;

/// Score of capitalised words after a cue without colon: `by Acme`.
const CUED_SCORE: f32 = 0.6;

/// Most words of a value that is not listed.
const MAX_LABELLED_WORDS: usize = 4;
const MAX_CUED_WORDS: usize = 3;

/// Adds the listed values of a text.
pub fn listed_values(
    attribute: &CompiledAttribute,
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    is_first: bool,
    candidates: &mut Vec<Candidate>,
) {
    let mut ruled_out_until = None;
    for found in &phrases.values {
        let Some(value) = found.value else { continue };
        let first_word = phrases.modifiers_before(&text, found.first_word);
        let follows_ruled_out =
            ruled_out_until.is_some_and(|end| continues_list(&text, end, first_word));
        if follows_ruled_out || phrases.is_ruled_out(&text, first_word, found.end_word) {
            ruled_out_until = Some(found.end_word);
            continue;
        }
        let has_modifier = first_word < found.first_word;
        if found.is_ambiguous
            && !has_modifier
            && !phrases.has_cue_before(&text, found.first_word)
            && !phrases.has_cue_after(&text, found.end_word)
            && !is_isolated(&text, found, is_first && attribute.has_leading_words)
        {
            continue;
        }
        let is_leading = is_first && first_word < LEADING_WORDS;
        let score = if !attribute.has_leading_words
            || is_leading
            || phrases.has_cue_before(&text, found.first_word)
        {
            LISTED_SCORE
        } else if is_first {
            LATER_SCORE
        } else {
            OTHER_TEXT_SCORE
        };
        let Some(canonical) = attribute.values.get(value as usize) else {
            continue;
        };
        let mut start = found.start;
        let mut normalized = String::new();
        if has_modifier {
            start = text.words[first_word].start;
            let mut folded = String::new();
            for word in first_word..found.first_word {
                fold_word(text.word(word), &mut folded);
                normalized.push_str(&folded);
                normalized.push(' ');
            }
        }
        normalized.push_str(canonical);
        candidates.push(Candidate {
            start,
            end: found.end,
            score,
            normalized: Some(normalized),
        });
    }
}

/// Adds words after a cue that no listed value starts. `other_start` tells whether a value
/// of another attribute starts with a word.
pub fn cued_values(
    attribute: &CompiledAttribute,
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    other_start: &dyn Fn(usize) -> bool,
    candidates: &mut Vec<Candidate>,
) {
    if attribute.is_closed {
        return;
    }
    for (word, needs_colon) in &phrases.cues {
        if *word >= text.words.len() || !text.is_labelled(*word, *needs_colon) {
            continue;
        }
        let has_colon = text.is_labelled(*word, true);
        let is_listed = phrases
            .values
            .binary_search_by(|value| value.first_word.cmp(word))
            .is_ok();
        if is_listed {
            continue;
        }
        let (end_word, score) = if has_colon {
            (labelled_end(&text, *word), LABELLED_SCORE)
        } else {
            (capitalised_end(&text, *word, other_start), CUED_SCORE)
        };
        if end_word > *word && !phrases.is_ruled_out(&text, *word, end_word) {
            candidates.push(Candidate {
                start: text.words[*word].start,
                end: text.words[end_word - 1].end,
                score,
                normalized: None,
            });
        }
    }
}

/// Whether `word` continues a list whose earlier item ends at `end_word`: `LG and Sony`.
fn continues_list(text: &WordsOfText<'_>, end_word: usize, word: usize) -> bool {
    const MAX_GAP: usize = 5;
    let is_mark = |gap: &str| {
        gap.len() <= MAX_GAP
            && gap
                .chars()
                .all(|c| matches!(c, ' ' | ',' | '/' | '&' | '+'))
    };
    match word.checked_sub(end_word) {
        Some(0) => text.gap_before(word).trim() != "" && is_mark(text.gap_before(word)),
        Some(1) => {
            let between = text.word(end_word);
            ["and", "or"]
                .iter()
                .any(|and| between.eq_ignore_ascii_case(and))
                && is_mark(text.gap_before(end_word))
                && is_mark(text.gap_before(word))
        }
        _ => false,
    }
}

/// Whether punctuation marks, or the end of the text, are around a value.
fn is_isolated(text: &WordsOfText<'_>, found: &ValueMatch, may_start: bool) -> bool {
    let before = text.text[..found.start].trim_end_matches(' ');
    let after = text.text[found.end..].trim_start_matches(' ');
    let spaced_after = after.len() < text.text.len() - found.end;
    let spaced_before = before.len() < found.start;
    // Single letters are parts of `6 Gb/s`, `Part(s)` and `S...` too.
    let value = &text.text[found.start..found.end];
    let is_letter = value.chars().count() == 1;
    if is_letter && !value.starts_with(char::is_uppercase) {
        return false;
    }
    let starts = match before.chars().next_back() {
        None => may_start,
        Some(c @ ('-' | '–' | '—')) => spaced_before || c != '-',
        Some('(') => !before[..before.len() - 1].ends_with(char::is_alphanumeric),
        Some('/') => !is_letter,
        Some(c) => matches!(c, '[' | ',' | '|' | ';' | ':'),
    };
    let ends = match after.chars().next() {
        None => true,
        Some(c @ ('-' | '–' | '—')) => spaced_after || c != '-',
        Some('.' | '/') => !is_letter,
        Some(c) => matches!(c, ')' | ']' | ',' | '|' | ';'),
    };
    starts && (ends || before.is_empty())
}

/// End of the value of a label: up to a punctuation mark or the next label.
fn labelled_end(text: &WordsOfText<'_>, first: usize) -> usize {
    let mut end = first + 1;
    while end < text.words.len()
        && end - first < MAX_LABELLED_WORDS
        && is_inside_value(text.gap_before(end))
    {
        end += 1;
    }
    // The last word may be the next label.
    let is_label = |word: usize| word < text.words.len() && text.is_labelled(word, true);
    if end - first > 1 && is_label(end) {
        end -= 1;
    }
    if is_label(end) && end == first + 1 {
        return first;
    }
    end
}

/// End of the capitalised words from `first` on.
fn capitalised_end(
    text: &WordsOfText<'_>,
    first: usize,
    other_start: &dyn Fn(usize) -> bool,
) -> usize {
    let is_capitalised = |word: usize| text.word(word).starts_with(char::is_uppercase);
    let mut end = first;
    while end < text.words.len()
        && end - first < MAX_CUED_WORDS
        && is_capitalised(end)
        && !other_start(end)
        && (end == first || is_inside_value(text.gap_before(end)))
    {
        end += 1;
    }
    end
}

/// Whether a value continues over `gap`.
fn is_inside_value(gap: &str) -> bool {
    matches!(gap, " " | "-" | "'" | "’" | "&" | " & " | "." | "/")
}

#[cfg(test)]
mod tests {
    use crate::extraction::Extractor;
    use crate::extraction::rules::{AttributeSet, RuleExtractor};

    /// Values with their normalized forms.
    fn values(yaml: &str, text: &str) -> Vec<(String, Option<String>)> {
        let set = format!("name: s\nattributes:\n  - {{ name: a, {yaml} }}");
        let set: AttributeSet = serde_saphyr::from_str(&set).unwrap();
        let extractor = RuleExtractor::new(&set).unwrap();
        let rows = [vec![Some(text)]];
        let spans = extractor.extract(&rows, &|| false).unwrap().remove(0);
        let value = |span: &crate::extraction::Span| span.value(&rows[0]).unwrap().to_string();
        spans
            .iter()
            .map(|span| (value(span), span.normalized.clone()))
            .collect()
    }

    fn assert_values(yaml: &str, text: &str, expected: &[(&str, Option<&str>)]) {
        let found = values(yaml, text);
        let found: Vec<_> = found
            .iter()
            .map(|(v, n)| (v.as_str(), n.as_deref()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    const COLOR: &str = "values: {red: [scarlet], blue: [navy], cream: []}, ambiguous: [cream], \
        modifiers: [dark, light], excluded: [red wine], cues: ['color:'], cues_after: [color], \
        not_before: [team]";

    #[test]
    fn listed_values_keep_their_order() {
        assert_values(
            COLOR,
            "Navy/SCARLET",
            &[("Navy", Some("blue")), ("SCARLET", Some("red"))],
        );
        assert_values(
            COLOR,
            "Dark-Red light blue",
            &[
                ("Dark-Red", Some("dark red")),
                ("light blue", Some("light blue")),
            ],
        );
        assert_values(COLOR, "red wine, Red Team, redder", &[]);
    }

    #[test]
    fn ambiguous_values_need_a_cue_or_punctuation() {
        for text in [
            "Cloth - Cream",
            "Cloth (cream)",
            "Color: cream lace",
            "cream color",
        ] {
            assert_eq!(values(COLOR, text).len(), 1, "{text}");
        }
        for text in ["Hand cream 50 ml", "cream", "ice-cream", "Cream (50 ml)"] {
            assert_values(COLOR, text, &[]);
        }
        let size = "values: [S, L], ambiguous: [S, L], closed: true, cues: [size]";
        assert_values(
            size,
            "Shirt (L), 6 Gb/s, Part(s): 1, size S",
            &[("L", Some("L")), ("S", Some("S"))],
        );
    }

    #[test]
    fn cues_lead_to_other_values() {
        assert_values(
            COLOR,
            "Color: Midnight Sky; Size: 5",
            &[("Midnight Sky", None)],
        );
        assert_values(COLOR, "color: Ash Size: 5", &[("Ash", None)]);
        assert_values(COLOR, "color:", &[]);
        assert_values(COLOR, "color: ; size", &[]);
        let brand = "cues: [by], not_after: [for]";
        assert_values(
            brand,
            "Tags by Avery Dennison, sold by weight",
            &[("Avery Dennison", None)],
        );
        assert_values("cues: [by], closed: true, values: [Acme]", "by Zeta", &[]);
    }

    #[test]
    fn lists_after_for_are_ruled_out_as_a_whole() {
        let brand = "values: [Sony, LG, HP], not_after: [for]";
        assert_values(brand, "Remote for your Sony, LG and HP", &[]);
        assert_values(brand, "Sony remote for LG", &[("Sony", Some("Sony"))]);
    }
}
