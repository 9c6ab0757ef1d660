//! Phrases that say no more than their parts, and words that occur in phrases only.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::hypergeometric::TermCounts;
use super::term_index::TermIndex;

/// Share of the texts of a part that have the phrase, from which on the part is the
/// phrase: "kong" and "hong kong".
const SAME_TERM_SHARE: f64 = 0.8;

/// P-value that a phrase needs among the texts with one of its parts. Above it the part
/// explains why the phrase is frequent.
const MAX_P_VALUE_GIVEN_PART: f64 = 0.01;

/// Drops redundant terms of one group; the others keep their order. `terms` has the
/// significant terms of the group, the most significant first.
///
/// A phrase says more than its significant parts if none of them explains it, or if one
/// that is not redundant itself nearly always occurs in it. The phrase then replaces that
/// part.
pub fn drop_redundant(terms: Vec<(u32, TermCounts)>, index: &TermIndex<'_>) -> Vec<u32> {
    let counts: HashMap<u32, TermCounts> = terms.iter().copied().collect();
    let mut phrases: Vec<Phrase> = terms
        .iter()
        .filter(|(term, _)| index.length(*term) > 1)
        .map(|(term, phrase)| Phrase::new(*term, phrase, &counts, index))
        .collect();
    let mut dropped = HashSet::new();
    // Stable sorts: among phrases of one length, the most significant is first.
    phrases.sort_by_key(|phrase| phrase.length);
    for phrase in &phrases {
        let has_same = phrase.same.iter().any(|part| !dropped.contains(part));
        if phrase.is_explained && !has_same {
            dropped.insert(phrase.term);
        }
    }
    phrases.sort_by_key(|phrase| Reverse(phrase.length));
    let mut replaced: HashSet<u32> = HashSet::new();
    for phrase in &phrases {
        if dropped.contains(&phrase.term) {
            continue;
        }
        // A phrase that overlaps another one, and that nearly always occurs with it.
        if phrase.same.iter().any(|part| replaced.contains(part)) {
            dropped.insert(phrase.term);
            continue;
        }
        replaced.extend(&phrase.same);
        dropped.extend(&phrase.same);
    }
    let terms = terms.into_iter().map(|(term, _)| term);
    terms.filter(|term| !dropped.contains(term)).collect()
}

/// A significant phrase.
struct Phrase {
    term: u32,
    length: usize,
    /// Significant parts that nearly always occur in the phrase.
    same: Vec<u32>,
    /// Whether another significant part explains why the phrase is frequent.
    is_explained: bool,
}

impl Phrase {
    fn new(
        term: u32,
        phrase: &TermCounts,
        counts: &HashMap<u32, TermCounts>,
        index: &TermIndex<'_>,
    ) -> Self {
        let parts = index.parts(term).into_iter();
        let parts = parts.filter_map(|part| Some((part, counts.get(&part)?)));
        let (same, other): (Vec<_>, Vec<_>) =
            parts.partition(|(_, part)| is_same_term(phrase, part));
        Self {
            term,
            length: index.length(term),
            same: same.into_iter().map(|(part, _)| part).collect(),
            is_explained: other.iter().any(|(_, part)| explains(part, phrase)),
        }
    }
}

/// Whether nearly all texts of the group with the part have the phrase.
fn is_same_term(phrase: &TermCounts, part: &TermCounts) -> bool {
    phrase.with_term as f64 >= SAME_TERM_SHARE * part.with_term as f64
}

/// Whether the phrase is as frequent among the group's texts with the part as among all
/// texts with the part.
fn explains(part: &TermCounts, phrase: &TermCounts) -> bool {
    let given_part = TermCounts {
        with_term: phrase.with_term,
        texts: part.with_term,
        all_with_term: phrase.all_with_term,
        all_texts: part.all_with_term,
    };
    given_part.ln_p_value() > MAX_P_VALUE_GIVEN_PART.ln()
}
