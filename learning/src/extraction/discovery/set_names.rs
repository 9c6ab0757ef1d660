//! Name of a value set.

use super::candidate::attribute_name;
use super::value_sets::ValueSet;
use crate::words::is_stop_word;

/// Minimum share of occurrences before one word from which the word names the set, and
/// share of the values that it follows.
const MIN_FOLLOWER_SHARE: f32 = 0.3;
const MIN_FOLLOWED_VALUES: f32 = 0.5;

/// Name of a set: the word that follows most values, or the two most frequent values.
pub fn set_name(set: &ValueSet) -> String {
    let follower = set.followers.iter().filter(|(word, (count, values))| {
        let is_word = word.chars().all(char::is_alphabetic) && word.chars().count() > 2;
        let is_common = *count as f32 >= MIN_FOLLOWER_SHARE * set.occurrences as f32
            && values.len() as f32 >= MIN_FOLLOWED_VALUES * set.values.len() as f32;
        is_word && is_common && !is_stop_word(word) && !set.values.contains_key(*word)
    });
    let follower = follower.max_by(|a, b| a.1.0.cmp(&b.1.0).then(b.0.cmp(a.0)));
    if let Some((word, _)) = follower {
        return attribute_name(word);
    }
    let mut values: Vec<(&String, &u64)> = set.values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let first = values.iter().take(2).map(|(value, _)| value.as_str());
    attribute_name(&first.collect::<Vec<_>>().join(" or "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn set(values: &[(&str, u64)]) -> ValueSet {
        let values = values
            .iter()
            .map(|(value, count)| (value.to_string(), *count));
        ValueSet {
            values: values.collect(),
            occurrences: 10,
            ..ValueSet::default()
        }
    }

    #[test]
    fn names_follow_the_values_or_are_the_values() {
        let mut roasts = set(&[("dark", 4), ("light", 6)]);
        assert_eq!(set_name(&roasts), "light_or_dark");
        let both: BTreeSet<String> = ["dark", "light"].map(str::to_string).into();
        roasts.followers.insert("of".to_string(), (9, both.clone()));
        roasts.followers.insert("roast".to_string(), (7, both));
        assert_eq!(set_name(&roasts), "roast");
    }
}
