//! Where the tokens of a text stand: between marks, in dimensions, among equal words.

use super::hashing::{HashedMap, mix};
use super::token_hashes::TokenHashes;

/// Tokens to the next word that is looked at.
const MAX_DISTANCE: usize = 6;

/// Hash of a word that is missing.
const NONE: u64 = 0x0F0F_1234_ABCD_0001;

/// Place of a token in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenLayout {
    /// The mark before, with the number of tokens since.
    pub mark_before: u64,
    pub since_mark: u64,
    /// The mark behind, with the number of tokens to it.
    pub mark_behind: u64,
    pub to_mark: u64,
    /// Nearest words with letters before and behind.
    pub word_before: u64,
    pub word_behind: u64,
    /// Place in dimensions such as `3 x 4 x 5`: number and total of the factors.
    pub factor: Option<(u64, u64)>,
    /// Tokens with the same word in the text, and how many of them are before.
    pub repeats: u64,
    pub before: u64,
}

/// The layout of each token.
pub fn layout(tokens: &[TokenHashes]) -> Vec<TokenLayout> {
    let mut layout = vec![TokenLayout::default(); tokens.len()];
    add_before(tokens, &mut layout);
    add_behind(tokens, &mut layout);
    add_factors(tokens, &mut layout);
    add_repeats(tokens, &mut layout);
    layout
}

fn add_before(tokens: &[TokenHashes], layout: &mut [TokenLayout]) {
    let (mut mark, mut word) = ((NONE, 0), (NONE, 0));
    for (at, (token, place)) in tokens.iter().zip(layout).enumerate() {
        place.mark_before = mark.0;
        place.since_mark = (at - mark.1).min(MAX_DISTANCE) as u64;
        let is_near = word.0 != NONE && at - word.1 <= MAX_DISTANCE;
        place.word_before = if is_near { word.0 } else { NONE };
        if token.is_separator {
            mark = (token.word, at + 1);
        }
        if token.has_letter && !token.is_times {
            word = (token.word, at);
        }
    }
}

fn add_behind(tokens: &[TokenHashes], layout: &mut [TokenLayout]) {
    let (mut mark, mut word) = ((NONE, tokens.len()), (NONE, tokens.len()));
    for (at, (token, place)) in tokens.iter().zip(layout).enumerate().rev() {
        place.mark_behind = mark.0;
        place.to_mark = (mark.1 - at).min(MAX_DISTANCE) as u64;
        let is_near = word.0 != NONE && word.1 - at <= MAX_DISTANCE;
        place.word_behind = if is_near { word.0 } else { NONE };
        if token.is_separator {
            mark = (token.word, at);
        }
        if token.has_letter && !token.is_times {
            word = (token.word, at);
        }
    }
}

fn add_factors(tokens: &[TokenHashes], layout: &mut [TokenLayout]) {
    let mut start = 0;
    while start < tokens.len() {
        let in_dimensions = |token: &&TokenHashes| token.is_times || token.is_dimension;
        let length = tokens[start..].iter().take_while(in_dimensions).count();
        let run = start..start + length;
        let total = tokens[run.clone()]
            .iter()
            .filter(|token| token.is_times)
            .count() as u64;
        if total > 0 {
            let mut number = 0;
            for at in run {
                number += u64::from(tokens[at].is_times);
                layout[at].factor = Some((number.min(4), total.min(4)));
            }
        }
        start += length.max(1);
    }
}

fn add_repeats(tokens: &[TokenHashes], layout: &mut [TokenLayout]) {
    let mut counts: HashedMap<u64> = HashedMap::default();
    for (token, place) in tokens.iter().zip(layout.iter_mut()) {
        let count = counts.entry(token.word).or_default();
        place.before = (*count).min(2);
        *count += 1;
    }
    for (token, place) in tokens.iter().zip(layout) {
        place.repeats = counts[&token.word].min(3);
    }
}

impl TokenLayout {
    /// Calls `add` with the kind and the value of each feature.
    pub fn features(&self, here: &TokenHashes, column: u64, mut add: impl FnMut(u64, u64)) {
        add(120, mix(self.mark_before, self.since_mark));
        add(121, mix(self.mark_behind, self.to_mark));
        add(
            122,
            mix(
                mix(self.mark_before, self.mark_behind),
                8 * self.since_mark + self.to_mark,
            ),
        );
        add(123, self.word_before);
        add(124, self.word_behind);
        add(125, mix(self.word_before, here.digits));
        add(126, mix(self.word_behind, here.digits));
        if let Some((number, total)) = self.factor {
            add(130, 8 * number + total);
            add(131, mix(8 * number + total, self.word_behind));
            add(132, mix(8 * number + total, column));
        }
        if !here.is_mark {
            add(135, mix(column, 4 * self.repeats + self.before));
            add(136, mix(here.collapsed, 4 * self.repeats + self.before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::token_hashes::token_hashes;
    use super::super::tokens::WordSplits;
    use super::*;

    #[test]
    fn factors_marks_and_repeats_are_found() {
        let text = "Bolt tray, 3 x 4\" W, Bolt";
        let tokens = token_hashes(text, &WordSplits::default().tokenize(text));
        let layout = layout(&tokens);
        // Bolt tray , 3 x 4 " W , Bolt
        let factors: Vec<_> = layout.iter().map(|place| place.factor).collect();
        assert_eq!(factors[2..4], [None, Some((0, 1))]);
        assert_eq!(factors[5..8], [Some((1, 1)), Some((1, 1)), Some((1, 1))]);
        assert_eq!(layout[3].word_before, tokens[1].word);
        assert_eq!(layout[3].word_behind, tokens[7].word);
        assert_eq!((layout[3].since_mark, layout[3].to_mark), (0, 5));
        assert_eq!((layout[9].repeats, layout[9].before), (2, 1));
    }
}
