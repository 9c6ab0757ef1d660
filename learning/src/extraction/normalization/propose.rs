//! Canonical values of a column.

use std::collections::HashMap;

use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::folded_value::FoldedValue;
use super::meaning::{TextEncoder, mutual_neighbours};
use super::quantity_key::quantity_key;
use super::spelling::SpellingTargets;
use super::value_groups::{Evidence, EvidenceLink, ValueGroups};

/// Longest value that is compared by spelling and meaning, in bytes.
const MAX_COMPARED_BYTES: usize = 400;

/// Values that are compared by vectors, the most frequent.
const MAX_VECTOR_VALUES: usize = 10_000;

/// Values between two checks of cancellation.
const CHECK_INTERVAL: usize = 1_024;

/// Proposed canonical value of one distinct value.
#[derive(Clone, Debug, PartialEq)]
pub struct CanonicalValue {
    /// The most frequent value of the group, without white space around it.
    pub canonical: String,
    pub variant: String,
    /// Occurrences of the variant.
    pub count: u64,
    /// Occurrences of all variants of the group.
    pub total: u64,
    /// Why the variant belongs to the group; `None` for the most frequent value.
    pub evidence: Option<Evidence>,
    /// Similarity to the value that it was merged with, for spelling and meaning.
    pub similarity: Option<f32>,
}

/// Optional evidence.
#[derive(Clone, Copy, Default)]
pub struct NormalizationOptions<'a> {
    /// Encoder and minimum cosine of values with a similar meaning; `None` leaves this
    /// evidence out.
    pub meaning: Option<(&'a TextEncoder<'a>, f32)>,
}

/// Canonical values of distinct `values` with their numbers of occurrences. Blank values
/// have none.
///
/// The canonical value of a group is the most frequent one; of equally frequent ones, the
/// shortest, then the first in the alphabet. Groups of several values come first, by
/// descending total. The result does not depend on the order of `values`.
///
/// # Errors
/// Those of the encoder; [`Error::Interrupted`].
pub fn propose_canonical_values(
    values: &[(String, u64)],
    options: &NormalizationOptions<'_>,
    progress: &dyn ProgressSink,
) -> Result<Vec<CanonicalValue>> {
    let mut values: Vec<(&str, u64)> = values
        .iter()
        .filter(|(value, _)| !value.trim().is_empty())
        .map(|(value, count)| (value.as_str(), *count))
        .collect();
    values.sort_unstable_by(|(a, a_count), (b, b_count)| {
        let by_count = b_count.cmp(a_count);
        by_count.then(a.len().cmp(&b.len())).then(a.cmp(b))
    });
    values.dedup_by(|b, a| a.0 == b.0);
    let counts: Vec<u64> = values.iter().map(|(_, count)| *count).collect();
    let mut groups = ValueGroups::new(&counts);
    merge_equal_keys(&values, &mut groups, progress)?;
    merge_misspellings(&values, &mut groups, progress)?;
    if let Some((encoder, min_similarity)) = options.meaning {
        merge_similar(&values, &mut groups, encoder, min_similarity, progress)?;
    }
    Ok(rows(&values, &mut groups))
}

/// Merges values with the same letters, and then values of the same quantity.
fn merge_equal_keys(
    values: &[(&str, u64)],
    groups: &mut ValueGroups,
    progress: &dyn ProgressSink,
) -> Result<()> {
    for evidence in [Evidence::SameLetters, Evidence::SameQuantity] {
        let keys = |value: &str| match evidence {
            Evidence::SameLetters => FoldedValue::new(value).letter_keys(),
            _ => Vec::from_iter(quantity_key(value)),
        };
        let mut known: HashMap<String, usize> = HashMap::new();
        for (at, (value, _)) in values.iter().enumerate() {
            check(at, progress)?;
            for key in keys(value) {
                let first = *known.entry(key).or_insert(at);
                let link = EvidenceLink {
                    evidence,
                    similarity: None,
                };
                groups.merge(first, at, link);
            }
        }
    }
    Ok(())
}

/// Merges canonical values with the much more frequent ones that they misspell.
fn merge_misspellings(
    values: &[(&str, u64)],
    groups: &mut ValueGroups,
    progress: &dyn ProgressSink,
) -> Result<()> {
    let mut targets = SpellingTargets::default();
    for (at, value) in groups.canonical_values().into_iter().enumerate() {
        check(at, progress)?;
        let (text, _) = values[value];
        if text.len() > MAX_COMPARED_BYTES {
            continue;
        }
        let (text, total) = (FoldedValue::new(text).text(), groups.total(value));
        match targets.find(total, &text) {
            Some((target, similarity)) => {
                let link = EvidenceLink {
                    evidence: Evidence::Spelling,
                    similarity: Some(similarity),
                };
                groups.merge(target, value, link);
            }
            None => targets.add(value, total, &text),
        }
    }
    Ok(())
}

/// Merges canonical values that are each other's nearest neighbours.
fn merge_similar(
    values: &[(&str, u64)],
    groups: &mut ValueGroups,
    encoder: &TextEncoder<'_>,
    min_similarity: f32,
    progress: &dyn ProgressSink,
) -> Result<()> {
    let mut compared = groups.canonical_values();
    compared.retain(|value| values[*value].0.len() <= MAX_COMPARED_BYTES);
    compared.truncate(MAX_VECTOR_VALUES);
    let texts: Vec<&str> = compared.iter().map(|value| values[*value].0).collect();
    let folded = texts.iter().map(|text| FoldedValue::new(text));
    let numbers: Vec<String> = folded.map(|value| value.numbers()).collect();
    for pair in mutual_neighbours(&texts, &numbers, min_similarity, encoder, progress)? {
        let link = EvidenceLink {
            evidence: Evidence::SimilarMeaning,
            similarity: Some(pair.cosine),
        };
        groups.merge(compared[pair.first], compared[pair.second], link);
    }
    Ok(())
}

