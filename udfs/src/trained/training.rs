//! From labelled rows to a classifier and to what can be expected of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::head::{Head, Seen};
use super::meaning::{Reader, Source};
use super::ngrams::{Buffers, Columns, Ngrams, Sparse};
use super::space::Space;
use super::statement::{Features, Method, Options};
use super::svm::{Weights, separate};
use super::twins::twins;
use super::{About, Conflict, Doubt, Level, OfLabel, Trained, likeliest};
use crate::error::{Error, Result};
use crate::evaluation::Confusion;
use crate::shares::each_share;

/// With fewer rows every row is held out once, in one of so many folds; with
/// more, one fold is.
const FEW_ROWS: usize = 500;
const FOLDS: usize = 5;

/// What a row on the wrong side may cost, for cross-validation to choose from.
const COSTS: &[f32] = &[0.3, 1.0, 3.0];
const COST_ROWS: usize = 3000;
const COST_FOLDS: usize = 3;

/// Shares of the identity in an adapter, for cross-validation to choose from.
const ADAPTERS: &[f32] = &[0.6, 0.3, 0.1];

/// Rows that a thread maps at a time.
const ROWS: usize = 1024;

/// Rows with doubtful labels that are kept, and characters of their texts.
const MOST_DOUBTS: usize = 500;
const MOST_CONFLICTS: usize = 500;
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

impl Examples {
    /// The rows, as a classifier takes them.
    pub fn rows(&self) -> Vec<Columns<'_>> {
        let rows = self.texts.first().map_or(0, Vec::len);
        let row = |row: usize| {
            self.texts
                .iter()
                .map(|texts| texts[row].as_deref())
                .collect()
        };
        (0..rows).map(row).collect()
    }
}

/// What the rows of [`Examples`] mean.
pub struct Vectors {
    source: Source,
    width: usize,
    block: usize,
    /// Rows x width.
    data: Vec<f32>,
}

impl Vectors {
    /// What `reader` has read.
    pub(super) fn new(reader: &Reader, data: Vec<f32>) -> Self {
        Self {
            source: reader.source.clone(),
            width: reader.width(),
            block: reader.block(),
            data,
        }
    }

    /// Those of some rows.
    fn of(&self, rows: &[usize]) -> Vec<f32> {
        let of = |row: &usize| &self.data[row * self.width..][..self.width];
        rows.iter().flat_map(of).copied().collect()
    }
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
    /// Which row of the examples each is.
    kept: Vec<usize>,
}

/// Trains a classifier called `name`, on words alone where there are no
/// `vectors`.
///
/// # Errors
/// [`Error::Invalid`] where there is nothing to tell apart,
/// [`Error::Interrupted`] once `halted` says so.
pub fn train(
    name: &str,
    examples: &Examples,
    options: &Options,
    vectors: Option<Vectors>,
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
    let classes = rows.of_rows.iter();
    let classes = classes.map(|path| paths.binary_search(path).unwrap_or_default() as u32);
    let (width, block) = vectors.as_ref().map_or((0, 0), |v| (v.width, v.block));
    let fitting = Fitting {
        sparse: &sparse,
        classes: classes.collect(),
        vectors: vectors.as_ref().map_or_else(Vec::new, |v| v.of(&rows.kept)),
        width,
        block,
        rows: &rows,
        paths: &paths,
        features: ngrams.len(),
        balanced: options.balanced,
        halted,
        done: AtomicUsize::new(0),
        labels: rows.labels.iter().map(Vec::len).sum(),
    };
    let everything: Vec<usize> = (0..rows.names.len()).collect();
    let how = fitting.choose(options)?;
    let folds = if everything.len() < FEW_ROWS {
        FOLDS
    } else {
        1
    };
    let HeldOut {
        confusions,
        rows: held_out,
        doubts,
    } = fitting.hold_out(folds, FOLDS, how, &everything)?;
    let conflicts = fitting.conflicts();
    let Fitted { space, heads, .. } = fitting.fit(&everything, how)?;
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
            cost: how.cost,
            balanced: options.balanced,
            features: source_features(&vectors),
            adapter: how.adapter.filter(|_| !space.map.is_empty()),
            held_out,
            doubts,
            conflicts,
        },
        ngrams,
        source: vectors.map(|vectors| vectors.source),
        space,
        heads,
    })
}

