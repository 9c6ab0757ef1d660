//! Rows counted by prediction, score and reviewed label.

use std::collections::{BTreeMap, HashMap};

use semql_inference::{Error, Result};

use super::score_bucket::ScoreResolution;

/// Distinct labels, predicted or reviewed.
const MAX_LABELS: usize = 5_000;

/// Counts before scores are rounded more coarsely.
const MAX_CELLS: usize = 1 << 18;

/// Rows of one prediction and one bucket of scores.
#[derive(Clone, Debug, Default)]
pub(super) struct CellCounts {
    pub(super) unreviewed: u64,
    /// Reviewed rows by the number of their label.
    pub(super) reviewed: BTreeMap<u32, u64>,
}

/// Rows by prediction, bucket of scores and reviewed label. Its size depends on the
/// number of labels, not of rows.
#[derive(Clone, Debug, Default)]
pub struct ShareCounts {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    cells: BTreeMap<(Option<u32>, Option<u64>), CellCounts>,
    resolution: ScoreResolution,
    /// Counts in `cells`.
    size: usize,
}

/// Number of rows with the same prediction, bucket and reviewed label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareCount<'a> {
    /// `None` without a prediction.
    pub predicted: Option<&'a str>,
    /// `None` without a score.
    pub bucket: Option<u64>,
    /// `None` for rows that were not reviewed.
    pub reviewed: Option<&'a str>,
    pub rows: u64,
}

