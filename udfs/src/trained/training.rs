//! From labelled rows to a classifier and to what can be expected of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::ngrams::{Buffers, Columns, Ngrams, Sparse};
use super::statement::Options;
use super::svm::{Weights, separate};
use super::{About, Doubt, Head, Level, OfLabel, Trained, likeliest};
use crate::error::{Error, Result};
use crate::evaluation::Confusion;

/// With fewer rows every row is held out once, in one of so many folds; with
/// more, one fold is.
const FEW_ROWS: usize = 500;
const FOLDS: usize = 5;

/// What a row on the wrong side may cost, for cross-validation to choose from.
const COSTS: &[f32] = &[0.3, 1.0, 3.0];
const COST_ROWS: usize = 3000;
const COST_FOLDS: usize = 3;

/// Rows with doubtful labels that are kept, and characters of their texts.
const MOST_DOUBTS: usize = 500;
const DOUBT_LETTERS: usize = 200;

/// Labelled rows.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    pub columns: Vec<String>,
    pub levels: Vec<String>,
    /// Per column, the texts; blank ones are `None`.
    pub texts: Vec<Vec<Option<String>>>,
    /// Per level, the labels.
    pub labels: Vec<Vec<Option<String>>>,
}

/// Asked now and then: whether to stop, given how many labels are trained.
pub type Halted<'a> = dyn Fn(usize, usize) -> bool + Sync + 'a;

/// The rows that can be learnt from.
struct Rows<'a> {
    columns: Vec<Columns<'a>>,
    /// Per level, the labels in order, and per row which it has.
    labels: Vec<Vec<&'a str>>,
    of_rows: Vec<Vec<u32>>,
    /// A number for each row that no order changes.
    names: Vec<u64>,
}

/// Trains a classifier called `name`.
///
/// # Errors
/// [`Error::Invalid`] where there is nothing to tell apart,
/// [`Error::Interrupted`] once `halted` says so.
pub fn train(
    name: &str,
    examples: &Examples,
    options: &Options,
    halted: &Halted<'_>,
) -> Result<Trained> {
    let rows = usable(examples);
    let all = examples.texts.first().map_or(0, Vec::len);
    check(examples, &rows, all)?;
    let ngrams = Ngrams::of(&rows.columns, examples.columns.len());
    let mut buffers = Buffers::default();
    let sparse: Vec<Sparse> = rows
        .columns
        .iter()
        .map(|row| ngrams.row(row, &mut buffers))
        .collect();
    let mut paths: Vec<Vec<u32>> = rows.of_rows.clone();
    paths.sort_unstable();
    paths.dedup();
    let fitting = Fitting {
        sparse: &sparse,
        rows: &rows,
        paths: &paths,
        features: ngrams.len(),
        balanced: options.balanced,
        halted,
        done: AtomicUsize::new(0),
        labels: rows.labels.iter().map(Vec::len).sum(),
    };
    let everything: Vec<usize> = (0..rows.names.len()).collect();
    let cost = match options.cost {
        Some(cost) => cost,
        None => fitting.choose_cost()?,
    };
    let folds = if everything.len() < FEW_ROWS {
        FOLDS
    } else {
        1
    };
    let HeldOut {
        confusions,
        rows: held_out,
        doubts,
    } = fitting.hold_out(folds, FOLDS, cost, &everything)?;
    let heads = fitting.fit(&everything, cost)?;
    let levels = examples.levels.iter().zip(&rows.labels).zip(confusions);
    Ok(Trained {
        about: About {
            name: name.to_string(),
            semql: env!("CARGO_PKG_VERSION").to_string(),
            columns: examples.columns.clone(),
            levels: levels
                .map(|((column, labels), confusion)| level(column, labels, &confusion))
                .collect(),
            paths,
            rows: rows.names.len() as u64,
            left_out: (all - rows.names.len()) as u64,
            fingerprint: fingerprint(&rows),
            cost,
            balanced: options.balanced,
            held_out,
            doubts,
        },
        ngrams,
        heads,
    })
}

