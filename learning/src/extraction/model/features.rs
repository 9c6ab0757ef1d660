//! Features of the tokens of a text.

use super::hashing::{HashedSet, mix};
use super::layout::{TokenLayout, layout};
use super::lexicon::{GroupValues, LexiconMatch, ValueLexicon};
use super::token_hashes::{NO_AFFIX, TokenHashes, lexicon_tokens};

/// Hash of a feature.
pub type FeatureHash = u64;

/// Hash of the words before the first and after the last token.
const EDGE: u64 = 0x1234_5678_9ABC_DEF1;

/// Tokens before a token in which a cue such as `Color:` is looked for.
const CUE_DISTANCE: usize = 6;

/// A text with what its features need.
pub struct TextFeatures<'a> {
    pub tokens: &'a [TokenHashes],
    /// Position of the text among those of the row.
    pub column: usize,
    /// Hash of the context of the row; `None` without one.
    pub context: Option<u64>,
    /// Words of the other texts of the row.
    pub other_words: &'a HashedSet,
}

impl TextFeatures<'_> {
    /// Calls `add` with the features of each token. Values of `own`, the group of the
    /// text, count one group less in the lexicon.
    pub fn features(
        &self,
        lexicon: &ValueLexicon,
        own: Option<&GroupValues>,
        mut add: impl FnMut(&mut Vec<FeatureHash>),
    ) {
        let matches = lexicon.matches(&lexicon_tokens(self.tokens), own);
        let of_tokens = lexicon_features(&matches, self.tokens.len());
        let layout = layout(self.tokens);
        let mut features = Vec::with_capacity(128);
        let mut cue: Option<(usize, u64)> = None;
        for (at, lexical) in of_tokens.into_iter().enumerate() {
            if self.tokens[at].is_colon && at > 0 {
                cue = Some((at, self.tokens[at - 1].word));
            }
            let near = cue.filter(|(of, _)| at > *of && at - of <= CUE_DISTANCE);
            features.clear();
            self.add_words(at, &mut features);
            self.add_token(at, near, &mut features);
            self.add_layout(at, &layout[at], &mut features);
            self.add_context(at, &mut features);
            self.add_lexical(at, lexical, lexicon, own, &mut features);
            features.sort_unstable();
            features.dedup();
            add(&mut features);
        }
    }

    fn hash(&self, at: usize, offset: isize, of: fn(&TokenHashes) -> u64) -> u64 {
        let at = at.checked_add_signed(offset);
        at.and_then(|at| self.tokens.get(at)).map_or(EDGE, of)
    }

    /// Words and shapes around a token.
    fn add_words(&self, at: usize, features: &mut Vec<FeatureHash>) {
        let word = |offset: isize| self.hash(at, offset, |of| of.word);
        let shape = |offset: isize| self.hash(at, offset, |of| of.shape);
        let digits = |offset: isize| self.hash(at, offset, |of| of.digits);
        let mut add = |kind: u64, value: u64| features.push(mix(kind, value));
        add(2, word(0));
        add(3, shape(0));
        for (kind, offset) in [(10, -3), (11, -2), (12, -1), (13, 1), (14, 2), (15, 3)] {
            add(kind, word(offset));
        }
        for (kind, offset) in [(20, -2), (21, -1), (22, 1), (23, 2)] {
            add(kind, shape(offset));
        }
        add(30, mix(word(-1), word(0)));
        add(31, mix(word(0), word(1)));
        add(32, mix(mix(word(-1), word(0)), word(1)));
        add(33, mix(word(-2), word(-1)));
        add(34, mix(word(1), word(2)));
        add(35, mix(shape(-1), shape(0)));
        add(36, mix(shape(0), shape(1)));
        add(37, mix(mix(shape(-1), shape(0)), shape(1)));
        add(38, digits(0));
        add(39, mix(digits(0), digits(1)));
        add(40, mix(digits(-1), digits(0)));
        add(41, mix(shape(0), word(1)));
        add(42, mix(word(-1), shape(0)));
    }

    /// Place, affixes and cue of a token.
    fn add_token(&self, at: usize, cue: Option<(usize, u64)>, features: &mut Vec<FeatureHash>) {
        let (here, column) = (&self.tokens[at], self.column as u64);
        let mut add = |kind: u64, value: u64| features.push(mix(kind, value));
        add(1, column);
        add(4, mix(column, at.min(5) as u64));
        add(5, mix(column, (self.tokens.len() - 1 - at).min(2) as u64));
        let next_after_space = self
            .tokens
            .get(at + 1)
            .is_none_or(|next| next.is_after_space);
        add(
            6,
            u64::from(here.is_after_space) + 2 * u64::from(next_after_space),
        );
        if here.whole != here.word {
            add(7, here.whole);
            add(8, u64::from(here.begins_word));
        }
        if !here.is_mark {
            for (length, affix) in here.prefixes.iter().enumerate() {
                if *affix != NO_AFFIX {
                    add(50 + length as u64, *affix);
                }
            }
            for (length, affix) in here.suffixes.iter().enumerate() {
                if *affix != NO_AFFIX {
                    add(60 + length as u64, *affix);
                }
            }
            add(70, u64::from(self.other_words.contains(&here.word)));
            add(71, here.kind);
        }
        if let Some((of, cue)) = cue {
            add(80, cue);
            add(81, mix(cue, (at - of) as u64));
        }
    }

    /// Marks, dimensions and equal words around a token.
    fn add_layout(&self, at: usize, layout: &TokenLayout, features: &mut Vec<FeatureHash>) {
        let (here, column) = (&self.tokens[at], self.column as u64);
        layout.features(here, column, |kind, value| features.push(mix(kind, value)));
        if let Some(last) = self.tokens.last() {
            features.push(mix(140, mix(last.word, column)));
            features.push(mix(141, mix(last.word, mix(column, at.min(6) as u64))));
            features.push(mix(142, mix(last.word, mix(column, here.shape))));
        }
        let has = |offset: isize| {
            self.other_words
                .contains(&self.hash(at, offset, |token| token.word))
        };
        let around = u64::from(has(-1)) + 2 * u64::from(has(0)) + 4 * u64::from(has(1));
        features.push(mix(143, mix(around, column)));
        features.push(mix(144, mix(around, here.collapsed)));
        let collapsed = |offset: isize| self.hash(at, offset, |of| of.collapsed);
        features.push(mix(
            145,
            mix(mix(collapsed(-2), collapsed(-1)), here.collapsed),
        ));
        features.push(mix(
            146,
            mix(mix(collapsed(2), collapsed(1)), here.collapsed),
        ));
        features.push(mix(
            147,
            mix(mix(collapsed(-1), here.collapsed), collapsed(1)),
        ));
    }

    /// Conjunctions with the context.
    fn add_context(&self, at: usize, features: &mut Vec<FeatureHash>) {
        let Some(context) = self.context else {
            return;
        };
        let (here, column) = (&self.tokens[at], self.column as u64);
        let mut add = |kind: u64, value: u64| features.push(mix(kind, mix(context, value)));
        add(90, column);
        add(91, here.word);
        add(92, here.shape);
        add(93, mix(column, at.min(3) as u64));
        add(94, self.hash(at, -1, |of| of.word));
        add(95, self.hash(at, 1, |of| of.word));
    }

    fn add_lexical(
        &self,
        at: usize,
        lexical: Vec<u64>,
        lexicon: &ValueLexicon,
        own: Option<&GroupValues>,
        features: &mut Vec<FeatureHash>,
    ) {
        for one in lexical {
            features.push(mix(100, one));
            features.push(mix(101, mix(one, self.column as u64)));
            if let Some(context) = self.context {
                features.push(mix(102, mix(one, context)));
            }
        }
        lexicon.word_attributes(
            self.tokens[at].word,
            own,
            |attribute, groups, occurrences| {
                let attribute = u64::from(attribute);
                features.push(mix(110, mix(attribute, share(groups, occurrences))));
                if let Some(context) = self.context {
                    features.push(mix(
                        111,
                        mix(attribute, mix(context, share(groups, occurrences))),
                    ));
                }
            },
        );
    }
}

/// Step of the share of occurrences.
fn share(groups: u32, occurrences: u32) -> u64 {
    let share = f64::from(groups) / (f64::from(occurrences) + 0.5);
    let often = u64::from(groups > 1) + u64::from(groups > 4);
    8 * often + (share * 5.0) as u64
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
        for (at, features) in features[one.first..one.end].iter_mut().enumerate() {
            let place = match (at == 0, one.first + at + 1 == one.end) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            let attribute = 2 * u64::from(one.attribute) + u64::from(one.is_pattern);
            features.push(mix(mix(1, attribute), place));
            features.push(mix(mix(2, attribute), place * 3 + often));
            features.push(mix(
                mix(5, attribute),
                place * 32 + share(one.groups, one.occurrences),
            ));
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
