//! A map that forgets what was not used for the longest time.

use std::collections::HashMap;
use std::hash::Hash;

/// Map whose entries are ordered by their last use. Evicting an entry compares
/// all of them, so it is meant for hundreds of entries at most.
pub(crate) struct LruMap<K, V> {
    entries: HashMap<K, Entry<V>>,
    uses: u64,
}

struct Entry<V> {
    value: V,
    last_use: u64,
}

impl<K, V> Default for LruMap<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            uses: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, V> LruMap<K, V> {
    /// The value of `key`, which counts as a use.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        entry.last_use = self.uses;
        Some(&entry.value)
    }

    /// Adds or replaces the value of `key`, which counts as a use.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.uses += 1;
        let last_use = self.uses;
        self.entries.insert(key, Entry { value, last_use });
    }

    /// Removes the value of `key` if it satisfies `condition`.
    pub(crate) fn remove_if(&mut self, key: &K, condition: impl FnOnce(&V) -> bool) {
        if self
            .entries
            .get(key)
            .is_some_and(|entry| condition(&entry.value))
        {
            self.entries.remove(key);
        }
    }

    /// Removes the least recently used values until `capacity` are left.
    /// Returns the removed ones.
    pub(crate) fn shrink_to(&mut self, capacity: usize) -> Vec<V> {
        let mut evicted = Vec::new();
        while self.entries.len() > capacity {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            evicted.extend(self.entries.remove(&key).map(|entry| entry.value));
        }
        evicted
    }

    /// Removes all values.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The values, in no order. Does not count as a use.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|entry| &entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_is_evicted_first() {
        let mut map = LruMap::default();
        for key in ["a", "b", "c"] {
            map.insert(key, key.to_uppercase());
        }
        assert_eq!(map.get(&"a").map(String::as_str), Some("A"));
        assert_eq!(map.shrink_to(2), ["B"]);
        assert_eq!(map.get(&"b"), None);
        assert_eq!(map.shrink_to(1), ["C"]);
        assert_eq!(map.shrink_to(1), Vec::<String>::new());
        assert_eq!(map.values().collect::<Vec<_>>(), ["A"]);
    }

    #[test]
    fn a_value_is_removed_only_where_the_condition_holds() {
        let mut map = LruMap::default();
        map.insert(1, "one");
        map.remove_if(&1, |value| *value == "two");
        assert_eq!(map.get(&1), Some(&"one"));
        map.remove_if(&1, |value| *value == "one");
        assert_eq!(map.get(&1), None);
    }
}
