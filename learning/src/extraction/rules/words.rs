//! Words of a text with their places, and their case-folded forms.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word in bytes that a phrase can have.
pub const MAX_WORD_BYTES: usize = 256;

/// Calls `each` with the start and end of every word. A word is a run of letters and
/// digits; scripts without spaces give one word per character.
pub fn each_word_place(text: &str, mut each: impl FnMut(usize, usize)) {
    let mut start = None;
    let mut is_single = false;
    for (at, c) in text.char_indices() {
        let continues = if c.is_ascii() {
            c.is_ascii_alphanumeric()
        } else {
            c.is_alphanumeric() || is_combining_mark(c)
        };
        let single = continues && is_unsegmented(c);
        let splits = single || (is_single && !is_combining_mark(c));
        if let Some(begin) = start
            && (!continues || splits)
        {
            each(begin, at);
            start = None;
        }
        if continues && start.is_none() {
            start = Some(at);
            is_single = single;
        }
    }
    if let Some(begin) = start {
        each(begin, text.len());
    }
}

/// Whether `c` belongs to a script that writes words without spaces.
fn is_unsegmented(c: char) -> bool {
    matches!(c,
        '\u{0E01}'..='\u{0EFF}'     // Thai, Lao
        | '\u{1000}'..='\u{109F}'   // Myanmar
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{3041}'..='\u{30FF}'   // Hiragana, Katakana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}') // Han
}

/// Writes the case-folded form of a word to `folded`.
pub fn fold_word(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.push_str(word);
        folded.make_ascii_lowercase();
        return;
    }
    for c in word.nfkc().flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            c => folded.push(c),
        }
    }
}

/// Writes the characters between two words that tell phrases apart: neither spaces nor
/// hyphens, and one form of the apostrophe.
pub fn fold_gap(gap: &str, folded: &mut String) {
    folded.clear();
    for c in gap.chars() {
        match c {
            '-' | '\u{2010}' | '\u{2011}' => {}
            '’' | '‘' | 'ʼ' => folded.push('\''),
            c if c.is_whitespace() => {}
            c => folded.push(c),
        }
    }
}

/// Words of a phrase and what is around them.
#[derive(Debug, Default, PartialEq)]
pub struct PhraseParts {
    /// Folded words, each with the folded gap before it.
    pub words: Vec<(String, String)>,
    /// Characters before the first word, and after the last.
    pub prefix: String,
    pub suffix: String,
}

/// Splits a phrase of a definition. It has no words if it is blank or of punctuation.
pub fn phrase_parts(phrase: &str) -> PhraseParts {
    let phrase = phrase.trim();
    let mut parts = PhraseParts::default();
    let mut last = 0;
    let (mut word, mut gap) = (String::new(), String::new());
    each_word_place(phrase, |start, end| {
        fold_word(&phrase[start..end], &mut word);
        if parts.words.is_empty() {
            parts.prefix = phrase[..start].to_string();
        } else {
            fold_gap(&phrase[last..start], &mut gap);
        }
        parts.words.push((gap.clone(), word.clone()));
        last = end;
    });
    if !parts.words.is_empty() {
        parts.suffix = phrase[last..].to_string();
    }
    parts
}

/// A form of `phrase` that is equal for phrases that match the same texts; empty for
/// phrases without words.
pub fn fold_phrase(phrase: &str) -> String {
    let parts = phrase_parts(phrase);
    if parts.words.is_empty() {
        return String::new();
    }
    let mut folded = parts.prefix;
    for (gap, word) in &parts.words {
        folded.push('\u{1}');
        folded.push_str(gap);
        folded.push('\u{1}');
        folded.push_str(word);
    }
    folded + "\u{1}" + &parts.suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        each_word_place(text, |start, end| words.push(&text[start..end]));
        words
    }

    #[test]
    fn words_are_parts_of_the_text() {
        assert_eq!(
            words("Größe: 42cm, e\u{301}te!"),
            ["Größe", "42cm", "e\u{301}te"]
        );
        assert_eq!(words("红色ab连"), ["红", "色", "ab", "连"]);
        assert_eq!(words(" -- "), Vec::<&str>::new());
        assert_eq!(words(""), Vec::<&str>::new());
    }

    #[test]
    fn folded_phrases_ignore_case_spaces_and_hyphens() {
        for (one, other) in [
            ("Navy-Blue", " navy  blue"),
            ("STRASSE", "straße"),
            ("Men’s", "men's"),
            ("É", "e\u{301}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ＡＢＣ", "abc"),
        ] {
            assert_eq!(fold_phrase(one), fold_phrase(other));
        }
        for (one, other) in [("C", "C++"), ("H&M", "H M"), ("ab", "a b"), ("#1", "1")] {
            assert_ne!(fold_phrase(one), fold_phrase(other));
        }
        assert_eq!(fold_phrase(" ?! "), "");
    }
}
