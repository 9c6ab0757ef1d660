//! Order of labels by their scores.

/// Position of the highest score, the first one of equal scores.
pub fn best_label(scores: &[f32]) -> Option<usize> {
    let mut best = None;
    for (label, score) in scores.iter().enumerate() {
        if best.is_none_or(|b: usize| *score > scores[b]) {
            best = Some(label);
        }
    }
    best
}

/// Labels and scores, best first, equal ones in the order of the labels.
pub fn rank_labels(scores: &[f32]) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_labels_is_best() {
        assert_eq!(best_label(&[0.2, 0.9, 0.9]), Some(1));
        assert_eq!(best_label(&[]), None);
        assert_eq!(
            rank_labels(&[0.2, 0.9, 0.9]),
            [(1, 0.9), (2, 0.9), (0, 0.2)]
        );
    }
}
