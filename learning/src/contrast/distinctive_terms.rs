//! The distinctive terms of each group.

use std::collections::HashSet;

use super::false_discovery::ln_q_values;
use super::grouped_texts::{GroupedTexts, GroupedTextsParts};
use super::hypergeometric::TermCounts;
use super::redundancy::drop_redundant;
use super::term_index::{TermIndex, TermKind, token_slices};

/// Texts of a group that must have a term for the term to be distinctive.
const MIN_GROUP_TEXTS: u32 = 3;

/// Limits of [`distinctive_terms`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastOptions {
    /// Maximum number of terms of a group.
    pub limit: usize,
    /// Expected share of false discoveries among all significant terms: 0..1.
    pub false_discovery_rate: f64,
}

/// A term that is more frequent in a group than in the other groups.
#[derive(Clone, Debug, PartialEq)]
pub struct DistinctiveTerm {
    pub term: String,
    pub kind: TermKind,
    pub counts: TermCounts,
    /// One-sided p-value of Fisher's exact test.
    pub p_value: f64,
    /// The p-value, corrected for all tests of all groups.
    pub q_value: f64,
}

/// Distinctive terms of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTerms {
    pub group: String,
    /// The most significant first.
    pub terms: Vec<DistinctiveTerm>,
}

/// The terms that distinguish each group from the others, in order of the groups' names;
/// `None` if cancelled.
///
/// A term counts once in a text. Every term in at least [`MIN_TEXTS`](super::MIN_TEXTS)
/// texts is tested in every group where its totals allow a significant result. Terms of
/// exactly the same texts are returned once. Groups without distinctive terms are part of
/// the result.
pub fn distinctive_terms(
    texts: &GroupedTexts,
    options: ContrastOptions,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<Vec<GroupTerms>> {
    let parts = texts.parts();
    let tokens = token_slices(&parts);
    let index = TermIndex::new(&parts, &tokens, is_cancelled)?;
    let groups = sorted_groups(&parts);
    let ln_rate = options.false_discovery_rate.ln();
    let tests = number_of_tests(&index, &groups, parts.texts.len(), ln_rate);

    let mut significant = Vec::new();
    let mut counts = vec![0_u32; index.len()];
    let mut digests = vec![0_u64; index.len()];
    let (mut terms, mut counted) = (Vec::new(), Vec::new());
    for (position, group) in groups.iter().enumerate() {
        if is_cancelled() {
            return None;
        }
        for text in &group.texts {
            index.terms_of_text(tokens[*text], &mut terms);
            for term in &terms {
                counts[*term as usize] += 1;
                let digest = &mut digests[*term as usize];
                *digest = digest.wrapping_add(parts.texts[*text].hash);
                if counts[*term as usize] == 1 {
                    counted.push(*term);
                }
            }
        }
        for term in counted.drain(..) {
            let with_term = std::mem::take(&mut counts[term as usize]);
            let digest = std::mem::take(&mut digests[term as usize]);
            let counts = TermCounts {
                with_term: u64::from(with_term),
                texts: group.texts.len() as u64,
                all_with_term: u64::from(index.total(term)),
                all_texts: parts.texts.len() as u64,
            };
            if with_term < MIN_GROUP_TEXTS || !counts.is_frequent_in_group() {
                continue;
            }
            let ln_p_value = counts.ln_p_value();
            if ln_p_value <= ln_rate {
                significant.push(TestedTerm {
                    group: position,
                    term,
                    counts,
                    ln_p_value,
                    digest,
                    text: String::new(),
                });
            }
        }
    }
    Some(select(significant, tests, &groups, &index, options))
}

/// A term with a small p-value.
struct TestedTerm {
    /// Position of the group in order of the names.
    group: usize,
    term: u32,
    counts: TermCounts,
    ln_p_value: f64,
    /// Sum of the hashes of the group's texts with the term.
    digest: u64,
    text: String,
}

impl TestedTerm {
    /// Equal for terms of the same texts, such as those of a sentence that comes with every
    /// offer of a shop. Attribute values are apart.
    fn identity(&self, index: &TermIndex<'_>) -> (bool, u64, u64, u64) {
        (
            index.kind(self.term) == TermKind::Attribute,
            self.counts.with_term,
            self.counts.all_with_term,
            self.digest,
        )
    }
}

/// A group and the positions of its texts.
struct Group<'a> {
    name: &'a str,
    texts: Vec<usize>,
}

