//! Bounded LRU store of vectors in memory.
//!
//! Vectors of one length are contiguous in blocks: when one is removed, the last
//! one replaces it. A million vectors thus take some thousands of allocations,
//! and memory is freed block by block.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::key::{Fingerprint, Key};
use super::storable::is_storable;

/// Bytes of one block: large enough that allocators return it to the system when
/// it is freed.
const BLOCK_BYTES: usize = 256 << 10;

/// End of the LRU list.
const NO_ENTRY: u32 = u32::MAX;

/// Bounded LRU map from (model, text) to vector.
#[derive(Debug)]
pub struct MemoryStore {
    limit: usize,
    index: HashMap<EntryKey, u32, BuildHasherDefault<EntryHasher>>,
    slots: Vec<CacheSlot>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    models: Vec<StoredModel>,
    /// One for each vector length.
    slabs: Vec<Slab>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct EntryKey {
    model: u32,
    key: Key,
}

/// Position of a vector, and its neighbours in the LRU list.
#[derive(Debug, Clone, Copy)]
struct CacheSlot {
    entry_key: EntryKey,
    slab: u32,
    row: u32,
    newer: u32,
    older: u32,
}

#[derive(Debug)]
struct StoredModel {
    fingerprint: Fingerprint,
    entries: usize,
}

impl MemoryStore {
    /// An empty store of about `limit` bytes at most, index included. Memory is
    /// allocated in blocks of 256 KiB, so limits below 1 MiB hold few vectors.
    pub fn new(limit: usize) -> MemoryStore {
        MemoryStore {
            limit,
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NO_ENTRY,
            oldest: NO_ENTRY,
            models: Vec::new(),
            slabs: Vec::new(),
        }
    }

    /// The vector of `dims` numbers of this model and text, which becomes the most
    /// recently used one.
    pub fn get(&mut self, model: &Fingerprint, key: &Key, dims: usize) -> Option<&[f32]> {
        let slot = *self.index.get(&self.entry_key(model, key)?)?;
        let CacheSlot { slab, row, .. } = self.slots[slot as usize];
        if self.slabs[slab as usize].dims != dims {
            return None;
        }
        self.unlink(slot);
        self.link_newest(slot);
        Some(self.slabs[slab as usize].row(row))
    }

    /// Stores a vector, and evicts the least recently used ones if necessary.
    /// Returns whether it was stored. A vector that is empty, has a number that is
    /// not finite, or does not fit into memory is skipped.
    pub fn put(&mut self, model: &Fingerprint, key: &Key, vector: &[f32]) -> bool {
        if !is_storable(vector, vector.len()) {
            return false;
        }
        if let Some(old) = self.entry_key(model, key)
            && let Some(&slot) = self.index.get(&old)
        {
            self.remove(slot);
        }
        let slab = self.slab_for(vector.len());
        while self.bytes() + self.growth(slab) > self.limit {
            if self.oldest == NO_ENTRY {
                return false;
            }
            self.remove(self.oldest);
        }
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        if slot == NO_ENTRY || !self.reserve() {
            return false;
        }
        let Some(row) = self.slabs[slab].push(vector, slot) else {
            return false;
        };
        let entry_key = EntryKey {
            model: self.model_for(model),
            key: *key,
        };
        let entry = CacheSlot {
            entry_key,
            slab: slab as u32,
            row,
            newer: NO_ENTRY,
            older: NO_ENTRY,
        };
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize] = entry,
            None => self.slots.push(entry),
        }
        self.index.insert(entry_key, slot);
        self.models[entry_key.model as usize].entries += 1;
        self.link_newest(slot);
        true
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Number of models with vectors.
    pub fn models(&self) -> usize {
        self.models.iter().filter(|model| model.entries > 0).count()
    }

