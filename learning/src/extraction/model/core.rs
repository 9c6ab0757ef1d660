//! The parts of an extractor that are learnt: lexicon, features, weights.

use std::collections::HashSet;

use half::f16;
use semql_inference::Result;
use semql_inference::progress::ProgressSink;

use super::candidates::Candidate;
use super::context::ContextVocabulary;
use super::corpus::{Corpus, CorpusRow};
use super::crf::{
    CrfOptions, FeatureRows, LabelSet, LabelledSequence, Lattice, TransitionFactors, Weights,
    probable_spans, train_weights,
};
use super::feature_index::FeatureIndex;
use super::features::TextFeatures;
use super::hashing::HashedSet;
use super::lexicon::ValueLexicon;
use super::token_hashes::{TokenHashes, lexicon_tokens, token_hashes, word_hashes};
use super::tokens::{Token, WordSplits};

/// Probability below which a span is no candidate.
const MIN_PROBABILITY: f32 = 0.02;

/// Weights that are smaller have no effect.
const MIN_WEIGHT: f32 = 0.03;

/// Learnt parts of an extractor.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractorCore {
    pub attributes: usize,
    pub splits: WordSplits,
    pub lexicon: ValueLexicon,
    pub index: FeatureIndex,
    pub weights: Weights,
    pub contexts: ContextVocabulary,
    /// By label set and attribute: the share of labelled rows with a value.
    pub rates: Vec<Vec<f32>>,
}

/// A text of a row, without labels.
pub struct SourceText {
    pub tokens: Vec<Token>,
    pub hashes: Vec<TokenHashes>,
    pub words: HashedSet,
}

impl SourceText {
    pub fn new(text: &str, splits: WordSplits) -> Self {
        let tokens = splits.tokenize(text);
        let hashes = token_hashes(text, &tokens);
        Self {
            words: word_hashes(&hashes),
            tokens,
            hashes,
        }
    }
}

/// Label sets: of all attributes, then of each context.
pub fn label_sets(attributes: usize, contexts: &ContextVocabulary) -> Vec<LabelSet> {
    let all = LabelSet::new((0..attributes).collect(), attributes);
    let of_context = |at| LabelSet::new(contexts.attributes(at), attributes);
    std::iter::once(all)
        .chain((0..contexts.contexts.len()).map(of_context))
        .collect()
}

impl ExtractorCore {
    /// Learns from some rows of a corpus.
    ///
    /// # Errors
    /// [`Error::Interrupted`](semql_inference::Error::Interrupted).
    pub fn train(
        corpus: &Corpus,
        rows: &[&CorpusRow],
        options: CrfOptions,
        progress: &dyn ProgressSink,
    ) -> Result<Self> {
        let groups: HashSet<usize> = rows.iter().map(|row| row.group).collect();
        let mut groups: Vec<usize> = groups.into_iter().collect();
        groups.sort_unstable();
        let texts: Vec<(usize, Vec<_>)> = rows
            .iter()
            .flat_map(|row| {
                row.texts
                    .iter()
                    .flatten()
                    .map(|text| (row.group, lexicon_tokens(&text.hashes)))
            })
            .collect();
        let lexicon = ValueLexicon::new(
            groups.into_iter().map(|group| &corpus.groups[group]),
            texts
                .iter()
                .map(|(group, tokens)| (*group, tokens.as_slice())),
        );
        let mut index = FeatureIndex::default();
        let mut sequences = Vec::new();
        for row in rows {
            add_sequences(corpus, row, &lexicon, &mut index, &mut sequences);
        }
        let sets = label_sets(corpus.attributes, &corpus.contexts);
        let (attributes, features) = (corpus.attributes, index.hashes().len());
        let weights = train_weights(&sequences, &sets, attributes, features, options, progress)?;
        let core = Self {
            attributes,
            splits: corpus.splits,
            lexicon,
            index,
            weights,
            contexts: corpus.contexts.clone(),
            rates: value_rates(corpus, rows),
        };
        Ok(core.pruned())
    }

    /// Without small weights, and without features that have no others.
    fn pruned(self) -> Self {
        let (mut hashes, mut offsets) = (Vec::new(), vec![0]);
        let (mut labels, mut values) = (Vec::new(), Vec::new());
        for (feature, hash) in self.index.hashes().iter().enumerate() {
            let before = labels.len();
            for at in self.weights.range(feature as u32) {
                if self.weights.values[at].abs() >= MIN_WEIGHT {
                    labels.push(self.weights.labels[at]);
                    // The precision of the model file.
                    values.push(f16::from_f32(self.weights.values[at]).to_f32());
                }
            }
            if labels.len() > before {
                hashes.push(*hash);
                offsets.push(labels.len() as u32);
            }
        }
        Self {
            index: FeatureIndex::from_hashes(hashes),
            weights: Weights {
                offsets,
                labels,
                values,
                ..self.weights
            },
            ..self
        }
    }

