//! Rows that are nearly the same and yet have different labels.
//!
//! Two rows are near when they share most of their different words (Jaccard).
//! Only rows that share a rare word are compared: of rows in which four words
//! of five are the same, the rarest of each cannot all be missing from the
//! other (prefix filtering; Bayardo, Ma and Srikant, "Scaling Up All Pairs
//! Similarity Search", WWW 2007).

use std::collections::HashMap;

use super::ngrams::Columns;
use crate::words::{Numbered, each_word, number};

/// The share of words that near rows have in common.
const NEAR: f32 = 0.8;

/// Rows with the same rare word that are compared with each other: beyond, the
/// word is a template's.
const MOST_WITH_WORD: usize = 100;

/// Two rows with different labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Twins {
    pub first: usize,
    pub second: usize,
    /// Words in both by words in either, 0..1.
    pub similarity: f32,
}

/// The pairs of near rows of different `classes`, the nearest first, at most
/// `most`. Which they are, and in what order, hangs on what the rows say and not
/// on the order in which they come.
pub fn twins(rows: &[Columns<'_>], classes: &[u32], most: usize) -> Vec<Twins> {
    let words = rarest_first(rows);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| (&rows[*a], classes[*a]).cmp(&(&rows[*b], classes[*b])));
    let mut with: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut twins = Vec::new();
    let mut seen: Vec<u32> = Vec::new();
    for (at, row) in order.iter().copied().enumerate() {
        let own = &words[row];
        let prefix = own.len() - (own.len() as f32 * NEAR).ceil() as usize;
        seen.clear();
        for word in own.iter().take(prefix + 1) {
            let others = with.entry(*word).or_default();
            seen.extend_from_slice(others);
            if others.len() < MOST_WITH_WORD {
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
            if similarity >= NEAR {
                twins.push(Twins {
                    first: other,
                    second: row,
                    similarity,
                });
            }
        }
    }
    twins.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    twins.truncate(most);
    twins
}

/// Per row its different words, as their ranks: the rarest has the lowest.
fn rarest_first(rows: &[Columns<'_>]) -> Vec<Vec<u32>> {
    let mut buffer = String::new();
    let mut rows_with: HashMap<u64, u32, Numbered> = HashMap::default();
    let words: Vec<Vec<u64>> = rows
        .iter()
        .map(|row| {
            let mut words = Vec::new();
            for text in row.iter().flatten() {
                each_word(text, &mut buffer, |word| words.push(number(word)));
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
    let ranks: HashMap<u64, u32, Numbered> = ranks
        .map(|(rank, (_, word))| (*word, rank as u32))
        .collect();
    let ranked = |words: Vec<u64>| {
        let mut ranked: Vec<u32> = words.iter().map(|word| ranks[word]).collect();
        ranked.sort_unstable();
        ranked
    };
    words.into_iter().map(ranked).collect()
}

/// Of two ascending lists.
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
    fn near_rows_of_other_classes_are_found() {
        let rows = [
            "Red running shoe for women size 40",
            "red running shoe, for women: size 40",
            "red running shoe for women size 41 ",
            "blue coffee mug with a handle",
            "",
        ];
        let rows: Vec<Columns<'_>> = rows.iter().map(|row| vec![Some(*row)]).collect();
        let found = twins(&rows, &[0, 1, 1, 0, 1], 10);
        let pairs: Vec<_> = found.iter().map(|t| (t.first, t.second)).collect();
        assert_eq!(pairs, [(0, 1)], "{found:?}");
        assert_eq!(found[0].similarity, 1.0);
        // Seven words of nine are less than four of five.
        let near = twins(&rows, &[0, 0, 1, 0, 1], 10);
        assert!(near.iter().all(|t| t.similarity < 1.0));
        assert!(twins(&rows, &[0, 0, 0, 0, 0], 10).is_empty());
        // The other way round the same row comes first.
        let reversed: Vec<Columns<'_>> = rows.iter().rev().cloned().collect();
        let found = twins(&reversed, &[1, 0, 1, 1, 0], 10);
        let pairs: Vec<_> = found.iter().map(|t| (t.first, t.second)).collect();
        assert_eq!(pairs, [(4, 3)], "{found:?}");
    }

    #[test]
    fn every_pair_above_the_limit_is_found() {
        // Beside all pairs by hand, on rows of few words.
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
        let rows: Vec<Columns<'_>> = texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let classes: Vec<u32> = (0..80).map(|row| row % 2).collect();
        let words = rarest_first(&rows);
        let by_hand = (0..80usize)
            .flat_map(|b| (0..b).map(move |a| (a, b)))
            .filter(|(a, b)| a % 2 != b % 2 && jaccard(&words[*a], &words[*b]) >= NEAR)
            .count();
        assert!(by_hand > 20);
        assert_eq!(twins(&rows, &classes, 10_000).len(), by_hand);
    }
}
