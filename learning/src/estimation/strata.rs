//! Strata of rows: one for each prediction, divided by score where enough rows were
//! reviewed.

use super::share_counts::{CellCounts, ShareCounts};

/// Reviewed rows that a part of a prediction needs.
const MIN_REVIEWED: u64 = 15;
/// Parts of a prediction.
const MAX_PARTS: u64 = 4;

/// Rows of one prediction with neighbouring scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stratum {
    pub(super) predicted: Option<u32>,
    pub(super) rows: u64,
    pub(super) reviewed: u64,
    /// Reviewed rows by label, each label once.
    pub(super) labels: Vec<(u32, u64)>,
}

/// Number of parts into which scores divide rows of which `reviewed` were reviewed. It
/// must not depend on what the review found, or the intervals would be too narrow.
pub(super) fn part_count(reviewed: u64) -> u64 {
    (reviewed / MIN_REVIEWED).clamp(1, MAX_PARTS)
}

/// Part of the rows `before..before + rows` of `all` rows that are divided into `parts`.
pub(super) fn part_of(before: u64, rows: u64, all: u64, parts: u64) -> u64 {
    let middle = u128::from(before) * 2 + u128::from(rows);
    (middle * u128::from(parts) / (u128::from(all.max(1)) * 2)) as u64
}

/// The strata of all rows. Rows without a score come before those with the lowest.
pub(super) fn strata(counts: &ShareCounts) -> Vec<Stratum> {
    let mut cells: Vec<(Option<u32>, Option<u64>, &CellCounts)> = counts.cells().collect();
    // Not in the order in which labels were seen: sums of floats depend on it.
    let name = |label: Option<u32>| label.map(|label| counts.name(label));
    cells.sort_by(|a, b| (name(a.0), a.1).cmp(&(name(b.0), b.1)));
    let mut strata: Vec<Stratum> = Vec::new();
    for cells in cells.chunk_by(|a, b| a.0 == b.0) {
        let all = cells.iter().map(|(.., cell)| cell.rows()).sum();
        let reviewed = cells.iter().map(|(.., cell)| cell.reviewed_rows()).sum();
        let parts = part_count(reviewed);
        let (mut before, mut last) = (0, None);
        for (predicted, _, cell) in cells {
            let part = part_of(before, cell.rows(), all, parts);
            before += cell.rows();
            if last.replace(part) != Some(part) {
                strata.push(Stratum {
                    predicted: *predicted,
                    ..Stratum::default()
                });
            }
            if let Some(stratum) = strata.last_mut() {
                stratum.add(cell);
            }
        }
    }
    strata
}

impl Stratum {
    fn add(&mut self, cell: &CellCounts) {
        self.rows += cell.rows();
        self.reviewed += cell.reviewed_rows();
        for (label, rows) in &cell.reviewed {
            match self.labels.iter_mut().find(|(other, _)| other == label) {
                Some((_, sum)) => *sum += rows,
                None => self.labels.push((*label, *rows)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_divide_predictions_with_enough_reviewed_rows() {
        let mut counts = ShareCounts::default();
        for at in 0..120u32 {
            let reviewed = (at % 2 == 0).then_some("a");
            let score = f64::from(at % 60);
            counts.add(Some("a"), reviewed, Some(score)).unwrap();
            counts.add(Some("b"), None, Some(score)).unwrap();
            counts.add(None, None, None).unwrap();
        }
        let sizes: Vec<(Option<u32>, u64, u64)> = strata(&counts)
            .iter()
            .map(|stratum| (stratum.predicted, stratum.rows, stratum.reviewed))
            .collect();
        let parts = [16, 14, 16, 14].map(|reviewed| (Some(0), 30, reviewed));
        assert_eq!(sizes[0], (None, 120, 0));
        assert_eq!(sizes[1..5], parts);
        assert_eq!(sizes[5..], [(Some(1), 120, 0)]);
    }

    #[test]
    fn equal_scores_stay_in_one_stratum() {
        let mut counts = ShareCounts::default();
        for _ in 0..100 {
            counts.add(Some("a"), Some("a"), Some(0.5)).unwrap();
        }
        assert_eq!(strata(&counts).len(), 1);
    }
}