    /// Candidates of a row.
    pub fn candidates(
        &self,
        texts: &[Option<SourceText>],
        context: Option<u64>,
        decoder: &mut Decoder,
        sets: &DecoderSets,
    ) -> RowCandidates {
        let known = context.and_then(|hash| self.contexts.get(hash));
        let words = || texts.iter().flatten().flat_map(|text| &text.words);
        let position = known.or_else(|| self.contexts.guess(words()));
        let context = position.map(|at| self.contexts.contexts[at].hash);
        let position = position.map_or(0, |at| at + 1);
        let (set, factors) = (&sets.sets[position], &sets.factors[position]);
        let mut candidates = Vec::new();
        for (column, text) in texts.iter().enumerate() {
            let Some(text) = text.as_ref().filter(|text| !text.tokens.is_empty()) else {
                continue;
            };
            let others = texts.iter().enumerate().filter(|(at, _)| *at != column);
            let others = others.filter_map(|(_, text)| text.as_ref());
            let features = TextFeatures {
                tokens: &text.hashes,
                column,
                context,
                other_words: &others.flat_map(|text| text.words.iter().copied()).collect(),
            };
            let tokens = &mut decoder.tokens;
            tokens.clear();
            features.features(&self.lexicon, None, |hashes| {
                tokens.push(hashes.iter().filter_map(|hash| self.index.get(*hash)));
            });
            decoder.lattice.compute(&self.weights, tokens, set, factors);
            let lexicon_tokens = lexicon_tokens(&text.hashes);
            for span in probable_spans(&decoder.lattice, set, factors, MIN_PROBABILITY) {
                let value = &lexicon_tokens[span.first..span.end];
                let (groups, occurrences) = self.lexicon.value_groups(value, span.attribute);
                candidates.push(Candidate {
                    attribute: span.attribute,
                    column,
                    start: text.tokens[span.first].start,
                    end: text.tokens[span.end - 1].end,
                    tokens: span.end - span.first,
                    probability: span.probability,
                    groups,
                    occurrences,
                });
            }
        }
        RowCandidates {
            candidates,
            set: position,
        }
    }
}

/// Candidates of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowCandidates {
    pub candidates: Vec<Candidate>,
    /// Position of the label set of the row.
    pub set: usize,
}

/// By label set and attribute: the share of labelled rows with a value.
fn value_rates(corpus: &Corpus, rows: &[&CorpusRow]) -> Vec<Vec<f32>> {
    let mut counts =
        vec![vec![(0_u32, 0_u32); corpus.attributes]; corpus.contexts.contexts.len() + 1];
    for row in rows {
        for set in std::iter::once(0).chain(row.context.map(|at| at + 1)) {
            for (count, values) in counts[set].iter_mut().zip(&row.values) {
                if let Some(values) = values {
                    *count = (count.0 + 1, count.1 + u32::from(!values.is_empty()));
                }
            }
        }
    }
    let rate = |(rows, valued): (u32, u32)| valued as f32 / rows.max(1) as f32;
    counts
        .into_iter()
        .map(|set| set.into_iter().map(rate).collect())
        .collect()
}

/// Label sets of a core, with their transition factors.
pub struct DecoderSets {
    sets: Vec<LabelSet>,
    factors: Vec<TransitionFactors>,
}

impl DecoderSets {
    pub fn new(core: &ExtractorCore) -> Self {
        let sets = label_sets(core.attributes, &core.contexts);
        let factors = sets.iter().map(|set| core.weights.factors(set)).collect();
        Self { sets, factors }
    }
}

/// Buffers of a decoder.
#[derive(Debug, Default)]
pub struct Decoder {
    lattice: Lattice,
    tokens: FeatureRows,
}

/// Adds the labelled sequences of a row.
fn add_sequences(
    corpus: &Corpus,
    row: &CorpusRow,
    lexicon: &ValueLexicon,
    index: &mut FeatureIndex,
    sequences: &mut Vec<LabelledSequence>,
) {
    let context = row.context.map(|at| corpus.contexts.contexts[at].hash);
    for (column, text) in row.texts.iter().enumerate() {
        let Some(text) = text.as_ref().filter(|text| !text.tokens.is_empty()) else {
            continue;
        };
        let others = row.texts.iter().enumerate().filter(|(at, _)| *at != column);
        let others = others.filter_map(|(_, text)| text.as_ref());
        let features = TextFeatures {
            tokens: &text.hashes,
            column,
            context,
            other_words: &others.flat_map(|text| text.words.iter().copied()).collect(),
        };
        let mut tokens = FeatureRows::default();
        features.features(lexicon, Some(&corpus.groups[row.group]), |hashes| {
            tokens.push(hashes.iter().map(|hash| index.add(*hash)));
        });
        sequences.push(LabelledSequence {
            tokens,
            labels: text.labels.clone(),
            set: row.context.map_or(0, |at| at + 1),
        });
    }
}