impl ShareCounts {
    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Invalid`] with more than 5,000 labels.
    pub fn add(
        &mut self,
        predicted: Option<&str>,
        reviewed: Option<&str>,
        score: Option<f64>,
    ) -> Result<()> {
        let bucket = score.and_then(|score| self.resolution.bucket(score));
        self.add_count(ShareCount {
            predicted,
            bucket,
            reviewed,
            rows: 1,
        })
    }

    /// Adds counts of another aggregate whose scores have the resolution `given`.
    ///
    /// # Errors
    /// As [`ShareCounts::add`].
    pub fn merge<'a>(
        &mut self,
        given: ScoreResolution,
        counts: impl IntoIterator<Item = ShareCount<'a>>,
    ) -> Result<()> {
        self.reduce_to(given);
        for mut count in counts {
            // Adding may have reduced the resolution again.
            count.bucket = count.bucket.map(|b| self.resolution.merged(b, given));
            self.add_count(count)?;
        }
        Ok(())
    }

    fn add_count(&mut self, count: ShareCount<'_>) -> Result<()> {
        let predicted = count.predicted.map(|l| self.number(l)).transpose()?;
        let reviewed = count.reviewed.map(|l| self.number(l)).transpose()?;
        let size = &mut self.size;
        let cell = self
            .cells
            .entry((predicted, count.bucket))
            .or_insert_with(|| {
                *size += 1;
                CellCounts::default()
            });
        match reviewed {
            None => cell.unreviewed += count.rows,
            Some(label) => {
                *cell.reviewed.entry(label).or_insert_with(|| {
                    *size += 1;
                    0
                }) += count.rows;
            }
        }
        while self.size > MAX_CELLS
            && let Some(coarser) = self.resolution.coarser()
        {
            self.reduce_to(coarser);
        }
        Ok(())
    }

    /// Merges buckets until they have at most this resolution.
    fn reduce_to(&mut self, coarser: ScoreResolution) {
        if coarser <= self.resolution {
            return;
        }
        let finer = std::mem::replace(&mut self.resolution, coarser);
        self.size = 0;
        for ((predicted, bucket), counts) in std::mem::take(&mut self.cells) {
            let bucket = bucket.map(|bucket| coarser.merged(bucket, finer));
            let cell = self.cells.entry((predicted, bucket)).or_default();
            cell.unreviewed += counts.unreviewed;
            for (label, rows) in counts.reviewed {
                *cell.reviewed.entry(label).or_default() += rows;
            }
        }
        let sizes = self.cells.values().map(|cell| 1 + cell.reviewed.len());
        self.size = sizes.sum();
    }

    fn number(&mut self, label: &str) -> Result<u32> {
        if let Some(number) = self.numbers.get(label) {
            return Ok(*number);
        }
        if self.names.len() == MAX_LABELS {
            return Err(Error::Invalid(format!(
                "more than {MAX_LABELS} distinct labels, the latest '{}'; pass categories, not texts",
                label.chars().take(40).collect::<String>()
            )));
        }
        let number = self.names.len() as u32;
        self.names.push(label.to_string());
        self.numbers.insert(label.to_string(), number);
        Ok(number)
    }

    /// Every count.
    pub fn counts(&self) -> impl Iterator<Item = ShareCount<'_>> {
        self.cells.iter().flat_map(|((predicted, bucket), cell)| {
            let count = |reviewed: Option<u32>, rows: u64| ShareCount {
                predicted: predicted.map(|label| self.name(label)),
                bucket: *bucket,
                reviewed: reviewed.map(|label| self.name(label)),
                rows,
            };
            let unreviewed = (cell.unreviewed > 0).then(|| count(None, cell.unreviewed));
            let reviewed = cell.reviewed.iter();
            let reviewed = reviewed.map(move |(label, rows)| count(Some(*label), *rows));
            unreviewed.into_iter().chain(reviewed)
        })
    }

    pub fn resolution(&self) -> ScoreResolution {
        self.resolution
    }

    /// Numbers of the labels, ordered by name.
    pub(super) fn sorted_labels(&self) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..self.names.len() as u32).collect();
        labels.sort_by_key(|label| self.name(*label));
        labels
    }

    pub(super) fn name(&self, label: u32) -> &str {
        &self.names[label as usize]
    }

    /// Counts of each prediction, ordered by prediction and score.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Option<u32>, Option<u64>, &CellCounts)> {
        let cells = self.cells.iter();
        cells.map(|((predicted, bucket), cell)| (*predicted, *bucket, cell))
    }

    /// Bytes on the heap, estimated.
    pub fn heap_size(&self) -> usize {
        let names: usize = self.names.iter().map(String::len).sum();
        2 * names + 80 * self.names.len() + 64 * self.size
    }
}

impl CellCounts {
    pub(super) fn reviewed_rows(&self) -> u64 {
        self.reviewed.values().sum()
    }

    pub(super) fn rows(&self) -> u64 {
        self.unreviewed + self.reviewed_rows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prediction, bucket of scores, label of the review and rows.
    type Count = (Option<String>, Option<u64>, Option<String>, u64);

    fn sorted(counts: &ShareCounts) -> Vec<Count> {
        let mut all: Vec<_> = counts
            .counts()
            .map(|c| {
                (
                    c.predicted.map(str::to_string),
                    c.bucket,
                    c.reviewed.map(str::to_string),
                    c.rows,
                )
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn counts_do_not_depend_on_the_order_of_rows_or_parts() {
        let row = |at: usize| {
            let label = ["a", "b", "c"][at % 3];
            let score = (at as f64).sin() * 10f64.powi((at % 400) as i32 - 200);
            (label, at.is_multiple_of(7).then_some("b"), score)
        };
        let rows = 200_000;
        let mut whole = ShareCounts::default();
        let (mut first, mut second) = (ShareCounts::default(), ShareCounts::default());
        for at in 0..rows {
            let (label, reviewed, score) = row(at);
            whole.add(Some(label), reviewed, Some(score)).unwrap();
            let (label, reviewed, score) = row(rows - 1 - at);
            let part = if at % 9 == 0 { &mut first } else { &mut second };
            part.add(Some(label), reviewed, Some(score)).unwrap();
        }
        let mut merged = ShareCounts::default();
        for part in [&second, &first] {
            merged.merge(part.resolution(), part.counts()).unwrap();
        }
        assert_eq!(merged.resolution(), whole.resolution());
        assert_eq!(sorted(&merged), sorted(&whole));
    }

    #[test]
    fn any_number_of_scores_takes_a_bounded_number_of_counts() {
        let mut counts = ShareCounts::default();
        for label in 0..400 {
            let label = label.to_string();
            for at in 0..2_000 {
                let score = f64::from(at) * 0.01 - 10.0;
                counts.add(Some(&label), Some(&label), Some(score)).unwrap();
            }
        }
        assert!(counts.size <= MAX_CELLS);
        assert!(counts.resolution() > ScoreResolution::default());
        assert_eq!(counts.counts().map(|c| c.rows).sum::<u64>(), 800_000);
    }

    #[test]
    fn too_many_labels_are_an_error() {
        let mut counts = ShareCounts::default();
        for label in 0..MAX_LABELS {
            counts.add(Some(&label.to_string()), None, None).unwrap();
        }
        counts.add(None, Some("7"), None).unwrap();
        let error = counts.add(None, Some("one more"), None).unwrap_err();
        assert!(
            error.to_string().contains("5000 distinct labels"),
            "{error}"
        );
    }
}