/// One row for each value.
fn rows(values: &[(&str, u64)], groups: &mut ValueGroups) -> Vec<CanonicalValue> {
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for value in 0..values.len() {
        members
            .entry(groups.canonical(value))
            .or_default()
            .push(value);
    }
    let mut canonical = groups.canonical_values();
    // Stable: keeps the order by total.
    canonical.sort_by_key(|canonical| members[canonical].len() == 1);
    let row = |canonical: usize, value: usize| {
        let link = groups.link(value);
        CanonicalValue {
            canonical: values[canonical].0.trim().to_string(),
            variant: values[value].0.to_string(),
            count: values[value].1,
            total: groups.total(canonical),
            evidence: link.map(|link| link.evidence),
            similarity: link.and_then(|link| link.similarity),
        }
    };
    let all = canonical.iter().flat_map(|canonical| {
        let members = members[canonical].iter();
        members.map(|value| row(*canonical, *value))
    });
    all.collect()
}

fn check(at: usize, progress: &dyn ProgressSink) -> Result<()> {
    match at.is_multiple_of(CHECK_INTERVAL) && progress.is_cancelled() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn propose(values: &[(&str, u64)]) -> Vec<CanonicalValue> {
        let values: Vec<(String, u64)> = values.iter().map(|(v, n)| (v.to_string(), *n)).collect();
        propose_canonical_values(&values, &NormalizationOptions::default(), &|| false).unwrap()
    }

    #[test]
    fn groups_come_first_and_the_most_frequent_value_is_canonical() {
        let mut values = [
            ("stainless steel", 40),
            ("Stainless Steel", 41),
            ("stainles steel", 2),
            ("rubber", 500),
            ("steel, stainless", 1),
            ("500 g", 3),
            ("0.5 kg", 2),
            ("  ", 9),
        ];
        let found = propose(&values);
        let shown: Vec<_> = found
            .iter()
            .map(|row| {
                (
                    row.canonical.as_str(),
                    row.variant.as_str(),
                    row.total,
                    row.evidence,
                )
            })
            .collect();
        let (letters, spelling) = (Some(Evidence::SameLetters), Some(Evidence::Spelling));
        assert_eq!(
            shown,
            [
                ("Stainless Steel", "Stainless Steel", 84, None),
                ("Stainless Steel", "stainless steel", 84, letters),
                ("Stainless Steel", "stainles steel", 84, spelling),
                ("Stainless Steel", "steel, stainless", 84, letters),
                ("500 g", "500 g", 5, None),
                ("500 g", "0.5 kg", 5, Some(Evidence::SameQuantity)),
                ("rubber", "rubber", 500, None),
            ]
        );
        values.reverse();
        assert_eq!(
            propose(&values),
            found,
            "the order of the values does not matter"
        );
    }

    #[test]
    fn ties_go_to_the_shortest_and_then_the_first_in_the_alphabet() {
        let found = propose(&[("T-shirt", 1), ("tshirt", 1), ("Tshirt", 1)]);
        assert!(
            found.iter().all(|row| row.canonical == "Tshirt"),
            "{found:?}"
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn meaning_merges_canonical_values() {
        let values = [("scarlet", 1), ("red", 9), ("RED", 1), ("blue", 5)];
        let values = values.map(|(value, count)| (value.to_string(), count));
        let encoder = |texts: &[&str]| -> Result<Vec<Option<Vec<f32>>>> {
            let vector = |text: &&str| match *text {
                "blue" => Some(vec![0.0, 1.0]),
                _ => Some(vec![1.0, 0.0]),
            };
            Ok(texts.iter().map(vector).collect())
        };
        let options = NormalizationOptions {
            meaning: Some((&encoder, 0.9)),
        };
        let found = propose_canonical_values(&values, &options, &|| false).unwrap();
        let scarlet = found.iter().find(|row| row.variant == "scarlet").unwrap();
        assert_eq!(scarlet.canonical, "red");
        assert_eq!(scarlet.evidence, Some(Evidence::SimilarMeaning));
        assert!(
            scarlet
                .similarity
                .is_some_and(|similarity| similarity > 0.99)
        );
        let failing = |_: &[&str]| Err(Error::Setup("no model".to_string()));
        let options = NormalizationOptions {
            meaning: Some((&failing, 0.9)),
        };
        assert!(propose_canonical_values(&values, &options, &|| false).is_err());
    }

    #[test]
    fn hostile_values_and_cancellation() {
        let long = "ab ".repeat(1_000_000);
        let found = propose(&[
            ("\u{0}", 1),
            ("\u{301}\u{301}", u64::MAX),
            (&long, u64::MAX),
        ]);
        assert_eq!(found.len(), 3);
        let cancelled = propose_canonical_values(
            &[("a".into(), 1)],
            &NormalizationOptions::default(),
            &|| true,
        );
        assert_eq!(cancelled, Err(Error::Interrupted));
    }
}
