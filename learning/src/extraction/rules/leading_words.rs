//! Candidates at the start of the first text: `Lowepro - Compact Courier 70`.

use super::candidate::Candidate;
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, WordsOfText};
use crate::words::{is_stop_word, word_frequency};

/// Score of the words before ` - `, of capitalised words, and of others.
const SEPARATED_SCORE: f32 = 0.75;
const CAPITALISED_SCORE: f32 = 0.55;
const PLAIN_SCORE: f32 = 0.4;

/// Most words of a value.
const MAX_WORDS: usize = 3;

/// Share of texts from which on a word is common.
const MIN_COMMON_FREQUENCY: f64 = 0.003;

/// Share of texts above which a word does not continue a name.
const MIN_LISTED_FREQUENCY: f64 = 0.001;

/// Adds the value at the start of `text`. `other_start` tells whether a value of another
/// attribute starts with the first word.
pub fn leading_words(
    attribute: &CompiledAttribute,
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    other_start: &dyn Fn(usize) -> bool,
    candidates: &mut Vec<Candidate>,
) {
    if attribute
        .not_leading
        .as_ref()
        .is_some_and(|unless| unless.is_match(text.text))
    {
        return;
    }
    let Some(first) = first_word(&text) else {
        return;
    };
    let word = text.word(first);
    let is_cased = text.text.chars().any(char::is_uppercase);
    let is_common =
        phrases.is_common_word(first) || is_common_in_general(word) || other_start(first);
    let separated = separated_end(&text, first);
    let (end_word, score) = match separated {
        Some(end) if !is_common || end - first > 1 => (end, SEPARATED_SCORE),
        _ if is_common || !is_name(word, is_cased) => return,
        _ => {
            let is_plain = |word: usize| {
                phrases.is_common_word(word)
                    || is_listed_in_general(text.word(word))
                    || other_start(word)
            };
            let end = name_end(&text, first, is_plain);
            let score = if is_cased {
                CAPITALISED_SCORE
            } else {
                PLAIN_SCORE
            };
            (end, score)
        }
    };
    if phrases.is_ruled_out(&text, first, end_word) {
        return;
    }
    candidates.push(Candidate {
        start: text.words[first].start,
        end: text.words[end_word - 1].end,
        score,
        normalized: None,
    });
}

/// The first word after a remark in brackets: `(Renewed) boAt`.
fn first_word(text: &WordsOfText<'_>) -> Option<usize> {
    let start = text.text.trim_start();
    let offset = text.text.len() - start.len();
    let closing = if start.starts_with('(') {
        start.find(')')?
    } else {
        0
    };
    let first = text.word_at(offset + closing);
    (first < text.words.len()).then_some(first)
}

/// Whether most products may have the word.
fn is_common_in_general(word: &str) -> bool {
    let word = word.to_lowercase();
    is_stop_word(&word) || word_frequency(&word) >= MIN_COMMON_FREQUENCY
}

/// Whether texts in general have the word now and then.
fn is_listed_in_general(word: &str) -> bool {
    let word = word.to_lowercase();
    is_stop_word(&word) || word_frequency(&word) >= MIN_LISTED_FREQUENCY
}

/// Whether a word may be a name: it starts with a letter, and is capitalised in a text
/// with capitals.
fn is_name(word: &str, is_cased: bool) -> bool {
    let starts_with_letter = word.chars().next().is_some_and(char::is_alphabetic);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    starts_with_letter
        && word.chars().count() > 1
        && digits <= 1
        && (!is_cased || word.chars().any(char::is_uppercase))
}

/// End of the words before ` - `, if they are few.
fn separated_end(text: &WordsOfText<'_>, first: usize) -> Option<usize> {
    for word in first + 1..text.words.len().min(first + MAX_WORDS + 2) {
        let gap = text.gap_before(word);
        if matches!(gap, " - " | " – " | " — ") {
            let is_named = (first..word)
                .all(|word| text.word(word).chars().all(|c| !c.is_ascii_digit()) || word == first);
            let is_short = word - first <= MAX_WORDS || gap_count(text, first, word) > 0;
            return (is_named && is_short).then_some(word);
        }
        if !is_name_gap(gap) {
            return None;
        }
    }
    None
}

