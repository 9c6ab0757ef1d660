//! Batches of texts of similar length.

use std::ops::Range;

/// Maximum share of padding in a large enough batch.
const MAX_PADDING: f32 = 0.04;

/// A batch is large enough to use all cores from this fraction of the budget on.
const MIN_BUDGET_FRACTION: usize = 4;

/// Positions of texts by descending token count, and the ranges of batches in that
/// order. Rows times the longest row are at most `budget` padded tokens; a longer
/// text is a batch by itself.
///
/// The longest texts come first, so that the runtime allocates its memory once.
/// Texts of similar length are in one batch, which limits padding: a large enough
/// batch ends before its padding exceeds [`MAX_PADDING`].
pub fn plan(lengths: &[usize], budget: usize) -> (Vec<usize>, Vec<Range<usize>>) {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(lengths[text]));
    let mut batches = Vec::new();
    let mut start = 0;
    while start < order.len() {
        let width = lengths[order[start]].max(1);
        let last = (start + (budget / width).max(1)).min(order.len());
        let mut end = start;
        let mut tokens = 0;
        while end < last {
            tokens += lengths[order[end]];
            let padded = (end + 1 - start) * width;
            let padding = (padded - tokens) as f32 / padded as f32;
            if end > start && padding > MAX_PADDING && padded >= budget / MIN_BUDGET_FRACTION {
                break;
            }
            end += 1;
        }
        batches.push(start..end);
        start = end;
    }
    (order, batches)
}

/// Ranges of consecutive texts of up to `budget` tokens, or of one text.
pub fn by_tokens(texts: &[&[u32]], budget: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (at, ids) in texts.iter().enumerate() {
        tokens += ids.len();
        match ranges.last_mut() {
            Some(range) if tokens <= budget => range.end = at + 1,
            _ => {
                ranges.push(at..at + 1);
                tokens = ids.len();
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_one_batch_within_the_budget() {
        let lengths: Vec<usize> = (0..500).map(|i| 2 + (i * 37) % 255).collect();
        let (order, batches) = plan(&lengths, 1024);
        let mut seen = vec![0; lengths.len()];
        for batch in batches {
            let widest = order[batch.clone()]
                .iter()
                .map(|&t| lengths[t])
                .max()
                .unwrap();
            assert!(widest * batch.len() <= 1024);
            order[batch].iter().for_each(|&t| seen[t] += 1);
        }
        assert!(seen.iter().all(|&n| n == 1));
    }

    #[test]
    fn padding_is_limited() {
        let lengths: Vec<usize> = (0..1000).map(|i| 2 + (i * 37) % 255).collect();
        let (order, batches) = plan(&lengths, 1024);
        let padded: usize = batches
            .iter()
            .map(|batch| lengths[order[batch.start]] * batch.len())
            .sum();
        let tokens: usize = lengths.iter().sum();
        assert!((padded - tokens) as f32 / (padded as f32) < 0.05);
    }

    #[test]
    fn consecutive_texts_share_a_budget() {
        let texts: [&[u32]; 5] = [&[1; 3], &[1; 9], &[1; 2], &[1; 2], &[]];
        assert_eq!(by_tokens(&texts, 4), [0..1, 1..2, 2..5]);
        assert!(by_tokens(&[], 4).is_empty());
    }

    #[test]
    fn a_text_over_the_budget_is_a_batch_by_itself() {
        let (_, batches) = plan(&[300, 5, 5], 100);
        assert_eq!(batches, [0..1, 1..3]);
        assert!(plan(&[], 100).1.is_empty());
    }
}
