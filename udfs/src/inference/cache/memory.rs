//! Vectors kept in memory: bounded, and the one unused for longest goes first.
//!
//! Vectors of one length lie side by side in blocks, without gaps: when one goes,
//! the last takes its place. So a million vectors are some thousands of
//! allocations instead of a million, and memory is given back block by block as
//! soon as vectors go.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Fingerprint, Key, storable};

/// Bytes of one block. Large enough for allocators to hand it back to the
/// system when it is freed.
const BLOCK_BYTES: usize = 256 << 10;

/// No slot: the end of the list of uses.
const NONE: u32 = u32::MAX;

/// A bounded map from (model, text) to vector.
#[derive(Debug)]
pub struct MemoryStore {
    limit: usize,
    index: HashMap<Name, u32, BuildHasherDefault<Mixer>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    models: Vec<Model>,
    /// One for each length of vector.
    slabs: Vec<Slab>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    model: u32,
    key: Key,
}

/// One entry: where its vector lies, and its neighbours in the list of uses.
#[derive(Debug, Clone, Copy)]
struct Slot {
    name: Name,
    slab: u32,
    row: u32,
    newer: u32,
    older: u32,
}

#[derive(Debug)]
struct Model {
    fingerprint: Fingerprint,
    entries: usize,
}

impl MemoryStore {
    /// An empty store that takes at most about `limit` bytes, vectors and index
    /// together. Less than 1 MiB holds next to nothing: memory is taken in blocks
    /// of 256 KiB.
    pub fn new(limit: usize) -> MemoryStore {
        MemoryStore {
            limit,
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            models: Vec::new(),
            slabs: Vec::new(),
        }
    }

    /// The vector of `dims` numbers stored for this model and text, which counts
    /// as a use of it.
    pub fn get(&mut self, model: &Fingerprint, key: &Key, dims: usize) -> Option<&[f32]> {
        let slot = *self.index.get(&self.name(model, key)?)?;
        let Slot { slab, row, .. } = self.slots[slot as usize];
        if self.slabs[slab as usize].dims != dims {
            return None;
        }
        self.unlink(slot);
        self.link_newest(slot);
        Some(self.slabs[slab as usize].row(row))
    }

