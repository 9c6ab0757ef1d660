//! Folds of labelled pairs for cross-validation.

use semql_inference::random::Random;

use super::labelled_pairs::LabelledPairs;

/// Number of folds.
pub const FOLDS: usize = 5;

/// Seed of the distribution of products on folds.
const SEED: u64 = 1;

/// The fold of each pair. Products that match each other are in one fold; a pair is in
/// the fold of its first product.
pub fn pair_folds(labelled: &LabelledPairs) -> Vec<usize> {
    let mut parents: Vec<u32> = (0..labelled.products.len() as u32).collect();
    for pair in labelled.pairs.iter().filter(|pair| pair.is_match) {
        let [a, b] = [pair.a, pair.b].map(|product| root(&mut parents, product));
        parents[a.max(b) as usize] = a.min(b);
    }
    let mut random = Random::new(SEED);
    let folds: Vec<usize> = (0..parents.len()).map(|_| random.below(FOLDS)).collect();
    let pairs = labelled.pairs.iter();
    pairs
        .map(|pair| folds[root(&mut parents, pair.a) as usize])
        .collect()
}

/// The first product of a group, with shorter ways to it.
fn root(parents: &mut [u32], product: u32) -> u32 {
    let mut at = product;
    while parents[at as usize] != at {
        let above = parents[parents[at as usize] as usize];
        parents[at as usize] = above;
        at = above;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::labelled_pairs::LabelledPair;
    use super::*;

    #[test]
    fn products_that_match_share_a_fold() {
        let pair = |a, b, is_match| LabelledPair { a, b, is_match };
        let matches = (0..400).map(|at| pair(2 * at, 2 * at + 1, true));
        let others = (0..400).map(|at| pair(2 * at + 1, (2 * at + 2) % 800, false));
        let labelled = LabelledPairs {
            products: vec![Default::default(); 800],
            pairs: matches.chain(others).collect(),
            ..LabelledPairs::default()
        };
        let folds = pair_folds(&labelled);
        for at in 0..400 {
            assert_eq!(folds[at], folds[400 + at]);
        }
        for fold in 0..FOLDS {
            let size = folds.iter().filter(|one| **one == fold).count();
            assert!(size > 80, "{size} pairs in fold {fold}");
        }
        assert_eq!(folds, pair_folds(&labelled));
    }
}
