//! Positions of features by their hashes.

use super::features::FeatureHash;

/// Open-addressing table from hashes to positions.
#[derive(Clone, Debug, Default)]
pub struct FeatureIndex {
    hashes: Vec<FeatureHash>,
    /// Positions plus one; 0 for a free slot. The length is a power of two.
    slots: Vec<u32>,
}

impl PartialEq for FeatureIndex {
    fn eq(&self, other: &Self) -> bool {
        self.hashes == other.hashes
    }
}

impl FeatureIndex {
    /// The index of distinct hashes, whose positions are their order.
    pub fn from_hashes(hashes: Vec<FeatureHash>) -> Self {
        let mut index = Self {
            slots: vec![0; (2 * hashes.len()).next_power_of_two().max(2)],
            hashes: Vec::with_capacity(hashes.len()),
        };
        for hash in hashes {
            index.add(hash);
        }
        index
    }

    /// The position of a hash, which is added if it is new.
    pub fn add(&mut self, hash: FeatureHash) -> u32 {
        if self.hashes.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot(hash);
        match self.slots[slot] {
            0 => {
                self.hashes.push(hash);
                self.slots[slot] = self.hashes.len() as u32;
                self.hashes.len() as u32 - 1
            }
            position => position - 1,
        }
    }

    /// The position of a hash; `None` for an unknown one.
    pub fn get(&self, hash: FeatureHash) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots[self.slot(hash)].checked_sub(1)
    }

    /// The hashes, by position.
    pub fn hashes(&self) -> &[FeatureHash] {
        &self.hashes
    }

    fn slot(&self, hash: FeatureHash) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return slot,
                position if self.hashes[position as usize - 1] == hash => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (4 * self.hashes.len()).next_power_of_two().max(16)];
        for position in 0..self.hashes.len() {
            let slot = self.slot(self.hashes[position]);
            self.slots[slot] = position as u32 + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_the_order_of_addition() {
        let mut index = FeatureIndex::default();
        assert_eq!(index.get(7), None);
        for hash in (0..1000).map(|hash| hash * 1024) {
            index.add(hash);
            index.add(hash);
        }
        assert_eq!(index.get(999 * 1024), Some(999));
        assert_eq!(index.get(1), None);
        assert_eq!(FeatureIndex::from_hashes(index.hashes().to_vec()), index);
        assert_eq!(FeatureIndex::from_hashes(Vec::new()).get(3), None);
    }
}
