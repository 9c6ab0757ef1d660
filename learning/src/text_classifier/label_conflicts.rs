//! Conflicting labels: similar rows with different labels.
//!
//! Two rows are similar if the Jaccard similarity of their sets of words reaches
//! [`MIN_SIMILARITY`]. Only rows that share one of their rarest words are compared
//! (prefix filtering; Bayardo, Ma and Srikant, "Scaling Up All Pairs Similarity
//! Search", WWW 2007).

use std::collections::HashMap;

use super::ngrams::RowTexts;
use crate::words::{IdentityBuildHasher, each_word, hash_word};

/// Smallest Jaccard similarity of conflicting rows.
const MIN_SIMILARITY: f32 = 0.8;

/// Largest number of compared rows with the same rare word. A more frequent word
/// belongs to a template.
const MAX_ROWS_WITH_WORD: usize = 100;

/// Two similar rows with different labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConflictingRows {
    pub first: usize,
    pub second: usize,
    /// Jaccard similarity of the sets of words, 0..1.
    pub similarity: f32,
}

/// Up to `limit` pairs of similar rows of different `classes`, by descending
/// similarity. The result depends on the texts, not on the order of the rows.
pub fn conflicting_rows(
    rows: &[RowTexts<'_>],
    classes: &[u32],
    limit: usize,
) -> Vec<ConflictingRows> {
    let words = rarest_first(rows);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| (&rows[*a], classes[*a]).cmp(&(&rows[*b], classes[*b])));
    let mut with: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut found = Vec::new();
    let mut seen: Vec<u32> = Vec::new();
    for (at, row) in order.iter().copied().enumerate() {
        let own = &words[row];
        let prefix = own.len() - (own.len() as f32 * MIN_SIMILARITY).ceil() as usize;
        seen.clear();
        for word in own.iter().take(prefix + 1) {
            let others = with.entry(*word).or_default();
            seen.extend_from_slice(others);
            if others.len() < MAX_ROWS_WITH_WORD {
                others.push(at as u32);
            }
        }
        seen.sort_unstable();
        seen.dedup();
        for other in seen.iter().map(|other| order[*other as usize]) {
            if classes[other] == classes[row] {
                continue;
            }
            let similarity = jaccard(&words[other], own);
            if similarity >= MIN_SIMILARITY {
                found.push(ConflictingRows {
                    first: other,
                    second: row,
                    similarity,
                });
            }
        }
    }
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    found.truncate(limit);
    found
}

/// By row: the ascending ranks of its distinct words; the rarest word has rank 0.
fn rarest_first(rows: &[RowTexts<'_>]) -> Vec<Vec<u32>> {
    let mut buffer = String::new();
    let mut rows_with: HashMap<u64, u32, IdentityBuildHasher> = HashMap::default();
    let words: Vec<Vec<u64>> = rows
        .iter()
        .map(|row| {
            let mut words = Vec::new();
            for text in row.iter().flatten() {
                each_word(text, &mut buffer, |word| words.push(hash_word(word)));
            }
            words.sort_unstable();
            words.dedup();
            for word in &words {
                *rows_with.entry(*word).or_default() += 1;
            }
            words
        })
        .collect();
    let mut order: Vec<(u32, u64)> = rows_with
        .iter()
        .map(|(word, rows)| (*rows, *word))
        .collect();
    order.sort_unstable();
    let ranks = order.iter().enumerate();
    let ranks: HashMap<u64, u32, IdentityBuildHasher> = ranks
        .map(|(rank, (_, word))| (*word, rank as u32))
        .collect();
    let ranked = |words: Vec<u64>| {
        let mut ranked: Vec<u32> = words.iter().map(|word| ranks[word]).collect();
        ranked.sort_unstable();
        ranked
    };
    words.into_iter().map(ranked).collect()
}

/// Jaccard similarity of two ascending lists.
fn jaccard(a: &[u32], b: &[u32]) -> f32 {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    both as f32 / (a.len() + b.len() - both).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_rows_of_other_classes_are_found() {
        let rows = [
            "Red running shoe for women size 40",
            "red running shoe, for women: size 40",
            "red running shoe for women size 41 ",
            "blue coffee mug with a handle",
            "",
        ];
        let rows: Vec<RowTexts<'_>> = rows.iter().map(|row| vec![Some(*row)]).collect();
        let found = conflicting_rows(&rows, &[0, 1, 1, 0, 1], 10);
        let pairs: Vec<_> = found.iter().map(|t| (t.first, t.second)).collect();
        assert_eq!(pairs, [(0, 1)], "{found:?}");
        assert_eq!(found[0].similarity, 1.0);
        // Seven words of nine are less than four of five.
        let near = conflicting_rows(&rows, &[0, 0, 1, 0, 1], 10);
        assert!(near.iter().all(|t| t.similarity < 1.0));
        assert!(conflicting_rows(&rows, &[0, 0, 0, 0, 0], 10).is_empty());
        // The order within a pair does not depend on the order of the rows.
        let reversed: Vec<RowTexts<'_>> = rows.iter().rev().cloned().collect();
        let found = conflicting_rows(&reversed, &[1, 0, 1, 1, 0], 10);
        let pairs: Vec<_> = found.iter().map(|t| (t.first, t.second)).collect();
        assert_eq!(pairs, [(4, 3)], "{found:?}");
    }

    #[test]
    fn every_similar_pair_is_found() {
        // Compared with all pairs, on rows of few words.
        let vocabulary = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 33) as usize
        };
        let texts: Vec<String> = (0..80)
            .map(|_| {
                let words: Vec<&str> = vocabulary
                    .iter()
                    .copied()
                    .filter(|_| random() % 4 > 0)
                    .collect();
                words.join(" ")
            })
            .collect();
        let rows: Vec<RowTexts<'_>> = texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let classes: Vec<u32> = (0..80).map(|row| row % 2).collect();
        let words = rarest_first(&rows);
        let expected = (0..80usize)
            .flat_map(|b| (0..b).map(move |a| (a, b)))
            .filter(|(a, b)| a % 2 != b % 2 && jaccard(&words[*a], &words[*b]) >= MIN_SIMILARITY)
            .count();
        assert!(expected > 20);
        assert_eq!(conflicting_rows(&rows, &classes, 10_000).len(), expected);
    }
}