/// Number of gaps that do not separate words, such as apostrophes.
fn gap_count(text: &WordsOfText<'_>, first: usize, end: usize) -> usize {
    let gaps = (first + 1..end).filter(|word| !text.gap_before(*word).contains(' '));
    gaps.count()
}

fn is_name_gap(gap: &str) -> bool {
    matches!(gap, " " | "-" | "'" | "’" | "&" | " & " | "." | ". ")
}

/// End of the name that starts with `first`: joined parts, further words in capitals, and
/// one more word that is rare and capitalised.
fn name_end(text: &WordsOfText<'_>, first: usize, is_plain: impl Fn(usize) -> bool) -> usize {
    let is_capitals = |word: usize| {
        let word = text.word(word);
        word.chars().count() > 1 && word.chars().all(char::is_uppercase)
    };
    let is_rare_name = |word: usize| {
        let name = text.word(word);
        let letters = name.chars().all(char::is_alphabetic) && name.chars().count() > 2;
        letters && name.starts_with(char::is_uppercase) && !is_plain(word)
    };
    let last = text.words.len().min(first + 2 * MAX_WORDS);
    let all_capitals = (first..last).all(|word| !text.word(word).chars().any(char::is_lowercase));
    let mut end = first + 1;
    let mut words = 1;
    while end < text.words.len() && words < MAX_WORDS {
        let joined = match text.gap_before(end) {
            "&" | " & " => true,
            "-" | "'" | "’" => text.word(end).chars().all(char::is_alphabetic),
            " " if is_capitals(first) => !all_capitals && is_capitals(end),
            " " => words == 1 && is_rare_name(end),
            _ => false,
        };
        if !joined {
            break;
        }
        words += 1;
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use crate::extraction::Extractor;
    use crate::extraction::rules::{AttributeSet, RuleExtractor};

    fn leading(texts: &[Option<&str>]) -> Option<String> {
        let set = "{name: s, attributes: [{name: brand, not_before: [style], leading: {common_words: [deluxe], \
                   unless: '- DVD$'}}, {name: color, values: [red]}]}";
        let set: AttributeSet = serde_saphyr::from_str(set).unwrap();
        let rows = [texts.to_vec()];
        let spans = RuleExtractor::new(&set)
            .unwrap()
            .extract(&rows, &|| false)
            .unwrap();
        let span = spans[0].iter().find(|span| span.attribute == 0)?;
        Some(span.value(texts).unwrap().to_string())
    }

    #[test]
    fn names_start_the_first_text() {
        for (text, expected) in [
            ("Zorvex Qilm - Bag for School", "Zorvex Qilm"),
            ("Zorvex's Best - Bag", "Zorvex's Best"),
            ("(Renewed) zorVex Bag", "zorVex"),
            ("Zor-Vex Bag", "Zor-Vex"),
            ("ZORVEX QILM Bag for School", "ZORVEX QILM"),
            ("Zorvex & Qilm Bag", "Zorvex & Qilm"),
            ("zorvex bag", "zorvex"),
            ("Zorvex Bag", "Zorvex"),
        ] {
            assert_eq!(leading(&[Some(text)]).as_deref(), Some(expected));
            assert_eq!(
                leading(&[None, Some(text), Some("Other")]).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn other_starts_are_not_names() {
        for text in [
            "Deluxe Bag",
            "The Bag",
            "Red Bag",
            "100 Bags",
            "bag Zorvex",
            "Zorvex - DVD",
            "X Bag",
            "Zorvex style Bag",
            "(open",
            "",
            " - ",
            "(",
            "é",
        ] {
            assert_eq!(leading(&[Some(text)]), None, "{text}");
        }
    }
}