fn source_features(vectors: &Option<Vectors>) -> Features {
    let source = vectors.as_ref().map(|vectors| vectors.source.features);
    source.unwrap_or_default()
}

fn usable(examples: &Examples) -> Rows<'_> {
    let all = examples.texts.first().map_or(0, Vec::len);
    let mut rows = Rows {
        columns: Vec::new(),
        labels: Vec::new(),
        of_rows: Vec::new(),
        names: Vec::new(),
        kept: Vec::new(),
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
        rows.kept.push(row);
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

/// What cross-validation chooses.
#[derive(Clone, Copy, Debug)]
struct How {
    cost: f32,
    /// The share of the identity in the adapter.
    adapter: Option<f32>,
}

/// What came of some rows.
struct Fitted {
    space: Space,
    /// All rows x width, in that space.
    meanings: Vec<f32>,
    heads: Vec<Head>,
}

/// What one training has to work with.
struct Fitting<'a> {
    sparse: &'a [Sparse],
    /// Per row, which of the paths it has.
    classes: Vec<u32>,
    /// Rows x width.
    vectors: Vec<f32>,
    width: usize,
    block: usize,
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
    /// What tells rows apart best which training has not seen: by the first
    /// level for the cost, by the last for the adapter, on some of the rows.
    fn choose(&self, options: &Options) -> Result<How> {
        let mut some: Vec<usize> = (0..self.rows.names.len()).collect();
        some.sort_unstable_by_key(|row| self.rows.names[*row]);
        some.truncate(COST_ROWS);
        let mut how = How {
            cost: options.cost.unwrap_or(COSTS[0]),
            adapter: None,
        };
        if options.cost.is_none() {
            let hows = COSTS.iter().map(|cost| How { cost: *cost, ..how });
            how = self.best(hows, 0, &some)?;
        }
        if options.method == Method::Adapter && self.width > 0 {
            let adapters = ADAPTERS.iter().map(|share| Some(*share));
            let hows = [None].into_iter().chain(adapters);
            let hows = hows.map(|adapter| How { adapter, ..how });
            how = self.best(hows, self.rows.labels.len() - 1, &some)?;
        }
        Ok(how)
    }

    /// The first of `hows` that no other is clearly better than, by
    /// cross-validation of one level.
    fn best(&self, hows: impl Iterator<Item = How>, level: usize, some: &[usize]) -> Result<How> {
        let mut best: Option<(How, f64)> = None;
        for how in hows {
            let mut hits = 0;
            for fold in 0..COST_FOLDS {
                let (train, test) = self.split(some, fold, COST_FOLDS);
                let (_, meanings) = self.space(&train, how.adapter);
                let head = self.fit_level(level, &train, how.cost, &meanings)?;
                hits += test
                    .iter()
                    .filter(|row| self.hits(level, &head, **row, &meanings))
                    .count();
            }
            let hits = hits as f64 / some.len() as f64;
            // A little better is not better: what comes first generalises.
            if best.is_none_or(|(_, most)| hits > most + 0.002) {
                best = Some((how, hits));
            }
        }
        best.map(|(how, _)| how).ok_or(Error::Interrupted)
    }

    fn hits(&self, level: usize, head: &Head, row: usize, meanings: &[f32]) -> bool {
        let scores = head.scores(&[self.seen(row, meanings)]);
        crate::inference::best(&scores) == Some(self.rows.of_rows[row][level] as usize)
    }

    fn seen<'b>(&'b self, row: usize, meanings: &'b [f32]) -> Seen<'b> {
        Seen {
            words: &self.sparse[row],
            meaning: &meanings[row * self.width..][..self.width],
        }
    }

    /// The space that `rows` span, and all rows in it.
    fn space(&self, rows: &[usize], adapter: Option<f32>) -> (Space, Vec<f32>) {
        let mut meanings = vec![0.0; self.vectors.len()];
        if self.width == 0 {
            return (Space::default(), meanings);
        }
        let of = |row: &usize| &self.vectors[row * self.width..][..self.width];
        let vectors: Vec<f32> = rows.iter().flat_map(of).copied().collect();
        let classes: Vec<u32> = rows.iter().map(|row| self.classes[*row]).collect();
        let adapter = adapter.map(|share| (classes.as_slice(), share));
        let space = Space::fit(&vectors, self.width, self.block, adapter);
        let chunk = ROWS * self.width;
        let chunks = self.vectors.chunks(chunk).zip(meanings.chunks_mut(chunk));
        each_share(chunks, |(vectors, out)| space.apply(vectors, out));
        (space, meanings)
    }

    /// Splits `rows` by their names, so that equal rows stay together.
    fn split(&self, rows: &[usize], fold: usize, folds: usize) -> (Vec<usize>, Vec<usize>) {
        // The name's upper half: its lower bits order the rows elsewhere.
        rows.iter()
            .partition(|row| (self.rows.names[**row] >> 32) as usize % folds != fold)
    }

    /// Predicts the rows of `tested` of the `folds` folds without having seen them.
    fn hold_out(&self, tested: usize, folds: usize, how: How, rows: &[usize]) -> Result<HeldOut> {
        let mut held_out = HeldOut {
            confusions: vec![Confusion::default(); self.rows.labels.len()],
            ..HeldOut::default()
        };
        for fold in 0..tested {
            let (train, test) = self.split(rows, fold, folds);
            let fitted = self.fit(&train, how)?;
            for row in test {
                self.compare(row, &fitted, &mut held_out);
            }
        }
        held_out
            .doubts
            .sort_by(|a, b| b.margin.total_cmp(&a.margin));
        held_out.doubts.truncate(MOST_DOUBTS);
        Ok(held_out)
    }

    /// Adds what is said of a row, beside its labels.
    fn compare(&self, row: usize, fitted: &Fitted, held_out: &mut HeldOut) {
        let seen = self.seen(row, &fitted.meanings);
        let scores = fitted.heads.iter().map(|head| head.scores(&[seen]));
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
        held_out.doubts.push(Doubt {
            texts: self.beginnings(row),
            margin: sum(&predicted) - sum(labels),
            labels: labels.clone(),
            predicted,
        });
    }

    /// Per column, how the row's text begins.
    fn beginnings(&self, row: usize) -> Vec<Option<String>> {
        let text =
            |text: &Option<&str>| text.map(|text| text.chars().take(DOUBT_LETTERS).collect());
        self.rows.columns[row].iter().map(text).collect()
    }

    fn conflicts(&self) -> Vec<Conflict> {
        let found = twins(&self.rows.columns, &self.classes, MOST_CONFLICTS).into_iter();
        found
            .map(|twins| {
                let both = [twins.first, twins.second];
                Conflict {
                    texts: both.map(|row| self.beginnings(row)),
                    labels: both.map(|row| self.rows.of_rows[row].clone()),
                    similarity: twins.similarity,
                }
            })
            .collect()
    }

    fn fit(&self, rows: &[usize], how: How) -> Result<Fitted> {
        let (space, meanings) = self.space(rows, how.adapter);
        let levels = 0..self.rows.labels.len();
        let heads = levels.map(|level| self.fit_level(level, rows, how.cost, &meanings));
        Ok(Fitted {
            heads: heads.collect::<Result<_>>()?,
            space,
            meanings,
        })
    }

    /// All labels of a level, each on one of the cores.
    fn fit_level(&self, level: usize, rows: &[usize], cost: f32, meanings: &[f32]) -> Result<Head> {
        let labels = self.rows.labels[level].len();
        let seen = rows.iter().map(|row| self.seen(*row, meanings));
        let seen: Vec<Seen<'_>> = seen.collect();
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
        let mut fitted = vec![Weights::default(); labels];
        let halted = || (self.halted)(self.done.load(Relaxed), self.labels);
        each_share(fitted.iter_mut().enumerate(), |(label, fitted)| {
            if halted() {
                return;
            }
            let positive: Vec<bool> = rows
                .iter()
                .map(|row| self.rows.of_rows[*row][level] as usize == label)
                .collect();
            *fitted = separate(&seen, &positive, &costs, self.features, &halted);
            self.done.fetch_add(1, Relaxed);
        });
        if halted() {
            return Err(Error::Interrupted);
        }
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