fn usable(examples: &Examples) -> Rows<'_> {
    let all = examples.texts.first().map_or(0, Vec::len);
    let mut rows = Rows {
        columns: Vec::new(),
        labels: Vec::new(),
        of_rows: Vec::new(),
        names: Vec::new(),
    };
    let usable: Vec<usize> = (0..all)
        .filter(|row| {
            examples.labels.iter().all(|labels| labels[*row].is_some())
                && examples.texts.iter().any(|texts| texts[*row].is_some())
        })
        .collect();
    for labels in &examples.labels {
        let mut distinct: Vec<&str> = usable
            .iter()
            .filter_map(|row| labels[*row].as_deref())
            .collect();
        distinct.sort_unstable();
        distinct.dedup();
        rows.labels.push(distinct);
    }
    for row in usable {
        let columns: Columns<'_> = examples
            .texts
            .iter()
            .map(|texts| texts[row].as_deref())
            .collect();
        let labels = examples
            .labels
            .iter()
            .zip(&rows.labels)
            .map(|(labels, distinct)| {
                let label = labels[row].as_deref().unwrap_or_default();
                distinct.binary_search(&label).unwrap_or_default() as u32
            });
        rows.of_rows.push(labels.collect());
        rows.names.push(name(&columns));
        rows.columns.push(columns);
    }
    rows
}

fn name(columns: &Columns<'_>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for text in columns {
        hasher.update(
            &text
                .map_or(u64::MAX, |text| text.len() as u64)
                .to_le_bytes(),
        );
        hasher.update(text.unwrap_or_default().as_bytes());
    }
    let mut name = [0; 8];
    name.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(name)
}

fn check(examples: &Examples, rows: &Rows<'_>, all: usize) -> Result<()> {
    if rows.names.is_empty() {
        return Err(Error::Invalid(format!(
            "there is nothing to learn from: none of the {all} rows has both a label and a text"
        )));
    }
    for (level, labels) in examples.levels.iter().zip(&rows.labels) {
        if let [only] = labels.as_slice() {
            return Err(Error::Invalid(format!(
                "there is nothing to tell apart: {level} is '{only}' in all {} rows",
                rows.names.len()
            )));
        }
    }
    Ok(())
}

/// What came of rows that training had not seen.
#[derive(Default)]
struct HeldOut {
    /// Per level.
    confusions: Vec<Confusion>,
    rows: u64,
    doubts: Vec<Doubt>,
}

/// What one training has to work with.
struct Fitting<'a> {
    sparse: &'a [Sparse],
    rows: &'a Rows<'a>,
    paths: &'a [Vec<u32>],
    features: usize,
    balanced: bool,
    halted: &'a Halted<'a>,
    done: AtomicUsize,
    /// Labels of all levels.
    labels: usize,
}