    /// Allocated bytes: blocks of vectors, and the index.
    pub fn bytes(&self) -> usize {
        self.slabs.iter().map(Slab::bytes).sum::<usize>()
            + self.slots.capacity() * size_of::<CacheSlot>()
            + self.free.capacity() * size_of::<u32>()
            + self.index_bytes()
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the limit. Under a lower limit, evicts the least recently used
    /// vectors before this returns.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        if self.bytes() <= limit {
            return;
        }
        while self.bytes() > limit && self.oldest != NO_ENTRY {
            self.remove(self.oldest);
            // Removals do not shrink the index by themselves.
            if self.len().is_multiple_of(1024) {
                self.index.shrink_to_fit();
            }
        }
        if self.is_empty() {
            self.clear();
        }
    }

    /// Removes all vectors, frees the memory, and returns their number.
    pub fn clear(&mut self) -> usize {
        let removed = self.len();
        *self = MemoryStore::new(self.limit);
        removed
    }

    fn entry_key(&self, model: &Fingerprint, key: &Key) -> Option<EntryKey> {
        let model = self.models.iter().position(|m| m.fingerprint == *model)? as u32;
        Some(EntryKey { model, key: *key })
    }

    fn model_for(&mut self, fingerprint: &Fingerprint) -> u32 {
        let known = self
            .models
            .iter()
            .position(|model| model.fingerprint == *fingerprint)
            // No slot refers to a model without entries, so its number is reused.
            .or_else(|| {
                let unused = self.models.iter().position(|model| model.entries == 0)?;
                self.models[unused].fingerprint = *fingerprint;
                Some(unused)
            });
        match known {
            Some(model) => model as u32,
            None => {
                self.models.push(StoredModel {
                    fingerprint: *fingerprint,
                    entries: 0,
                });
                self.models.len() as u32 - 1
            }
        }
    }

    fn slab_for(&mut self, dims: usize) -> usize {
        match self.slabs.iter().position(|slab| slab.dims == dims) {
            Some(slab) => slab,
            None => {
                self.slabs.push(Slab::new(dims));
                self.slabs.len() - 1
            }
        }
    }

    /// Bytes that one more vector in this slab allocates.
    fn growth(&self, slab: usize) -> usize {
        let mut growth = self.slabs[slab].growth();
        if self.index.len() == self.index.capacity() {
            growth += self.index_bytes();
        }
        if self.free.is_empty() && self.slots.len() == self.slots.capacity() {
            growth += self.slot_step() * size_of::<CacheSlot>();
        }
        growth
    }

    /// Allocates room for one more entry. The slots grow by an eighth: doubling
    /// would waste much memory on a large list.
    fn reserve(&mut self) -> bool {
        let step = if self.free.is_empty() && self.slots.len() == self.slots.capacity() {
            self.slot_step()
        } else {
            0
        };
        self.slots.try_reserve_exact(step).is_ok() && self.index.try_reserve(1).is_ok()
    }

    fn slot_step(&self) -> usize {
        (self.slots.capacity() / 8).max(256)
    }

    /// Estimates the size of the standard map: a power of two of buckets, seven
    /// eighths of which are its capacity, with a control byte each.
    fn index_bytes(&self) -> usize {
        let buckets = (self.index.capacity() * 8 / 7).next_power_of_two();
        if self.index.capacity() == 0 {
            0
        } else {
            buckets * (size_of::<(EntryKey, u32)>() + 1)
        }
    }

    fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        let CacheSlot {
            entry_key,
            slab,
            row,
            ..
        } = self.slots[slot as usize];
        self.index.remove(&entry_key);
        self.models[entry_key.model as usize].entries -= 1;
        if let Some(moved) = self.slabs[slab as usize].swap_remove(row) {
            self.slots[moved as usize].row = row;
        }
        self.free.push(slot);
    }

    fn unlink(&mut self, slot: u32) {
        let CacheSlot { newer, older, .. } = self.slots[slot as usize];
        match newer {
            NO_ENTRY => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NO_ENTRY => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = self.newest;
        self.slots[slot as usize].newer = NO_ENTRY;
        self.slots[slot as usize].older = older;
        match older {
            NO_ENTRY => self.oldest = slot,
            older => self.slots[older as usize].newer = slot,
        }
        self.newest = slot;
    }
}

