//! Candidates of one attribute in one text.

use std::collections::BTreeMap;

/// A possible value: `text[start..end]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub start: usize,
    pub end: usize,
    pub score: f32,
    pub normalized: Option<String>,
}

/// Keeps candidates that do not overlap, those with the highest score first, then the
/// first and longest. The result is ordered by start.
pub fn resolve_overlaps(candidates: &mut Vec<Candidate>) {
    candidates.retain(|candidate| candidate.start < candidate.end);
    if candidates.len() < 2 {
        return;
    }
    candidates.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then(a.start.cmp(&b.start)).then(b.end.cmp(&a.end))
    });
    let mut kept: BTreeMap<usize, Candidate> = BTreeMap::new();
    for candidate in candidates.drain(..) {
        let before = kept.range(..candidate.end).next_back();
        if before.is_none_or(|(_, before)| before.end <= candidate.start) {
            kept.insert(candidate.start, candidate);
        }
    }
    candidates.extend(kept.into_values());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_and_longer_candidates_win() {
        let candidate = |start, end, score| Candidate {
            start,
            end,
            score,
            normalized: None,
        };
        let mut candidates = vec![
            candidate(5, 9, 0.5),
            candidate(0, 4, 0.5),
            candidate(0, 6, 0.5),
            candidate(6, 8, 1.0),
            candidate(7, 7, 1.0),
            candidate(8, 9, 0.1),
        ];
        resolve_overlaps(&mut candidates);
        let places: Vec<_> = candidates.iter().map(|c| (c.start, c.end)).collect();
        assert_eq!(places, [(0, 6), (6, 8), (8, 9)]);
    }
}
