//! Sequences of two and three tokens in enough texts.

use std::collections::HashMap;

/// Texts that must have a term for the term to be tested.
pub const MIN_TEXTS: u32 = 5;

/// Texts between two questions whether to cancel.
const CANCEL_INTERVAL_TEXTS: usize = 4_096;

/// Frequent sequences of tokens: an id and the id of the token that follows.
#[derive(Default)]
pub struct Sequences {
    /// The upper half is the token or pair, the lower half the token after it.
    pub keys: Vec<u64>,
    pub positions: HashMap<u64, u32>,
}

impl Sequences {
    /// The keys that at least [`MIN_TEXTS`] texts have, and their numbers of texts.
    pub fn frequent(mut keys: Vec<u64>) -> (Self, Vec<u32>) {
        keys.sort_unstable();
        let (mut sequences, mut totals) = (Self::default(), Vec::new());
        for run in keys.chunk_by(|a, b| a == b) {
            if run.len() >= MIN_TEXTS as usize {
                let position = sequences.keys.len() as u32;
                sequences.positions.insert(run[0], position);
                sequences.keys.push(run[0]);
                totals.push(run.len() as u32);
            }
        }
        (sequences, totals)
    }
}

/// The key of a token or pair, and the token after it.
pub fn key(first: u32, next: u32) -> u64 {
    u64::from(first) << 32 | u64::from(next)
}

/// The token or pair of a key, and the token after it.
pub fn halves(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// The keys of all texts, each once for each text with the key; `None` if cancelled. A
/// text has at most as many keys as tokens, and all texts have `all_tokens`.
pub fn distinct_keys(
    texts: &[&[u32]],
    all_tokens: usize,
    is_cancelled: &dyn Fn() -> bool,
    add_keys: impl Fn(&[u32], &mut Vec<u64>),
) -> Option<Vec<u64>> {
    // The exact bound: growth would double the memory.
    let mut all = Vec::with_capacity(all_tokens);
    let mut keys = Vec::new();
    for (position, tokens) in texts.iter().enumerate() {
        if position % CANCEL_INTERVAL_TEXTS == 0 && is_cancelled() {
            return None;
        }
        add_keys(tokens, &mut keys);
        keys.sort_unstable();
        keys.dedup();
        all.append(&mut keys);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_enough_texts_are_frequent() {
        let (common, rare) = ([7, 8, 7, 8], [8, 9]);
        let mut texts: Vec<&[u32]> = vec![&common; MIN_TEXTS as usize];
        texts.push(&rare);
        let pairs = |tokens: &[u32], keys: &mut Vec<u64>| {
            keys.extend(tokens.windows(2).map(|pair| key(pair[0], pair[1])));
        };
        let keys = distinct_keys(&texts, 100, &|| false, pairs).unwrap();
        assert_eq!(keys.len(), 2 * MIN_TEXTS as usize + 1);
        let (sequences, totals) = Sequences::frequent(keys);
        assert_eq!(
            sequences
                .keys
                .iter()
                .map(|key| halves(*key))
                .collect::<Vec<_>>(),
            [(7, 8), (8, 7)]
        );
        assert_eq!(sequences.positions[&key(8, 7)], 1);
        assert_eq!(totals, [MIN_TEXTS; 2]);
        assert!(distinct_keys(&texts, 100, &|| true, pairs).is_none());
    }
}