/// Contiguous vectors of one length, in blocks.
#[derive(Debug)]
struct Slab {
    dims: usize,
    rows_per_block: usize,
    blocks: Vec<Vec<f32>>,
    /// Per row, its slot.
    owners: Vec<u32>,
}

impl Slab {
    fn new(dims: usize) -> Slab {
        Slab {
            dims,
            rows_per_block: (BLOCK_BYTES / size_of::<f32>() / dims).max(1),
            blocks: Vec::new(),
            owners: Vec::new(),
        }
    }

    fn block_bytes(&self) -> usize {
        self.rows_per_block * self.dims * size_of::<f32>()
    }

    fn bytes(&self) -> usize {
        // Owners are counted with the blocks; they take 0.3% of them.
        self.blocks.len() * (self.block_bytes() + self.rows_per_block * size_of::<u32>())
    }

    fn growth(&self) -> usize {
        if self.owners.len() < self.blocks.len() * self.rows_per_block {
            0
        } else {
            self.block_bytes() + self.rows_per_block * size_of::<u32>()
        }
    }

    fn row(&self, row: u32) -> &[f32] {
        let (block, start) = self.position(row);
        &self.blocks[block][start..start + self.dims]
    }

    fn position(&self, row: u32) -> (usize, usize) {
        let row = row as usize;
        let start = row % self.rows_per_block * self.dims;
        (row / self.rows_per_block, start)
    }

    /// Appends a vector; `None` if the memory cannot be allocated.
    fn push(&mut self, vector: &[f32], owner: u32) -> Option<u32> {
        let row = u32::try_from(self.owners.len()).ok()?;
        if self.growth() > 0 {
            let numbers = self.rows_per_block * self.dims;
            let mut block = Vec::new();
            block.try_reserve_exact(numbers).ok()?;
            self.owners.try_reserve_exact(self.rows_per_block).ok()?;
            self.blocks.push(block);
        }
        let (block, _) = self.position(row);
        self.blocks[block].extend_from_slice(vector);
        self.owners.push(owner);
        Some(row)
    }

    /// Removes a row by moving the last one into its position; returns the owner of
    /// the moved row.
    fn swap_remove(&mut self, row: u32) -> Option<u32> {
        let last = self.owners.len().checked_sub(1)? as u32;
        let (last_block, last_start) = self.position(last);
        if row != last {
            let (block, start) = self.position(row);
            if block == last_block {
                self.blocks[block].copy_within(last_start.., start);
            } else {
                let (before, after) = self.blocks.split_at_mut(last_block);
                before[block][start..start + self.dims].copy_from_slice(&after[0][last_start..]);
            }
        }
        self.blocks[last_block].truncate(last_start);
        if last_start == 0 {
            self.blocks.truncate(last_block);
        }
        self.owners.swap_remove(row as usize);
        if self.owners.capacity() > 2 * (self.owners.len() + self.rows_per_block) {
            self.owners.shrink_to_fit();
        }
        self.owners.get(row as usize).copied()
    }
}

/// Hasher that combines the number of the model with the key, which is a hash
/// already.
#[derive(Debug, Default)]
struct EntryHasher(u64);