impl Fitting<'_> {
    /// The cost that tells rows apart best which training has not seen: by the
    /// first level, on some of the rows.
    fn choose_cost(&self) -> Result<f32> {
        let mut some: Vec<usize> = (0..self.rows.names.len()).collect();
        some.sort_unstable_by_key(|row| self.rows.names[*row]);
        some.truncate(COST_ROWS);
        let mut best = (COSTS[0], -1.0);
        for cost in COSTS {
            let mut hits = 0;
            for fold in 0..COST_FOLDS {
                let (train, test) = self.split(&some, fold, COST_FOLDS);
                let head = self.fit_level(0, &train, *cost)?;
                hits += test.iter().filter(|row| self.hits(&head, **row)).count();
            }
            let hits = hits as f64 / some.len() as f64;
            // A little better is not better: a smaller cost generalises.
            if hits > best.1 + 0.002 {
                best = (*cost, hits);
            }
        }
        Ok(best.0)
    }

    fn hits(&self, head: &Head, row: usize) -> bool {
        let scores = head.scores(&self.sparse[row]);
        crate::inference::best(&scores) == Some(self.rows.of_rows[row][0] as usize)
    }

    /// Splits `rows` by their names, so that equal rows stay together.
    fn split(&self, rows: &[usize], fold: usize, folds: usize) -> (Vec<usize>, Vec<usize>) {
        // The name's upper half: its lower bits order the rows elsewhere.
        rows.iter()
            .partition(|row| (self.rows.names[**row] >> 32) as usize % folds != fold)
    }

    /// Predicts the rows of `tested` of the `folds` folds without having seen them.
    fn hold_out(&self, tested: usize, folds: usize, cost: f32, rows: &[usize]) -> Result<HeldOut> {
        let mut held_out = HeldOut {
            confusions: vec![Confusion::default(); self.rows.labels.len()],
            ..HeldOut::default()
        };
        for fold in 0..tested {
            let (train, test) = self.split(rows, fold, folds);
            let heads = self.fit(&train, cost)?;
            for row in test {
                self.compare(row, &heads, &mut held_out);
            }
        }
        held_out
            .doubts
            .sort_by(|a, b| b.margin.total_cmp(&a.margin));
        held_out.doubts.truncate(MOST_DOUBTS);
        Ok(held_out)
    }

    /// Adds what `heads` say of a row, beside its labels.
    fn compare(&self, row: usize, heads: &[Head], held_out: &mut HeldOut) {
        let scores = heads.iter().map(|head| head.scores(&self.sparse[row]));
        let scores: Vec<Vec<f32>> = scores.collect();
        let predicted = likeliest(self.paths, &scores);
        let labels = &self.rows.of_rows[row];
        held_out.rows += 1;
        for (level, confusion) in held_out.confusions.iter_mut().enumerate() {
            let name = |label: u32| self.rows.labels[level][label as usize];
            confusion.add(Some(name(predicted[level])), name(labels[level]), 1);
        }
        if predicted == *labels {
            return;
        }
        let sum = |path: &[u32]| -> f32 {
            let of_levels = path.iter().zip(&scores);
            of_levels
                .map(|(label, scores)| scores[*label as usize])
                .sum()
        };
        let text =
            |text: &Option<&str>| text.map(|text| text.chars().take(DOUBT_LETTERS).collect());
        held_out.doubts.push(Doubt {
            texts: self.rows.columns[row].iter().map(text).collect(),
            margin: sum(&predicted) - sum(labels),
            labels: labels.clone(),
            predicted,
        });
    }

    fn fit(&self, rows: &[usize], cost: f32) -> Result<Vec<Head>> {
        (0..self.rows.labels.len())
            .map(|level| self.fit_level(level, rows, cost))
            .collect()
    }

    /// All labels of a level, each on one of the cores.
    fn fit_level(&self, level: usize, rows: &[usize], cost: f32) -> Result<Head> {
        let labels = self.rows.labels[level].len();
        let sparse: Vec<&Sparse> = rows.iter().map(|row| &self.sparse[*row]).collect();
        let mut frequency = vec![0usize; labels];
        for row in rows {
            frequency[self.rows.of_rows[*row][level] as usize] += 1;
        }
        let costs: Vec<f32> = rows
            .iter()
            .map(|row| match self.balanced {
                false => cost,
                true => {
                    let own = frequency[self.rows.of_rows[*row][level] as usize];
                    cost * rows.len() as f32 / (labels * own) as f32
                }
            })
            .collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, fitted) = (
            AtomicUsize::new(0),
            Mutex::new(vec![Weights::default(); labels]),
        );
        let halted = || (self.halted)(self.done.load(Relaxed), self.labels);
        std::thread::scope(|scope| {
            for _ in 0..cores.min(labels) {
                scope.spawn(|| {
                    loop {
                        let label = next.fetch_add(1, Relaxed);
                        if label >= labels || halted() {
                            return;
                        }
                        let positive: Vec<bool> = rows
                            .iter()
                            .map(|row| self.rows.of_rows[*row][level] as usize == label)
                            .collect();
                        let weights = separate(&sparse, &positive, &costs, self.features, &halted);
                        let mut fitted = fitted.lock().unwrap_or_else(|dead| dead.into_inner());
                        fitted[label] = weights;
                        self.done.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        if halted() {
            return Err(Error::Interrupted);
        }
        let fitted = fitted.into_inner().unwrap_or_else(|dead| dead.into_inner());
        Ok(Head::new(&fitted, self.features))
    }
}

fn level(column: &str, labels: &[&str], confusion: &Confusion) -> Level {
    let of_labels: BTreeMap<&str, crate::evaluation::OfLabel> = confusion.labels();
    let of_label = |label: &&str| {
        let counts = of_labels.get(label).copied().unwrap_or_default();
        OfLabel {
            rows: counts.rows,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
        }
    };
    Level {
        column: column.to_string(),
        labels: labels.iter().map(|label| label.to_string()).collect(),
        accuracy: confusion.accuracy().unwrap_or_default(),
        macro_f1: confusion.macro_f1().unwrap_or_default(),
        weighted_f1: confusion.weighted_f1().unwrap_or_default(),
        of_labels: labels.iter().map(of_label).collect(),
    }
}

/// The same for the same rows and labels in any order.
fn fingerprint(rows: &Rows<'_>) -> String {
    let mut of_rows: Vec<(u64, Vec<&str>)> = rows
        .names
        .iter()
        .zip(&rows.of_rows)
        .map(|(name, labels)| {
            let labels = labels.iter().zip(&rows.labels);
            (
                *name,
                labels.map(|(label, all)| all[*label as usize]).collect(),
            )
        })
        .collect();
    of_rows.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (name, labels) in of_rows {
        hasher.update(&name.to_le_bytes());
        for label in labels {
            hasher.update(&(label.len() as u64).to_le_bytes());
            hasher.update(label.as_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_string()
}
