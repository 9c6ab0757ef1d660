//! Moments of predicted and reviewed numbers, by score.

use std::collections::BTreeMap;

use super::moments::PairMoments;
use super::score_bucket::ScoreResolution;

/// Buckets of scores before scores are rounded more coarsely.
const MAX_BUCKETS: usize = 1 << 14;

/// Rows of one bucket of scores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanCells {
    /// All rows with a prediction: the prediction as x.
    pub predicted: PairMoments,
    /// All rows without one.
    pub unpredicted: u64,
    /// Reviewed rows with a prediction: prediction and reviewed number.
    pub reviewed: PairMoments,
    /// Reviewed rows without a prediction: the reviewed number as y.
    pub reviewed_unpredicted: PairMoments,
}

/// Moments of all rows and of reviewed rows, by bucket of scores. Its size does not
/// depend on the number of rows.
#[derive(Clone, Debug, Default)]
pub struct MeanCounts {
    cells: BTreeMap<Option<u64>, MeanCells>,
    resolution: ScoreResolution,
}

impl MeanCounts {
    /// Adds a row. Numbers that are not finite count as missing.
    pub fn add(&mut self, predicted: Option<f64>, reviewed: Option<f64>, score: Option<f64>) {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let mut row = MeanCells::default();
        match (finite(predicted), finite(reviewed)) {
            (None, reviewed) => {
                row.unpredicted = 1;
                if let Some(number) = reviewed {
                    row.reviewed_unpredicted = PairMoments::of(0.0, number);
                }
            }
            (Some(x), reviewed) => {
                row.predicted = PairMoments::of(x, 0.0);
                if let Some(y) = reviewed {
                    row.reviewed = PairMoments::of(x, y);
                }
            }
        }
        let bucket = score.and_then(|score| self.resolution.bucket(score));
        self.add_cells(bucket, row);
    }

    /// Adds cells of another aggregate whose scores have the resolution `given`.
    pub fn merge(
        &mut self,
        given: ScoreResolution,
        cells: impl IntoIterator<Item = (Option<u64>, MeanCells)>,
    ) {
        self.reduce_to(given);
        for (bucket, cells) in cells {
            let bucket = bucket.map(|bucket| self.resolution.merged(bucket, given));
            self.add_cells(bucket, cells);
        }
    }

    fn add_cells(&mut self, bucket: Option<u64>, cells: MeanCells) {
        let cell = self.cells.entry(bucket).or_default();
        *cell = cell.merged(cells);
        while self.cells.len() > MAX_BUCKETS
            && let Some(coarser) = self.resolution.coarser()
        {
            self.reduce_to(coarser);
        }
    }

    fn reduce_to(&mut self, coarser: ScoreResolution) {
        if coarser <= self.resolution {
            return;
        }
        let finer = std::mem::replace(&mut self.resolution, coarser);
        for (bucket, cells) in std::mem::take(&mut self.cells) {
            let bucket = bucket.map(|bucket| coarser.merged(bucket, finer));
            let cell = self.cells.entry(bucket).or_default();
            *cell = cell.merged(cells);
        }
    }

    /// Every bucket, ordered by score.
    pub fn cells(&self) -> impl Iterator<Item = (Option<u64>, &MeanCells)> {
        self.cells.iter().map(|(bucket, cells)| (*bucket, cells))
    }

    pub fn resolution(&self) -> ScoreResolution {
        self.resolution
    }

    /// Bytes on the heap, estimated.
    pub fn heap_size(&self) -> usize {
        self.cells.len() * (size_of::<MeanCells>() + 32)
    }
}

impl MeanCells {
    /// Moments of the rows of both.
    pub(super) fn merged(self, other: Self) -> Self {
        let reviewed_unpredicted = self.reviewed_unpredicted;
        Self {
            predicted: self.predicted.merged(other.predicted),
            unpredicted: self.unpredicted + other.unpredicted,
            reviewed: self.reviewed.merged(other.reviewed),
            reviewed_unpredicted: reviewed_unpredicted.merged(other.reviewed_unpredicted),
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.predicted.pairs + self.unpredicted
    }

    pub(super) fn reviewed_rows(&self) -> u64 {
        self.reviewed.pairs + self.reviewed_unpredicted.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_scores_takes_a_bounded_number_of_buckets() {
        let mut counts = MeanCounts::default();
        let rows = 100_000;
        for at in 0..rows {
            let score = f64::from(at).sin() * 10f64.powi(at % 300);
            counts.add(Some(1.0), Some(2.0), Some(score));
        }
        counts.add(Some(f64::NAN), Some(f64::INFINITY), Some(f64::NAN));
        assert!(counts.cells.len() <= MAX_BUCKETS);
        let mut merged = MeanCounts::default();
        let cells = || counts.cells().map(|(bucket, cells)| (bucket, *cells));
        merged.merge(counts.resolution(), cells());
        merged.merge(counts.resolution(), cells());
        let rows: u64 = merged.cells().map(|(_, cells)| cells.rows()).sum();
        assert_eq!(rows, 200_002);
        let reviewed: u64 = merged.cells().map(|(_, cells)| cells.reviewed_rows()).sum();
        assert_eq!(reviewed, 200_000);
    }
}
