//! Held-out rows: extractors of folds, their candidates, the quality of the values.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::sync::lock;
use semql_inference::{Error, Result};

use super::candidates::{Candidate, RowValue, row_values};
use super::core::{Decoder, DecoderSets, ExtractorCore, SourceText};
use super::corpus::{Corpus, CorpusRow};
use super::crf::CrfOptions;
use super::evaluation::ValueCounts;
use super::hashing::mix;
use super::ranking::{LabelledValues, ValueRanking};
use super::spans::choose_spans;

/// Folds whose rows are held out in turn.
const FOLDS: usize = 3;

/// Groups below which nothing is held out.
const MIN_GROUPS: usize = 6;

/// Score that a value must reach without held-out rows.
const DEFAULT_THRESHOLD: f32 = 0.4;

/// Thresholds of the score that are compared on held-out rows.
const THRESHOLDS: [f32; 12] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6,
];

/// Step label of the progress.
const STEP: &str = "extractors";

fn crf_options(seed: u64) -> CrfOptions {
    CrfOptions {
        l2: 3.0,
        rate: 0.05,
        passes: 15,
        averaged: 3,
        seed,
    }
}

/// A held-out row with its candidates.
#[derive(Debug)]
pub struct HeldOutRow<'a> {
    pub row: &'a CorpusRow,
    pub fold: usize,
    pub candidates: Vec<Candidate>,
    pub values: Vec<RowValue>,
    /// By value.
    pub scores: Vec<f32>,
}

impl HeldOutRow<'_> {
    fn texts(&self) -> Vec<Option<&str>> {
        self.row.texts()
    }
}

/// Trains the extractor, and one for the held-out rows of each fold.
///
/// # Errors
/// [`Error::Interrupted`] once `progress` is cancelled.
pub fn train_folds<'a>(
    corpus: &'a Corpus,
    seed: u64,
    progress: &dyn ProgressSink,
) -> Result<(Vec<HeldOutRow<'a>>, ExtractorCore)> {
    let groups: HashSet<usize> = corpus.rows.iter().map(|row| row.group).collect();
    let folds = match groups.len() < MIN_GROUPS {
        true => 0,
        false => FOLDS,
    };
    let steps = folds + 1;
    progress.step(STEP, 0, steps);
    let done = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<FoldResult<'a>>>>> =
        (0..steps).map(|_| Mutex::default()).collect();
    parallel_for_each(results.iter().enumerate(), |(fold, result)| {
        let fold = Some(fold).filter(|fold| *fold < folds);
        let trained = train_fold(corpus, seed, fold, folds, progress);
        *lock(result) = Some(trained);
        progress.step(STEP, done.fetch_add(1, Ordering::Relaxed) + 1, steps);
    });
    let mut all = Vec::new();
    for result in results {
        let result = result
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match result.unwrap_or(Err(Error::Interrupted))? {
            FoldResult::HeldOut(rows) => all.extend(rows),
            FoldResult::Extractor(core) => return Ok((all, *core)),
        }
    }
    Err(Error::Interrupted)
}

/// Result of training for a fold, or for all rows.
enum FoldResult<'a> {
    HeldOut(Vec<HeldOutRow<'a>>),
    Extractor(Box<ExtractorCore>),
}

fn train_fold<'a>(
    corpus: &'a Corpus,
    seed: u64,
    fold: Option<usize>,
    folds: usize,
    progress: &dyn ProgressSink,
) -> Result<FoldResult<'a>> {
    let of_fold = |row: &&CorpusRow| Some(fold_of(row.group, seed, folds.max(1))) == fold;
    let (out, learnt): (Vec<&CorpusRow>, Vec<&CorpusRow>) = corpus.rows.iter().partition(of_fold);
    let Some(fold) = fold else {
        let core = ExtractorCore::train(corpus, &learnt, crf_options(seed), progress)?;
        return Ok(FoldResult::Extractor(Box::new(core)));
    };
    if out.is_empty() || learnt.is_empty() {
        return Ok(FoldResult::HeldOut(Vec::new()));
    }
    let core = ExtractorCore::train(corpus, &learnt, crf_options(seed), progress)?;
    let (sets, mut decoder) = (DecoderSets::new(&core), Decoder::default());
    let held_out = |row: &'a CorpusRow| {
        let texts = row.texts.iter().map(|text| {
            let text = text.as_ref()?;
            Some(SourceText::new(&text.text, corpus.splits))
        });
        let texts: Vec<Option<SourceText>> = texts.collect();
        let context = row.context.map(|at| corpus.contexts.contexts[at].hash);
        let found = core.candidates(&texts, context, &mut decoder, &sets);
        let values = row_values(&found.candidates, &row.texts(), &core.rates[found.set]);
        HeldOutRow {
            row,
            fold,
            candidates: found.candidates,
            scores: values.iter().map(|value| value.probability).collect(),
            values,
        }
    };
    Ok(FoldResult::HeldOut(out.into_iter().map(held_out).collect()))
}

/// The fold of a group.
fn fold_of(group: usize, seed: u64, folds: usize) -> usize {
    (mix(seed, group as u64) % folds as u64) as usize
}

/// Learns to rank values from held-out rows. Their scores are those of a ranking that
/// learns from the other folds.
pub fn train_ranking(rows: &mut [HeldOutRow<'_>]) -> ValueRanking {
    let folds: HashSet<usize> = rows.iter().map(|row| row.fold).collect();
    // The last ranking learns from all rows.
    let last = folds.iter().max().map_or(0, |last| last + 1);
    let rankings: Vec<Mutex<ValueRanking>> = (0..=last).map(|_| Mutex::default()).collect();
    let learn_without = |fold: usize| {
        let rows = rows.iter().filter(|row| row.fold != fold);
        ValueRanking::train(rows.map(|row| LabelledValues {
            values: &row.values,
            labels: &row.row.values,
        }))
    };
    parallel_for_each(rankings.iter().enumerate(), |(fold, ranking)| {
        *lock(ranking) = learn_without(fold);
    });
    let mut rankings: Vec<ValueRanking> = rankings
        .into_iter()
        .map(|ranking| {
            ranking
                .into_inner()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        })
        .collect();
    for row in rows {
        row.scores = rankings[row.fold].scores(&row.values);
    }
    rankings.pop().unwrap_or_default()
}

/// By attribute: the counts at a threshold.
pub fn count_values(
    rows: &[HeldOutRow<'_>],
    attributes: usize,
    threshold: f32,
) -> Vec<ValueCounts> {
    let mut counts = vec![ValueCounts::default(); attributes];
    for one in rows {
        let texts = one.texts();
        let spans = choose_spans(&one.candidates, &one.values, &one.scores, threshold);
        for (attribute, counts) in counts.iter_mut().enumerate() {
            if let Some(labels) = &one.row.values[attribute] {
                counts.add(&spans, attribute, &texts, labels);
            }
        }
    }
    counts
}

/// The threshold with the best F1 of all attributes together.
pub fn best_threshold(rows: &[HeldOutRow<'_>], attributes: usize) -> f32 {
    let mut best = (DEFAULT_THRESHOLD, 0.0);
    for threshold in THRESHOLDS {
        let f1 = ValueCounts::total(&count_values(rows, attributes, threshold))
            .quality()
            .f1;
        if f1 > best.1 {
            best = (threshold, f1);
        }
    }
    best.0
}
