//! Closed value sets: groups of phrases that alternate in one place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::known_values::KnownValues;
use super::slot_similarity::SlotPhrases;
use super::tokenized_rows::TokenizedRows;
use crate::extraction::normalization::FoldedValue;

/// Nearest phrases of a phrase that may be in its set.
const MAX_NEIGHBOURS: usize = 8;

/// Minimum mean similarity of the phrases of two sets that are merged.
const MIN_MEAN_SIMILARITY: f32 = 0.06;

/// Maximum number of phrases of a set.
const MAX_SET_PHRASES: usize = 80;

/// Minimum number of values of a set, and the share of rows from which two are enough.
const MIN_SET_VALUES: usize = 3;
const MIN_PAIR_COVERAGE: f32 = 0.25;

/// Minimum share of the rows of a group with a value.
const MIN_SET_COVERAGE: f32 = 0.08;

/// Maximum share of one value.
const MAX_VALUE_SHARE: f32 = 0.85;

/// Maximum number of sets of a group.
const MAX_SETS: usize = 8;

/// Minimum share of distinct rows among the rows of the phrases: how far they exclude
/// each other.
const MIN_EXCLUSIVITY: f32 = 0.7;

/// Minimum share and number of common values from which sets of two groups are one.
const MIN_OVERLAP: f32 = 0.4;
const MIN_COMMON_VALUES: usize = 2;

/// Values of one place.
#[derive(Clone, Debug, Default)]
pub struct ValueSet {
    /// Values in lower case, with the number of their rows.
    pub values: BTreeMap<String, u64>,
    /// By sampled row: its values, as in the text.
    pub rows: BTreeMap<usize, Vec<String>>,
    /// Words after a value, with counts, and the values that they follow.
    pub followers: HashMap<String, (u64, BTreeSet<String>)>,
    /// Occurrences of all values.
    pub occurrences: u64,
    /// Mean similarity of the places of two values.
    pub cohesion: f32,
}

/// The best value sets of a group of `group_rows` rows.
pub fn value_sets(
    tokenized: &TokenizedRows<'_>,
    slots: &SlotPhrases,
    group_rows: usize,
) -> Vec<ValueSet> {
    let sets = cluster(slots).into_iter();
    let sets = sets.map(|members| value_set(tokenized, slots, &members));
    let mut sets: Vec<ValueSet> = sets.filter(|set| is_closed_set(set, group_rows)).collect();
    sets.sort_by(|a, b| {
        let by_score = score(b, group_rows).total_cmp(&score(a, group_rows));
        by_score.then_with(|| a.values.keys().cmp(b.values.keys()))
    });
    sets.truncate(MAX_SETS);
    sets
}

/// Whether the values exclude each other in enough rows, and none has almost all rows.
fn is_closed_set(set: &ValueSet, group_rows: usize) -> bool {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (value, count) in &set.values {
        // Inflections are one value.
        let key = FoldedValue::new(value).letter_keys().into_iter().next();
        *counts.entry(key.unwrap_or_default()).or_default() += count;
    }
    let all: u64 = counts.values().sum();
    let most = counts.values().max().copied().unwrap_or(0) as f32;
    let (rows, coverage) = (
        set.rows.len() as f32,
        set.rows.len() as f32 / group_rows.max(1) as f32,
    );
    let is_pair = counts.len() == 2 && coverage >= MIN_PAIR_COVERAGE;
    (counts.len() >= MIN_SET_VALUES || is_pair)
        && coverage >= MIN_SET_COVERAGE
        && rows >= MIN_EXCLUSIVITY * all as f32
        && most <= MAX_VALUE_SHARE * all as f32
}

/// How well a set explains the texts of its group.
fn score(set: &ValueSet, group_rows: usize) -> f32 {
    set.cohesion * (set.rows.len() as f32 / group_rows.max(1) as f32).sqrt()
}

/// The phrases of a group that are values of known attributes.
pub fn known_sets(
    tokenized: &TokenizedRows<'_>,
    slots: &SlotPhrases,
    known: &KnownValues,
) -> BTreeMap<String, ValueSet> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, phrase) in slots.phrases.iter().enumerate() {
        if let [attribute] = known.attributes_of(&phrase.words) {
            members.entry(attribute).or_default().push(at);
        }
    }
    let sets = members.into_iter();
    sets.map(|(name, members)| (name.to_string(), value_set(tokenized, slots, &members)))
        .collect()
}

/// Average-link clusters of phrases over their mutual nearest neighbours.
fn cluster(slots: &SlotPhrases) -> Vec<Vec<usize>> {
    let nearest: Vec<Vec<(u32, f32)>> = slots
        .similar
        .iter()
        .map(|similar| {
            let mut near: Vec<(u32, f32)> = similar.iter().map(|(at, s)| (*at, *s)).collect();
            near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            near.truncate(MAX_NEIGHBOURS);
            near
        })
        .collect();
    let mut edges: Vec<(f32, usize, usize)> = Vec::new();
    for (at, near) in nearest.iter().enumerate() {
        for (other, similarity) in near {
            let other = *other as usize;
            let is_mutual = nearest[other].iter().any(|(back, _)| *back as usize == at);
            if at < other && is_mutual {
                edges.push((*similarity, at, other));
            }
        }
    }
    edges.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut set_of: Vec<usize> = (0..slots.phrases.len()).collect();
    let mut sets: Vec<Vec<usize>> = set_of.iter().map(|at| vec![*at]).collect();
    for (_, a, b) in edges {
        let (a, b) = (set_of[a], set_of[b]);
        if a == b || sets[a].len() + sets[b].len() > MAX_SET_PHRASES {
            continue;
        }
        let pairs = sets[a]
            .iter()
            .flat_map(|x| sets[b].iter().map(move |y| (*x, *y)));
        let sum: f32 = pairs
            .map(|(x, y)| slots.similar[x].get(&(y as u32)).copied().unwrap_or(0.0))
            .sum();
        if sum < MIN_MEAN_SIMILARITY * (sets[a].len() * sets[b].len()) as f32 {
            continue;
        }
        let moved = std::mem::take(&mut sets[b]);
        moved.iter().for_each(|at| set_of[*at] = a);
        sets[a].extend(moved);
    }
    sets.retain(|set| set.len() >= 2);
    sets
}

