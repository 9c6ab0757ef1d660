//! Which texts go through the model together.

use std::ops::Range;

/// Share of a batch that may be padding, if the batch is large enough.
const MOST_PADDING: f32 = 0.04;

/// Batches of this part of the budget keep the cores busy.
const ENOUGH: usize = 4;

/// Positions of texts by falling token count, and the stretches of it that
/// make a batch: rows times the longest row stay within `budget` padded
/// tokens, and one text is always a batch of its own.
///
/// Longest first, so that the runtime's memory grows once, and texts of about
/// the same length are together, so that little of a batch is padding: one that
/// is large enough ends where more of it would be padding than
/// [`MOST_PADDING`].
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
            if end > start && padding > MOST_PADDING && padded >= budget / ENOUGH {
                break;
            }
            end += 1;
        }
        batches.push(start..end);
        start = end;
    }
    (order, batches)
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
    fn little_is_padding() {
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
    fn a_text_over_the_budget_goes_alone() {
        let (_, batches) = plan(&[300, 5, 5], 100);
        assert_eq!(batches, [0..1, 1..3]);
        assert!(plan(&[], 100).1.is_empty());
    }
}