    /// Stores a vector, and drops the ones unused for longest where room is
    /// needed. Returns whether it was stored: a vector that is empty, has a number
    /// that is not finite, or for which there is no memory, is not.
    pub fn put(&mut self, model: &Fingerprint, key: &Key, vector: &[f32]) -> bool {
        if !storable(vector, vector.len()) {
            return false;
        }
        if let Some(old) = self.name(model, key)
            && let Some(&slot) = self.index.get(&old)
        {
            self.remove(slot);
        }
        let slab = self.slab_for(vector.len());
        while self.bytes() + self.growth(slab) > self.limit {
            if self.oldest == NONE {
                return false;
            }
            self.remove(self.oldest);
        }
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        if slot == NONE || !self.reserve() {
            return false;
        }
        let Some(row) = self.slabs[slab].push(vector, slot) else {
            return false;
        };
        let name = Name {
            model: self.model_for(model),
            key: *key,
        };
        let entry = Slot {
            name,
            slab: slab as u32,
            row,
            newer: NONE,
            older: NONE,
        };
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize] = entry,
            None => self.slots.push(entry),
        }
        self.index.insert(name, slot);
        self.models[name.model as usize].entries += 1;
        self.link_newest(slot);
        true
    }

    /// How many vectors are stored.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many models have vectors here.
    pub fn models(&self) -> usize {
        self.models.iter().filter(|model| model.entries > 0).count()
    }

    /// Bytes allocated: blocks of vectors, and the index.
    pub fn bytes(&self) -> usize {
        self.slabs.iter().map(Slab::bytes).sum::<usize>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.free.capacity() * size_of::<u32>()
            + self.index_bytes()
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the limit. A lower one takes effect before this returns: what was
    /// unused for longest goes until the rest fits.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        if self.bytes() <= limit {
            return;
        }
        while self.bytes() > limit && self.oldest != NONE {
            self.remove(self.oldest);
            // The index keeps its size when entries go; now and then it is asked
            // not to, and only then its share is seen to shrink.
            if self.len().is_multiple_of(1024) {
                self.index.shrink_to_fit();
            }
        }
        if self.is_empty() {
            self.clear();
        }
    }

    /// Drops everything, gives the memory back, and returns how many vectors there
    /// were.
    pub fn clear(&mut self) -> usize {
        let removed = self.len();
        *self = MemoryStore::new(self.limit);
        removed
    }

    fn name(&self, model: &Fingerprint, key: &Key) -> Option<Name> {
        let model = self.models.iter().position(|m| m.fingerprint == *model)? as u32;
        Some(Name { model, key: *key })
    }

    fn model_for(&mut self, fingerprint: &Fingerprint) -> u32 {
        let known = self
            .models
            .iter()
            .position(|model| model.fingerprint == *fingerprint)
            // A model without entries is named by no slot, so its place is free.
            .or_else(|| {
                let unused = self.models.iter().position(|model| model.entries == 0)?;
                self.models[unused].fingerprint = *fingerprint;
                Some(unused)
            });
        match known {
            Some(model) => model as u32,
            None => {
                self.models.push(Model {
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

    /// Bytes that one more vector in this slab would allocate.
    fn growth(&self, slab: usize) -> usize {
        let mut growth = self.slabs[slab].growth();
        if self.index.len() == self.index.capacity() {
            growth += self.index_bytes();
        }
        if self.free.is_empty() && self.slots.len() == self.slots.capacity() {
            growth += self.slot_step() * size_of::<Slot>();
        }
        growth
    }

    /// Makes room for one more entry in the slots, by a part of what is there:
    /// doubling would take as much again as a large list has.
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

    /// The standard map does not tell its size: it has a power of two of buckets,
    /// seven eighths of which are its capacity, with a byte beside each.
    fn index_bytes(&self) -> usize {
        let buckets = (self.index.capacity() * 8 / 7).next_power_of_two();
        if self.index.capacity() == 0 {
            0
        } else {
            buckets * (size_of::<(Name, u32)>() + 1)
        }
    }

    fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        let Slot {
            name, slab, row, ..
        } = self.slots[slot as usize];
        self.index.remove(&name);
        self.models[name.model as usize].entries -= 1;
        if let Some(moved) = self.slabs[slab as usize].swap_remove(row) {
            self.slots[moved as usize].row = row;
        }
        self.free.push(slot);
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { newer, older, .. } = self.slots[slot as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = self.newest;
        self.slots[slot as usize].newer = NONE;
        self.slots[slot as usize].older = older;
        match older {
            NONE => self.oldest = slot,
            older => self.slots[older as usize].newer = slot,
        }
        self.newest = slot;
    }
}

/// Vectors of one length, in blocks, without gaps.
#[derive(Debug)]
struct Slab {
    dims: usize,
    rows_per_block: usize,
    blocks: Vec<Vec<f32>>,
    /// The slot that each row belongs to.
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
        // The rows' owners are counted with the blocks, of which they are 0.3%.
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
        let (block, start) = self.place(row);
        &self.blocks[block][start..start + self.dims]
    }

    fn place(&self, row: u32) -> (usize, usize) {
        let row = row as usize;
        let start = row % self.rows_per_block * self.dims;
        (row / self.rows_per_block, start)
    }

    /// Appends a vector. `None`: there is no memory for it.
    fn push(&mut self, vector: &[f32], owner: u32) -> Option<u32> {
        let row = u32::try_from(self.owners.len()).ok()?;
        if self.growth() > 0 {
            let numbers = self.rows_per_block * self.dims;
            let mut block = Vec::new();
            block.try_reserve_exact(numbers).ok()?;
            self.owners.try_reserve_exact(self.rows_per_block).ok()?;
            self.blocks.push(block);
        }
        let (block, _) = self.place(row);
        self.blocks[block].extend_from_slice(vector);
        self.owners.push(owner);
        Some(row)
    }

    /// Takes a row out and puts the last one in its place; returns the owner of
    /// the row that moved.
    fn swap_remove(&mut self, row: u32) -> Option<u32> {
        let last = self.owners.len().checked_sub(1)? as u32;
        let (last_block, last_start) = self.place(last);
        if row != last {
            let (block, start) = self.place(row);
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

/// Joins the number of the model with the key, which is a hash already.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
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
    fn what_is_put_is_got() {
        let mut store = MemoryStore::new(4 * MIB);
        let (a, b) = (model("a"), model("b"));
        assert!(store.put(&a, &key(1), &vector(1, 8)));
        assert!(store.put(&b, &key(1), &vector(2, 8)));
        assert_eq!(store.get(&a, &key(1), 8), Some(&vector(1, 8)[..]));
        assert_eq!(store.get(&b, &key(1), 8), Some(&vector(2, 8)[..]));
        assert_eq!(store.get(&a, &key(2), 8), None);
        assert_eq!(store.get(&a, &key(1), 4), None);
        // The same text again, with another length.
        assert!(store.put(&a, &key(1), &vector(3, 4)));
        assert_eq!(store.get(&a, &key(1), 4), Some(&vector(3, 4)[..]));
        assert_eq!(store.get(&a, &key(1), 8), None);
        assert_eq!((store.len(), store.models()), (2, 2));
        assert_eq!(store.clear(), 2);
        assert_eq!((store.len(), store.models(), store.bytes()), (0, 0, 0));
        assert_eq!(store.get(&b, &key(1), 8), None);
    }

    #[test]
    fn what_is_no_vector_is_not_stored() {
        let mut store = MemoryStore::new(MIB);
        for bad in [&[][..], &[f32::NAN, 1.0], &[1.0, f32::INFINITY]] {
            assert!(!store.put(&model("a"), &key(1), bad));
        }
        assert!(store.is_empty());
    }

    #[test]
    fn the_one_unused_for_longest_goes_first() {
        let mut store = MemoryStore::new(2 * MIB);
        let a = model("a");
        let mut stored = 0;
        while store.len() == stored {
            store.put(&a, &key(stored), &vector(stored, 384));
            stored += 1;
            store.get(&a, &key(0), 384);
        }
        // One too many was put, and the oldest but the used one went.
        assert!(stored > 500, "{stored}");
        assert!(store.get(&a, &key(0), 384).is_some());
        assert!(store.get(&a, &key(1), 384).is_none());
        for number in 2..stored {
            let found = store.get(&a, &key(number), 384);
            assert_eq!(found, Some(&vector(number, 384)[..]), "{number}");
        }
    }

    #[test]
    fn the_limit_holds_with_lengths_mixed() {
        let mut store = MemoryStore::new(3 * MIB);
        let models = [(model("a"), 384), (model("b"), 768), (model("c"), 30)];
        for number in 0..20_000 {
            let (model, dims) = &models[number * number % 7 % 3];
            assert!(store.put(model, &key(number), &vector(number, *dims)));
            // The index doubles now and then, before the next put makes up for it.
            assert!(store.bytes() <= 3 * MIB + MIB / 4, "{}", store.bytes());
            let back = number - number % 97;
            let (model, dims) = &models[back * back % 7 % 3];
            if let Some(found) = store.get(model, &key(back), *dims) {
                assert_eq!(found, vector(back, *dims));
            }
        }
        assert!(store.len() > 800, "{}", store.len());
        // What one model filled, another one gets.
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
    fn many_entries_cost_little_beside_their_vectors() {
        let mut store = MemoryStore::new(usize::MAX);
        for number in 0..100_000 {
            store.put(&model("a"), &key(number), &vector(number, 384));
        }
        let vectors = 100_000 * 384 * size_of::<f32>();
        let share = store.bytes() as f64 / vectors as f64;
        assert!((1.0..1.08).contains(&share), "{share}");
    }
}
