//! Features of the tokens of a text.

use std::collections::HashSet;

use super::hashing::{hash_chars, hash_text, mix};
use super::lexicon::{GroupValues, LexiconMatch, ValueLexicon};
use super::tokens::Token;

/// Hash of a feature.
pub type FeatureHash = u64;

/// Hash of the words before the first and after the last token.
const EDGE: u64 = 0x1234_5678_9ABC_DEF1;

/// Tokens before a token in which a cue such as `Color:` is looked for.
const CUE_DISTANCE: usize = 6;

/// Characters of a shape.
const MAX_SHAPE: usize = 8;

/// A text with what its features need.
pub struct TextFeatures<'a> {
    pub text: &'a str,
    pub tokens: &'a [Token],
    /// Position of the text among those of the row.
    pub column: usize,
    /// Hash of the context of the row; `None` without one.
    pub context: Option<u64>,
    /// Words of the other texts of the row.
    pub other_words: &'a HashSet<u64>,
}

/// Hashes of a token.
struct TokenHashes {
    word: u64,
    shape: u64,
    /// The word with each digit as 0.
    digits: u64,
    is_mark: bool,
}

/// Hashes of the words of a text.
pub fn word_hashes(text: &str, tokens: &[Token]) -> HashSet<u64> {
    let words = tokens.iter().map(|token| &text[token.start..token.end]);
    words
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(hash_text)
        .collect()
}

fn token_hashes(word: &str) -> TokenHashes {
    let shape = word.chars().take(MAX_SHAPE).map(|c| match c {
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c if c.is_numeric() => '9',
        c => c,
    });
    let digits = word.chars().map(|c| match c {
        c if c.is_numeric() => '0',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        c => c.to_lowercase().next().unwrap_or(c),
    });
    TokenHashes {
        word: hash_text(word),
        shape: hash_chars(shape),
        digits: hash_chars(digits),
        is_mark: !word.chars().any(char::is_alphanumeric),
    }
}

impl TextFeatures<'_> {
    /// The features of each token. Values of `own` count one group less in the lexicon.
    pub fn features(
        &self,
        lexicon: &ValueLexicon,
        own: Option<&GroupValues>,
    ) -> Vec<Vec<FeatureHash>> {
        let words: Vec<&str> = self
            .tokens
            .iter()
            .map(|token| &self.text[token.start..token.end])
            .collect();
        let hashes: Vec<TokenHashes> = words.iter().map(|word| token_hashes(word)).collect();
        let matches = lexicon.matches(self.text, self.tokens, own);
        let of_tokens = lexicon_features(&matches, words.len());
        let mut all = Vec::with_capacity(words.len());
        let mut cue: Option<(usize, u64)> = None;
        for (at, lexical) in of_tokens.into_iter().enumerate() {
            if words[at] == ":" && at > 0 {
                cue = Some((at, hashes[at - 1].word));
            }
            let near = cue.filter(|(of, _)| at > *of && at - of <= CUE_DISTANCE);
            let mut features = self.token(at, &words, &hashes, near);
            self.add_lexical(lexical, &mut features);
            features.sort_unstable();
            features.dedup();
            all.push(features);
        }
        all
    }

    fn token(
        &self,
        at: usize,
        words: &[&str],
        hashes: &[TokenHashes],
        cue: Option<(usize, u64)>,
    ) -> Vec<FeatureHash> {
        let n = words.len();
        let hash = |offset: isize, of: fn(&TokenHashes) -> u64| {
            let at = at.checked_add_signed(offset)?;
            hashes.get(at).map(of)
        };
        let word = |offset: isize| hash(offset, |of| of.word).unwrap_or(EDGE);
        let shape = |offset: isize| hash(offset, |of| of.shape).unwrap_or(EDGE);
        let digits = |offset: isize| hash(offset, |of| of.digits).unwrap_or(EDGE);
        let (here, column) = (&hashes[at], self.column as u64);
        let mut features = Vec::with_capacity(64);
        let mut add = |kind: u64, value: u64| features.push(mix(kind, value));
        add(1, column);
        add(2, here.word);
        add(3, here.shape);
        add(4, mix(column, at.min(5) as u64));
        add(5, mix(column, (n - 1 - at).min(2) as u64));
        for (kind, offset) in [(10, -3), (11, -2), (12, -1), (13, 1), (14, 2), (15, 3)] {
            add(kind, word(offset));
        }
        for (kind, offset) in [(20, -2), (21, -1), (22, 1), (23, 2)] {
            add(kind, shape(offset));
        }
        add(30, mix(word(-1), here.word));
        add(31, mix(here.word, word(1)));
        add(32, mix(mix(word(-1), here.word), word(1)));
        add(33, mix(word(-2), word(-1)));
        add(34, mix(word(1), word(2)));
        add(35, mix(shape(-1), here.shape));
        add(36, mix(here.shape, shape(1)));
        add(37, mix(mix(shape(-1), here.shape), shape(1)));
        add(38, here.digits);
        add(39, mix(here.digits, digits(1)));
        add(40, mix(digits(-1), here.digits));
        add(41, mix(here.shape, word(1)));
        add(42, mix(word(-1), here.shape));
        let text = words[at];
        if !here.is_mark {
            let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).take(40).collect();
            for length in 2..=4 {
                if chars.len() > length {
                    let (first, last) = (&chars[..length], &chars[chars.len() - length..]);
                    add(50 + length as u64, hash_chars(first.iter().copied()));
                    add(60 + length as u64, hash_chars(last.iter().copied()));
                }
            }
            add(70, u64::from(self.other_words.contains(&here.word)));
            let has_digit = text.chars().any(char::is_numeric);
            let has_letter = text.chars().any(char::is_alphabetic);
            let kind = u64::from(has_digit) + 2 * u64::from(has_letter);
            add(71, mix(kind, text.chars().count().min(20) as u64));
        }
        if let Some((of, cue)) = cue {
            add(80, cue);
            add(81, mix(cue, (at - of) as u64));
        }
        if let Some(context) = self.context {
            add(90, mix(context, column));
            add(91, mix(context, here.word));
            add(92, mix(context, here.shape));
            add(93, mix(mix(context, column), at.min(3) as u64));
            add(94, mix(context, word(-1)));
            add(95, mix(context, word(1)));
        }
        features
    }

    fn add_lexical(&self, lexical: Vec<u64>, features: &mut Vec<FeatureHash>) {
        for one in lexical {
            features.push(mix(100, one));
            features.push(mix(101, mix(one, self.column as u64)));
            if let Some(context) = self.context {
                features.push(mix(102, mix(one, context)));
            }
        }
    }
}

/// By token: hashes of the places that it has in values of the lexicon.
fn lexicon_features(matches: &[LexiconMatch], tokens: usize) -> Vec<Vec<u64>> {
    let mut features = vec![Vec::new(); tokens];
    for one in matches {
        let often = match one.groups {
            1 => 0,
            2..=4 => 1,
            _ => 2,
        };
        let tokens = features.iter_mut().enumerate();
        for (at, features) in tokens.take(one.end).skip(one.first) {
            let place = match (at == one.first, at + 1 == one.end) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            let attribute = u64::from(one.attribute);
            features.push(mix(mix(1, attribute), place));
            features.push(mix(mix(2, attribute), place * 3 + often));
            if one.is_unique {
                features.push(mix(mix(3, attribute), place));
            }
            if one.end - one.first > 1 {
                features.push(mix(mix(4, attribute), place));
            }
        }
    }
    features
}
