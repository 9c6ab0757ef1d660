//! Training rows, tokenized and with the values aligned to the tokens.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::aligned_rows::{AlignedRow, AlignedRows, ValuePlace};
use super::alignment::token_range;
use super::context::ContextVocabulary;
use super::crf::{OUTSIDE, begin, inside};
use super::hashing::HashedSet;
use super::lexicon::{GroupValues, add_value};
use super::token_hashes::{TokenHashes, lexicon_tokens, token_hashes, word_hashes};
use super::tokens::{Token, WordSplits};

/// Training rows.
#[derive(Debug)]
pub struct Corpus {
    pub rows: Vec<CorpusRow>,
    pub attributes: usize,
    pub contexts: ContextVocabulary,
    /// By group: its values.
    pub groups: Vec<GroupValues>,
    pub splits: WordSplits,
}

/// Row of the corpus.
#[derive(Debug)]
pub struct CorpusRow {
    /// The source texts; `None` for NULL.
    pub texts: Vec<Option<CorpusText>>,
    /// Position of the context.
    pub context: Option<usize>,
    pub group: usize,
    /// By attribute: the values in lower case; `None` if not labelled.
    pub values: Vec<Option<Vec<String>>>,
}

/// Text of a row.
#[derive(Debug)]
pub struct CorpusText {
    pub text: String,
    pub tokens: Vec<Token>,
    pub hashes: Vec<TokenHashes>,
    /// Places of values whose ends are ends of tokens.
    pub places: Vec<TokenPlace>,
    /// By token.
    pub labels: Vec<u16>,
    pub words: HashedSet,
}

/// Place of a value in the tokens of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenPlace {
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    pub attribute: usize,
    /// Position among the values of the attribute.
    pub value: usize,
}

impl Corpus {
    /// The corpus of aligned rows.
    pub fn new(aligned: &AlignedRows<'_>, attributes: usize) -> Self {
        let mut corpus = Self {
            rows: Vec::with_capacity(aligned.rows.len()),
            attributes,
            contexts: ContextVocabulary::default(),
            groups: vec![GroupValues::new(); aligned.groups],
            splits: aligned.word_splits(),
        };
        for row in &aligned.rows {
            corpus.add_row(row);
        }
        let rows = corpus
            .rows
            .iter()
            .filter_map(|row| Some((row.context?, row.words())));
        corpus.contexts.count_words(rows);
        corpus
    }

    fn add_row(&mut self, row: &AlignedRow<'_>) {
        let texts = row.texts.iter().zip(&row.places);
        let texts: Vec<Option<CorpusText>> = texts
            .map(|(text, places)| text.map(|text| CorpusText::new(text, places, self.splits)))
            .collect();
        for text in texts.iter().flatten() {
            let tokens = lexicon_tokens(&text.hashes);
            for place in &text.places {
                let value = &tokens[place.first..place.end];
                add_value(value, place.attribute, &mut self.groups[row.group]);
            }
        }
        let fold = |values: &&Vec<String>| {
            let values = values.iter();
            values.map(|value| value.trim().to_lowercase()).collect()
        };
        self.rows.push(CorpusRow {
            texts,
            context: row.context.map(|hash| self.contexts.add(hash, &row.values)),
            group: row.group,
            values: row
                .values
                .iter()
                .map(|values| values.as_ref().map(fold))
                .collect(),
        });
    }
}

impl CorpusRow {
    /// The source texts.
    pub fn texts(&self) -> Vec<Option<&str>> {
        let texts = self.texts.iter();
        texts
            .map(|text| text.as_ref().map(|text| text.text.as_str()))
            .collect()
    }

    /// Distinct words of the texts.
    pub fn words(&self) -> HashSet<&u64> {
        self.texts
            .iter()
            .flatten()
            .flat_map(|text| &text.words)
            .collect()
    }
}

impl CorpusText {
    fn new(text: &str, places: &[ValuePlace], splits: WordSplits) -> Self {
        let tokens = splits.tokenize(text);
        let hashes = token_hashes(text, &tokens);
        let token_place = |place: &ValuePlace| {
            let (first, end) = token_range(&tokens, place.start, place.end)?;
            Some(TokenPlace {
                first,
                end,
                attribute: place.attribute,
                value: place.value,
            })
        };
        let places: Vec<TokenPlace> = places.iter().filter_map(token_place).collect();
        Self {
            labels: labels(&places, tokens.len()),
            words: word_hashes(&hashes),
            text: text.to_string(),
            tokens,
            hashes,
            places,
        }
    }
}

/// The labels of tokens. Longer values come before shorter ones.
pub fn labels(places: &[TokenPlace], tokens: usize) -> Vec<u16> {
    let mut labels = vec![OUTSIDE; tokens];
    let mut places = places.to_vec();
    places.sort_by_key(|place| {
        (
            Reverse(place.end - place.first),
            place.first,
            place.attribute,
        )
    });
    for place in places {
        let labels = &mut labels[place.first..place.end];
        if labels.iter().all(|label| *label == OUTSIDE) {
            labels.fill(inside(place.attribute));
            labels[0] = begin(place.attribute);
        }
    }
    labels
}
