//! Choice among the known combinations of labels.

/// The first path with the highest sum of scores. A path has one label for each
/// level.
pub fn best_path(paths: &[Vec<u32>], scores: &[Vec<f32>]) -> Vec<u32> {
    let mut best: Option<(&Vec<u32>, f32)> = None;
    for path in paths {
        let score = path_score(path, scores);
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((path, score));
        }
    }
    best.map(|(path, _)| path.clone()).unwrap_or_default()
}

/// Sum of the scores of a path's labels.
pub fn path_score(path: &[u32], scores: &[Vec<f32>]) -> f32 {
    let of_levels = path.iter().zip(scores);
    of_levels
        .map(|(label, scores)| scores[*label as usize])
        .sum()
}
