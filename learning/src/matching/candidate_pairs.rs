//! Candidate pairs: few for each record, so that work grows with the number of records.

use std::collections::HashMap;

use super::comparison::Comparison;
use super::facts::RecordFacts;
use crate::words::{IdentityBuildHasher, hash_word};
use semql_inference::parallel::parallel_for_each;
use semql_inference::{Error, Result};

/// Candidates of a record by its vector, and by rare words and codes.
pub const MAX_NEAR: usize = 12;
pub const MAX_BY_WORDS: usize = 20;

/// Records that may have a word or code; more common ones find no candidates.
const MAX_RECORDS_OF_WORD: usize = 100;

/// Records of a task.
const RECORDS_PER_TASK: usize = 512;

/// Records that have a word or code.
type Postings = HashMap<u64, Vec<u32>, IdentityBuildHasher>;

/// Pairs of records that may be one product, sorted, with the smaller record first. No
/// pair has two records of one source. A record brings at most [`MAX_NEAR`] and
/// [`MAX_BY_WORDS`] pairs.
///
/// # Errors
/// [`Error::Interrupted`] once `is_cancelled` returns true.
pub fn candidate_pairs(
    comparison: &Comparison,
    sources: &[Option<u32>],
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<(u32, u32)>> {
    let (facts, vectors) = (&comparison.facts, &comparison.vectors);
    let mut pairs = vectors.near_pairs(MAX_NEAR, sources, is_cancelled)?;
    let postings = postings(facts);
    let mut found: Vec<Vec<(u32, u32)>> = vec![Vec::new(); facts.len().div_ceil(RECORDS_PER_TASK)];
    parallel_for_each(found.iter_mut().enumerate(), |(task, found)| {
        let mut shared = HashMap::default();
        let first = task * RECORDS_PER_TASK;
        for record in first..facts.len().min(first + RECORDS_PER_TASK) {
            if is_cancelled() {
                return;
            }
            by_words(record, comparison, &postings, sources, &mut shared, found);
        }
    });
    if is_cancelled() {
        return Err(Error::Interrupted);
    }
    pairs.extend(found.into_iter().flatten());
    pairs.retain(|(a, b)| !is_one_source(sources, *a, *b));
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

/// Whether two records are of one source, and so different products.
pub fn is_one_source(sources: &[Option<u32>], a: u32, b: u32) -> bool {
    let source = sources[a as usize];
    source.is_some() && source == sources[b as usize]
}

/// The words of the headline and the codes of a record.
fn keys(facts: &RecordFacts) -> impl Iterator<Item = u64> + '_ {
    let codes = facts.all_codes.iter().map(|code| hash_word(code));
    let codes = codes.filter(|code| facts.title_words.binary_search(code).is_err());
    facts.title_words.iter().copied().chain(codes)
}

fn postings(facts: &[RecordFacts]) -> Postings {
    let mut counts: HashMap<u64, u32, IdentityBuildHasher> = HashMap::default();
    for key in facts.iter().flat_map(keys) {
        *counts.entry(key).or_default() += 1;
    }
    counts.retain(|_, count| (2..=MAX_RECORDS_OF_WORD as u32).contains(count));
    let mut postings = Postings::default();
    for (record, facts) in facts.iter().enumerate() {
        for key in keys(facts).filter(|key| counts.contains_key(key)) {
            postings.entry(key).or_default().push(record as u32);
        }
    }
    postings
}

/// Adds the pairs of a record with those that share the heaviest rare words.
fn by_words(
    record: usize,
    comparison: &Comparison,
    postings: &Postings,
    sources: &[Option<u32>],
    shared: &mut HashMap<u64, f32, IdentityBuildHasher>,
    found: &mut Vec<(u32, u32)>,
) {
    shared.clear();
    let this = record as u32;
    for key in keys(&comparison.facts[record]) {
        let weight = comparison.weights.weight(key);
        for other in postings.get(&key).into_iter().flatten() {
            if *other != this && !is_one_source(sources, this, *other) {
                *shared.entry(u64::from(*other)).or_default() += weight;
            }
        }
    }
    let mut best: Vec<(f32, u32)> = shared
        .iter()
        .map(|(other, weight)| (*weight, *other as u32))
        .collect();
    let heaviest_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if best.len() > MAX_BY_WORDS {
        best.select_nth_unstable_by(MAX_BY_WORDS, heaviest_first);
        best.truncate(MAX_BY_WORDS);
    }
    found.extend(
        best.into_iter()
            .map(|(_, other)| (this.min(other), this.max(other))),
    );
}

#[cfg(test)]
mod tests {
    use super::super::record::ProductRecord;
    use super::super::vectors::RecordVectors;
    use super::*;

    fn pairs(titles: &[String], sources: &[Option<u32>]) -> Vec<(u32, u32)> {
        let records: Vec<_> = titles
            .iter()
            .map(|title| ProductRecord {
                title: Some(title),
                ..ProductRecord::default()
            })
            .collect();
        let vectors = RecordVectors::default();
        let comparison = Comparison::new(&records, vectors, &|| false).unwrap();
        candidate_pairs(&comparison, sources, &|| false).unwrap()
    }

    #[test]
    fn rare_words_find_candidates() {
        let titles: Vec<String> = (0..300)
            .map(|at| format!("mug number w{}", at / 2))
            .collect();
        let expected: Vec<(u32, u32)> = (0..150).map(|at| (2 * at, 2 * at + 1)).collect();
        assert_eq!(pairs(&titles, &[None; 300]), expected);
        assert!(pairs(&titles, &[Some(0); 300]).is_empty());
    }

    #[test]
    fn candidates_are_bounded() {
        let titles: Vec<String> = (0..100).map(|at| format!("lamp {at}")).collect();
        assert!(pairs(&titles, &[None; 100]).len() <= 100 * MAX_BY_WORDS);
        // A word of more records finds none.
        let titles: Vec<String> = (0..2_000).map(|at| format!("lamp x{at}x")).collect();
        assert!(pairs(&titles, &vec![None; 2_000]).is_empty());
    }
}