fn value_set(tokenized: &TokenizedRows<'_>, slots: &SlotPhrases, members: &[usize]) -> ValueSet {
    let mut set = ValueSet {
        cohesion: cohesion(slots, members),
        ..ValueSet::default()
    };
    for phrase in members.iter().map(|at| &slots.phrases[*at]) {
        set.values
            .insert(phrase.words.clone(), phrase.rows.len() as u64);
        set.occurrences += phrase.places.len() as u64;
        for place in &phrase.places {
            let text = &tokenized.rows[place.row as usize][usize::from(place.text)];
            let value = text.between(place.first as usize, place.last as usize);
            let of_row = set.rows.entry(place.row as usize).or_default();
            of_row.push(value.to_string());
        }
        for (word, count) in &phrase.followers {
            let word = tokenized.words[*word as usize].clone();
            let follower = set.followers.entry(word).or_default();
            follower.0 += u64::from(*count);
            follower.1.insert(phrase.words.clone());
        }
    }
    set
}

/// Mean similarity of the pairs of phrases that may be in one row.
fn cohesion(slots: &SlotPhrases, members: &[usize]) -> f32 {
    let pairs = members
        .iter()
        .flat_map(|a| members.iter().map(move |b| (*a, *b)));
    let pairs: Vec<(usize, usize)> = pairs.filter(|(a, b)| a < b).collect();
    let sum: f32 = pairs
        .iter()
        .filter_map(|(a, b)| slots.similar[*a].get(&(*b as u32)))
        .sum();
    sum / pairs.len().max(1) as f32
}

/// Merges sets with common values, the largest first.
pub fn merge_sets(mut sets: Vec<ValueSet>) -> Vec<ValueSet> {
    sets.sort_by(|a, b| {
        let by_rows = b.rows.len().cmp(&a.rows.len());
        by_rows.then_with(|| a.values.keys().cmp(b.values.keys()))
    });
    let mut merged: Vec<ValueSet> = Vec::new();
    for set in sets {
        let best = merged
            .iter()
            .enumerate()
            .map(|(at, known)| (overlap(known, &set), at));
        let best = best.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        match best {
            Some((overlap, at)) if overlap >= MIN_OVERLAP => merged[at].extend(set),
            _ => merged.push(set),
        }
    }
    merged
}

/// Share of common values, by rows, in the set that has the smaller share.
fn overlap(known: &ValueSet, set: &ValueSet) -> f32 {
    let common: Vec<&String> = set
        .values
        .keys()
        .filter(|value| known.values.contains_key(*value))
        .collect();
    if common.len() < MIN_COMMON_VALUES {
        return 0.0;
    }
    let share = |set: &ValueSet| {
        let all: u64 = set.values.values().sum();
        let common: u64 = common
            .iter()
            .filter_map(|value| set.values.get(*value))
            .sum();
        common as f32 / all.max(1) as f32
    };
    share(known).min(share(set))
}

impl ValueSet {
    /// Adds the values of another set.
    pub fn extend(&mut self, other: Self) {
        for (value, count) in other.values {
            *self.values.entry(value).or_default() += count;
        }
        for (row, values) in other.rows {
            self.rows.entry(row).or_default().extend(values);
        }
        for (word, (count, values)) in other.followers {
            let follower = self.followers.entry(word).or_default();
            follower.0 += count;
            follower.1.extend(values);
        }
        self.occurrences += other.occurrences;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;
    use crate::extraction::discovery::row_groups::RowGroup;
    use crate::extraction::discovery::slot_similarity::slot_phrases;

    #[test]
    fn words_that_alternate_are_one_set() {
        let colors = ["Black", "White", "Navy Blue", "Red"];
        let names = ["alpha", "beta", "gamma", "delta", "epsilon"];
        let texts: Vec<String> = (0..120)
            .map(|row| {
                let (name, half) = (names[row % 5], row / 2);
                match row % 2 {
                    0 => format!("{name} shirt, {}, size large", colors[half % 4]),
                    _ => format!("ground coffee {name} with dark roast {row}"),
                }
            })
            .collect();
        let rows: Vec<SourceTexts<'_>> =
            texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let tokenized = TokenizedRows::new(&rows, 0);
        let group = RowGroup {
            name: None,
            rows: (0..rows.len()).collect(),
        };
        let slots = slot_phrases(&tokenized, &group, &|_| false, &|| false).unwrap();
        let sets = value_sets(&tokenized, &slots, rows.len());
        let values: Vec<Vec<&str>> = sets
            .iter()
            .map(|set| set.values.keys().map(String::as_str).collect())
            .collect();
        assert!(
            values.contains(&vec!["black", "navy blue", "red", "white"]),
            "{values:?}"
        );
        let with_shirt = values.iter().find(|values| values.contains(&"shirt"));
        assert!(
            with_shirt.is_none_or(|values| !values.contains(&"red")),
            "{values:?}"
        );
        let again = merge_sets([sets.clone(), sets.clone()].concat());
        assert_eq!(again.len(), sets.len());
        let rows: Vec<usize> = again.iter().map(|set| set.rows.len()).collect();
        assert!(
            rows.is_sorted_by(|a, b| a >= b) && rows.contains(&60),
            "{rows:?}"
        );
    }
}
