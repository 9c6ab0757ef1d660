//! Tests of the public interface; tests of one file are in that file.

mod damage;
mod disk;
mod facade;
mod processes;
mod rates;

use std::collections::HashMap;
use std::path::Path;

use super::*;

pub const DIMS: usize = 384;
pub const MIB: u64 = 1 << 20;

pub fn model() -> Fingerprint {
    Fingerprint::of(&[b"model"])
}

pub fn key(number: usize) -> Key {
    Key::of(&format!("text {number}"))
}

/// A vector that is unique to `number`.
pub fn vector(number: usize, dims: usize) -> Vec<f32> {
    (0..dims)
        .map(|i| number as f32 + 1.0 / (i + 2) as f32)
        .collect()
}

pub fn open(folder: &Path) -> DiskCache {
    open_with(folder, 64 * MIB)
}

pub fn open_with(folder: &Path, limit: u64) -> DiskCache {
    DiskCache::open(folder, limit).unwrap()
}

pub fn put(cache: &mut DiskCache, numbers: impl Iterator<Item = usize>) -> usize {
    let vectors: Vec<(Key, Vec<f32>)> = numbers.map(|n| (key(n), vector(n, DIMS))).collect();
    cache.put_many(
        &model(),
        DIMS,
        vectors.iter().map(|(key, vector)| (*key, &vector[..])),
    )
}

/// Those of `numbers` whose vectors are in the cache. Fails on a wrong vector.
pub fn present(cache: &mut DiskCache, numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let numbers: Vec<usize> = numbers.collect();
    let keys: Vec<Key> = numbers.iter().map(|&n| key(n)).collect();
    let mut found = HashMap::new();
    let hits = cache.get_many(&model(), &keys, DIMS, &mut |position, vector| {
        assert!(found.insert(position, vector.to_vec()).is_none());
    });
    assert_eq!(hits, found.len());
    for (&position, found) in &found {
        assert_eq!(found, &vector(numbers[position], DIMS));
    }
    let mut present: Vec<usize> = found.keys().map(|&position| numbers[position]).collect();
    present.sort_unstable();
    present
}

pub fn file_in(folder: &Path) -> std::path::PathBuf {
    file::path_in(folder)
}

/// Names of the renamed files.
pub fn renamed(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".corrupt-") || name.contains(".other-"))
        .filter(|name| !name.ends_with("-wal"))
        .collect();
    names.sort();
    names
}
