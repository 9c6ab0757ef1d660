//! The parts of an extractor that are learnt: lexicon, features, weights.

use std::collections::HashSet;

use semql_inference::Result;
use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;

use super::context::ContextVocabulary;
use super::corpus::{Corpus, CorpusRow};
use super::crf::{
    CrfOptions, LabelSet, LabelledSequence, Lattice, TransitionFactors, Weights, probable_spans,
    train_weights,
};
use super::feature_index::FeatureIndex;
use super::features::{FeatureHash, TextFeatures, word_hashes};
use super::hashing::mix;
use super::lexicon::{GroupValues, ValueLexicon};
use super::spans::Candidate;
use super::tokens::{Token, tokenize};

/// Probability below which a span is no candidate.
const MIN_PROBABILITY: f64 = 0.03;

/// Weights that are smaller have no effect.
const MIN_WEIGHT: f32 = 1e-3;

/// Learnt parts of an extractor.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractorCore {
    pub attributes: usize,
    pub lexicon: ValueLexicon,
    pub index: FeatureIndex,
    pub weights: Weights,
    pub contexts: ContextVocabulary,
}

/// A text of a row, without labels.
pub struct SourceText<'a> {
    pub text: &'a str,
    pub tokens: Vec<Token>,
    pub words: HashSet<u64>,
}

impl<'a> SourceText<'a> {
    pub fn new(text: &'a str) -> Self {
        let tokens = tokenize(text);
        Self {
            text,
            words: word_hashes(text, &tokens),
            tokens,
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
        let lexicon = ValueLexicon::new(groups.into_iter().map(|group| &corpus.groups[group]));
        let mut hashed: Vec<Vec<Vec<Vec<FeatureHash>>>> = vec![Vec::new(); rows.len()];
        parallel_for_each(hashed.iter_mut().zip(rows), |(hashed, row)| {
            let own = &corpus.groups[row.group];
            let context = row.context.map(|at| corpus.contexts.contexts[at].0);
            *hashed = corpus_row_features(row, context, &lexicon, Some(own));
        });
        let mut index = FeatureIndex::default();
        let mut sequences = Vec::new();
        for (row, hashed) in rows.iter().zip(hashed) {
            let texts = row.texts.iter().flatten();
            for (text, tokens) in texts.zip(hashed) {
                let tokens: Vec<Vec<u32>> = tokens
                    .into_iter()
                    .map(|features| features.into_iter().map(|hash| index.add(hash)).collect())
                    .collect();
                if !tokens.is_empty() {
                    sequences.push(LabelledSequence {
                        tokens,
                        labels: text.labels.clone(),
                        set: row.context.map_or(0, |at| at + 1),
                    });
                }
            }
        }
        let sets = label_sets(corpus.attributes, &corpus.contexts);
        let (attributes, features) = (corpus.attributes, index.hashes().len());
        let weights = train_weights(
            sequences.iter().collect(),
            &sets,
            attributes,
            features,
            options,
            progress,
        )?;
        let core = Self {
            attributes,
            lexicon,
            index,
            weights,
            contexts: corpus.contexts.clone(),
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
                    values.push(self.weights.values[at]);
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

    /// Candidates of a row. `sets` and `factors` are those of the core.
    pub fn candidates(
        &self,
        texts: &[Option<SourceText<'_>>],
        context: Option<u64>,
        decoder: &Decoder,
        lattice: &mut Lattice,
    ) -> Vec<Candidate> {
        let set = context
            .and_then(|hash| self.contexts.get(hash))
            .map_or(0, |at| at + 1);
        let mut candidates = Vec::new();
        for (column, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                continue;
            };
            let other_words = other_words(texts, column);
            let features = TextFeatures {
                text: text.text,
                tokens: &text.tokens,
                column,
                context,
                other_words: &other_words,
            };
            let hashed = features.features(&self.lexicon, None);
            let known = |hashes: Vec<FeatureHash>| {
                let known = hashes.into_iter().filter_map(|hash| self.index.get(hash));
                known.collect::<Vec<u32>>()
            };
            let tokens: Vec<Vec<u32>> = hashed.into_iter().map(known).collect();
            if tokens.is_empty() {
                continue;
            }
            let (set, factors) = (&decoder.sets[set], &decoder.factors[set]);
            lattice.compute(&self.weights, &tokens, set, factors);
            for span in probable_spans(lattice, set, factors, MIN_PROBABILITY) {
                candidates.push(Candidate {
                    attribute: span.attribute,
                    column,
                    start: text.tokens[span.first].start,
                    end: text.tokens[span.end - 1].end,
                    probability: span.probability,
                });
            }
        }
        candidates
    }
}

/// Label sets of a core, with their transition factors.
pub struct Decoder {
    sets: Vec<LabelSet>,
    factors: Vec<TransitionFactors>,
}

impl Decoder {
    pub fn new(core: &ExtractorCore) -> Self {
        let sets = label_sets(core.attributes, &core.contexts);
        let factors = sets
            .iter()
            .map(|set| core.weights.transitions(set))
            .collect();
        Self { sets, factors }
    }
}

fn other_words(texts: &[Option<SourceText<'_>>], column: usize) -> HashSet<u64> {
    let others = texts.iter().enumerate().filter(|(at, _)| *at != column);
    let others = others.filter_map(|(_, text)| text.as_ref());
    others.flat_map(|text| text.words.iter().copied()).collect()
}

/// By text and token: the features of a row of the corpus.
fn corpus_row_features(
    row: &CorpusRow,
    context: Option<u64>,
    lexicon: &ValueLexicon,
    own: Option<&GroupValues>,
) -> Vec<Vec<Vec<FeatureHash>>> {
    let mut features = Vec::new();
    for (column, text) in row.texts.iter().enumerate() {
        let Some(text) = text else {
            continue;
        };
        let others = row.texts.iter().enumerate().filter(|(at, _)| *at != column);
        let others = others.filter_map(|(_, text)| text.as_ref());
        let other_words = others.flat_map(|text| text.words.iter().copied()).collect();
        let of_text = TextFeatures {
            text: &text.text,
            tokens: &text.tokens,
            column,
            context,
            other_words: &other_words,
        };
        features.push(of_text.features(lexicon, own));
    }
    features
}

/// Order of the folds: a hash of the group and the seed.
pub fn fold_of(group: usize, seed: u64, folds: usize) -> usize {
    (mix(seed, group as u64) % folds as u64) as usize
}