/// The groups in order of their names.
fn sorted_groups<'a>(parts: &GroupedTextsParts<'a>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = parts
        .groups
        .iter()
        .map(|name| Group {
            name,
            texts: Vec::new(),
        })
        .collect();
    for (position, text) in parts.texts.iter().enumerate() {
        groups[text.group as usize].texts.push(position);
    }
    groups.sort_unstable_by_key(|group| group.name);
    groups
}

/// Number of pairs of term and group whose totals allow a p-value of the rate or less.
/// Totals do not depend on which texts are in a group, so this choice of tests does not
/// bias them.
fn number_of_tests(
    index: &TermIndex<'_>,
    groups: &[Group<'_>],
    all_texts: usize,
    ln_rate: f64,
) -> u64 {
    let frequencies = index.total_frequencies();
    let of_group = |group: &Group<'_>| -> u64 {
        let totals = |all_with_term: u32| TermCounts {
            with_term: 0,
            texts: group.texts.len() as u64,
            all_with_term: u64::from(all_with_term),
            all_texts: all_texts as u64,
        };
        let frequencies = frequencies.iter();
        let tested = frequencies.filter(|(total, _)| totals(**total).best_ln_p_value() <= ln_rate);
        tested.map(|(_, terms)| *terms).sum()
    };
    groups.iter().map(of_group).sum()
}