impl Hasher for EntryHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn model(name: &str) -> Fingerprint {
        Fingerprint::of(&[name.as_bytes()])
    }

    fn key(number: usize) -> Key {
        Key::of(&number.to_string())
    }

    fn vector(number: usize, dims: usize) -> Vec<f32> {
        (0..dims).map(|i| (number * 31 + i) as f32).collect()
    }

    #[test]
    fn stored_vectors_are_found() {
        let mut store = MemoryStore::new(4 * MIB);
        let (a, b) = (model("a"), model("b"));
        assert!(store.put(&a, &key(1), &vector(1, 8)));
        assert!(store.put(&b, &key(1), &vector(2, 8)));
        assert_eq!(store.get(&a, &key(1), 8), Some(&vector(1, 8)[..]));
        assert_eq!(store.get(&b, &key(1), 8), Some(&vector(2, 8)[..]));
        assert_eq!(store.get(&a, &key(2), 8), None);
        assert_eq!(store.get(&a, &key(1), 4), None);
        // Another length replaces the vector of the text.
        assert!(store.put(&a, &key(1), &vector(3, 4)));
        assert_eq!(store.get(&a, &key(1), 4), Some(&vector(3, 4)[..]));
        assert_eq!(store.get(&a, &key(1), 8), None);
        assert_eq!((store.len(), store.models()), (2, 2));
        assert_eq!(store.clear(), 2);
        assert_eq!((store.len(), store.models(), store.bytes()), (0, 0, 0));
        assert_eq!(store.get(&b, &key(1), 8), None);
    }

    #[test]
    fn invalid_vectors_are_not_stored() {
        let mut store = MemoryStore::new(MIB);
        for bad in [&[][..], &[f32::NAN, 1.0], &[1.0, f32::INFINITY]] {
            assert!(!store.put(&model("a"), &key(1), bad));
        }
        assert!(store.is_empty());
    }

    #[test]
    fn the_least_recently_used_vector_is_evicted_first() {
        let mut store = MemoryStore::new(2 * MIB);
        let a = model("a");
        let mut stored = 0;
        while store.len() == stored {
            store.put(&a, &key(stored), &vector(stored, 384));
            stored += 1;
            store.get(&a, &key(0), 384);
        }
        // The last put exceeded the limit and evicted the oldest unused vector.
        assert!(stored > 500, "{stored}");
        assert!(store.get(&a, &key(0), 384).is_some());
        assert!(store.get(&a, &key(1), 384).is_none());
        for number in 2..stored {
            let found = store.get(&a, &key(number), 384);
            assert_eq!(found, Some(&vector(number, 384)[..]), "{number}");
        }
    }

    #[test]
    fn the_limit_holds_for_mixed_lengths() {
        let mut store = MemoryStore::new(3 * MIB);
        let models = [(model("a"), 384), (model("b"), 768), (model("c"), 30)];
        for number in 0..20_000 {
            let (model, dims) = &models[number * number % 7 % 3];
            assert!(store.put(model, &key(number), &vector(number, *dims)));
            // The index may exceed the limit when it doubles, until the next put.
            assert!(store.bytes() <= 3 * MIB + MIB / 4, "{}", store.bytes());
            let back = number - number % 97;
            let (model, dims) = &models[back * back % 7 % 3];
            if let Some(found) = store.get(model, &key(back), *dims) {
                assert_eq!(found, vector(back, *dims));
            }
        }
        assert!(store.len() > 800, "{}", store.len());
        // Vectors of one model replace those of another.
        for number in 0..3_000 {
            assert!(store.put(&models[1].0, &key(number), &vector(number, 768)));
        }
        assert!(store.bytes() <= 3 * MIB);
        assert!(store.len() > 800, "{}", store.len());
    }

    #[test]
    fn a_lower_limit_takes_effect_at_once() {
        let mut store = MemoryStore::new(64 * MIB);
        let a = model("a");
        for number in 0..20_000 {
            store.put(&a, &key(number), &vector(number, 384));
        }
        assert_eq!(store.len(), 20_000);
        store.set_limit(8 * MIB);
        assert!(store.bytes() <= 8 * MIB);
        assert!(store.len() > 3_000, "{}", store.len());
        for number in 20_000 - store.len()..20_000 {
            assert_eq!(
                store.get(&a, &key(number), 384),
                Some(&vector(number, 384)[..])
            );
        }
        store.set_limit(0);
        assert_eq!((store.len(), store.bytes()), (0, 0));
        assert!(!store.put(&a, &key(1), &vector(1, 384)));
        store.set_limit(MIB);
        assert!(store.put(&a, &key(1), &vector(1, 384)));
    }

    #[test]
    fn entries_take_little_memory_beside_their_vectors() {
        let mut store = MemoryStore::new(usize::MAX);
        for number in 0..100_000 {
            store.put(&model("a"), &key(number), &vector(number, 384));
        }
        let vectors = 100_000 * 384 * size_of::<f32>();
        let share = store.bytes() as f64 / vectors as f64;
        assert!((1.0..1.08).contains(&share), "{share}");
    }
}