/// Corrects the p-values, and keeps the best terms of each group.
fn select(
    mut tested: Vec<TestedTerm>,
    tests: u64,
    groups: &[Group<'_>],
    index: &TermIndex<'_>,
    options: ContrastOptions,
) -> Vec<GroupTerms> {
    tested.sort_by(|a, b| a.ln_p_value.total_cmp(&b.ln_p_value));
    let ln_p_values: Vec<f64> = tested.iter().map(|term| term.ln_p_value).collect();
    let ln_q_values = ln_q_values(&ln_p_values, tests);
    let ln_rate = options.false_discovery_rate.ln();
    let significant = ln_q_values.partition_point(|ln_q_value| *ln_q_value <= ln_rate);
    let mut of_groups: Vec<Vec<(TestedTerm, f64)>> = groups.iter().map(|_| Vec::new()).collect();
    for (mut term, ln_q_value) in tested.into_iter().take(significant).zip(ln_q_values) {
        term.text = index.text(term.term);
        of_groups[term.group].push((term, ln_q_value.exp()));
    }
    let of_groups = of_groups.into_iter().zip(groups);
    of_groups
        .map(|(mut terms, group)| {
            // Ids of terms depend on the order of the texts.
            terms.sort_by(|(a, _), (b, _)| {
                let order = a.ln_p_value.total_cmp(&b.ln_p_value);
                let lengths = index.length(b.term).cmp(&index.length(a.term));
                order.then(lengths).then_with(|| a.text.cmp(&b.text))
            });
            let counts = terms.iter().map(|(term, _)| (term.term, term.counts));
            let kept = drop_redundant(counts.collect(), index);
            let mut kept = kept.into_iter().peekable();
            let mut known = HashSet::new();
            terms.retain(|(term, _)| {
                kept.next_if_eq(&term.term).is_some() && known.insert(term.identity(index))
            });
            terms.truncate(options.limit);
            GroupTerms {
                group: group.name.to_string(),
                terms: terms
                    .into_iter()
                    .map(|(term, q_value)| DistinctiveTerm {
                        kind: index.kind(term.term),
                        term: term.text,
                        counts: term.counts,
                        p_value: term.ln_p_value.exp(),
                        q_value: q_value.min(1.0),
                    })
                    .collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{combine_hashes, hash_word};

    const OPTIONS: ContrastOptions = ContrastOptions {
        limit: 20,
        false_discovery_rate: 0.05,
    };

    /// A number below `bound` that depends on the seed and the position.
    fn random(seed: u64, position: u64, bound: u64) -> u64 {
        let hash = combine_hashes(hash_word("seed") ^ seed, position);
        hash_word(&hash.to_string()) % bound
    }

    /// Texts of words that are dependent: some come in templates.
    fn text(seed: u64, row: u64) -> String {
        let words = (0..6 + random(seed, row, 6)).map(|at| {
            let place = row * 100 + at;
            // Frequent words and rare ones.
            let vocabulary = 2 + random(seed, place + 50, 150);
            format!("word{}", random(seed, place, vocabulary))
        });
        let template = ["", "fits most cars", "made of steel", "with free cable"];
        let words: Vec<String> = words.collect();
        let template = template[random(seed, row * 100 + 99, 4) as usize];
        format!("{} {template}", words.join(" "))
    }

    fn contrast(texts: &GroupedTexts) -> Vec<GroupTerms> {
        distinctive_terms(texts, OPTIONS, &|| false).unwrap()
    }

    fn names(group: &GroupTerms) -> Vec<&str> {
        group.terms.iter().map(|term| term.term.as_str()).collect()
    }

    #[test]
    fn a_random_split_has_no_distinctive_terms() {
        const DRAWS: u64 = 200;
        let mut found = 0;
        for seed in 0..DRAWS {
            let mut texts = GroupedTexts::default();
            for row in 0..300 {
                let group = ["a", "b", "c"][random(seed, row, 3) as usize];
                texts.add(&text(seed, row), &[], group).unwrap();
            }
            let groups = contrast(&texts);
            assert_eq!(groups.len(), 3);
            found += usize::from(groups.iter().any(|group| !group.terms.is_empty()));
        }
        let promised = (OPTIONS.false_discovery_rate * DRAWS as f64) as usize;
        assert!(found <= promised, "{found} of {DRAWS} draws");
    }

    #[test]
    fn planted_terms_are_found_in_any_order_and_parts() {
        let row = |row: u64| {
            let group = ["x", "y"][(row % 2) as usize];
            let planted = match (row % 2, row % 3) {
                (0, 0) => "cordless drill",
                (0, 1) => "drill",
                (1, 0) => "Hong Kong silk",
                _ => "",
            };
            (format!("{} {planted}", text(7, row)), group)
        };
        let mut whole = GroupedTexts::default();
        for (text, group) in (0..400).map(row) {
            whole.add(&text, &[], group).unwrap();
        }
        let groups = contrast(&whole);
        assert_eq!(names(&groups[0]), ["drill", "cordless drill"]);
        assert_eq!(names(&groups[1]), ["hong kong silk"]);
        let silk = &groups[1].terms[0];
        assert_eq!(silk.kind, TermKind::Phrase);
        assert_eq!((silk.counts.with_term, silk.counts.all_with_term), (67, 67));
        assert!(silk.p_value < silk.q_value && silk.q_value < 1e-10);
        let mut merged = GroupedTexts::default();
        for part in [2, 0, 1] {
            let mut texts = GroupedTexts::default();
            for (text, group) in (0..400).rev().filter(|i| i % 3 == part).map(row) {
                texts.add(&text, &[], group).unwrap();
            }
            merged.append(&texts.parts()).unwrap();
        }
        assert_eq!(contrast(&merged), groups);
    }

    #[test]
    fn a_sentence_of_all_texts_of_a_group_is_one_term() {
        let mut texts = GroupedTexts::default();
        for row in 0..100 {
            let sentence = [
                "Bulk orders: ask sales staff. Returns within thirty days",
                "",
            ];
            let text = format!("{}. {}", text(3, row), sentence[(row % 2) as usize]);
            texts
                .add(&text, &[], ["x", "y"][(row % 2) as usize])
                .unwrap();
        }
        let groups = contrast(&texts);
        assert_eq!(names(&groups[0]), ["ask sales staff"]);
        assert!(groups[1].terms.is_empty());
    }

    #[test]
    fn one_group_and_few_texts_have_no_distinctive_terms() {
        let mut texts = GroupedTexts::default();
        assert!(contrast(&texts).is_empty());
        for i in 0..4 {
            texts.add(&format!("red shoe {i}"), &[], "a").unwrap();
            texts.add(&format!("blue hat {i}"), &[], "b").unwrap();
        }
        assert!(contrast(&texts).iter().all(|group| group.terms.is_empty()));
        let mut texts = GroupedTexts::default();
        for i in 0..50 {
            texts.add(&format!("red shoe {i}"), &[], "a").unwrap();
        }
        assert!(contrast(&texts)[0].terms.is_empty());
        assert!(distinctive_terms(&texts, OPTIONS, &|| true).is_none());
    }

    #[test]
    fn copies_of_a_text_count_once() {
        let mut texts = GroupedTexts::default();
        for i in 0..100 {
            texts
                .add(&format!("shoe {i}"), &[], ["a", "b"][i % 2])
                .unwrap();
        }
        for _ in 0..100 {
            texts.add("rare sandal", &[], "a").unwrap();
        }
        assert!(contrast(&texts)[0].terms.is_empty());
    }
}
