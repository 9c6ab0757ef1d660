use serde_json::Value;

use super::super::search::{IndexSearch, hits};
use super::*;
use crate::mutations::{cases, extreme, mutate, mutate_json};
use crate::random::Random;
use crate::vector::hnsw::{VisitedList, build};

const VECTORS: usize = 100;

/// Writes an index of every third row.
fn write(path: &Path) {
    let vectors: Vec<f32> = (0..2 * VECTORS).map(|v| (v as f32).sin()).collect();
    let graph = build(&vectors, 2, 0, &|_| false).unwrap();
    let rows: Vec<u32> = (0..VECTORS as u32).map(|row| row * 3).collect();
    let metadata = IndexMetadata {
        ef: 24,
        ..IndexMetadata::of_one_file(300, VECTORS as u64, 2)
    };
    IndexFile::write(path, metadata, &vectors, &rows, &graph).unwrap();
}

/// The bytes of a file with the digest of its contents.
fn with_digest(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= LENGTH_START {
        let digest = XxHash3_128::oneshot(&bytes[LENGTH_START..]);
        bytes[DIGEST_START..LENGTH_START].copy_from_slice(&digest.to_ne_bytes());
    }
    bytes
}

/// The parts of a file.
#[derive(Clone)]
struct Parts {
    header: Vec<u8>,
    sections: Vec<Vec<u8>>,
}

impl Parts {
    fn of(path: &Path) -> Self {
        let index = IndexFile::open(path).unwrap();
        let sections = index.sections.iter();
        Self {
            header: serde_json::to_vec(&index.metadata).unwrap(),
            sections: sections
                .map(|section| index.map[section.clone()].to_vec())
                .collect(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.resize(LENGTH_START, 0);
        bytes.extend((self.header.len() as u64).to_ne_bytes());
        bytes.extend(&self.header);
        for section in &self.sections {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            bytes.extend(section);
        }
        with_digest(bytes)
    }

    fn mutate(&mut self, random: &mut Random) {
        let at = random.below(SECTIONS);
        match random.below(5) {
            0 | 1 => {
                let mut header: Value = serde_json::from_slice(&self.header).unwrap();
                mutate_json(&mut header, random);
                self.header = serde_json::to_vec(&header).unwrap();
            }
            2 => self.sections.swap(at, random.below(SECTIONS)),
            3 => {
                let (values, _) = self.sections[at].as_chunks_mut::<4>();
                if !values.is_empty() {
                    let value = &mut values[random.below(values.len())];
                    *value = (extreme(random) as u32).to_ne_bytes();
                }
            }
            _ => mutate(&mut self.sections[at], random),
        }
    }
}

/// Opens the bytes as an index, and searches it with every strategy.
fn open_and_search(path: &Path, bytes: &[u8]) -> Result<(), IndexFileError> {
    std::fs::write(path, bytes).unwrap();
    let outcome = IndexFile::open(path).map(|index| search_by_every_strategy(&index));
    std::fs::remove_file(path).unwrap();
    outcome
}

fn search_by_every_strategy(index: &IndexFile) {
    let rows = index.metadata.total_rows().unwrap();
    let search = IndexSearch {
        query: vec![1.0; index.metadata.dims],
        rows: 5,
    };
    hits(index, &search, None);
    // A bit for each row of the largest table would take half a gigabyte.
    if let Some(rows) = usize::try_from(rows).ok().filter(|rows| *rows <= 1 << 20) {
        for step in [1, 7] {
            let prefilter: Vec<bool> = (0..rows).map(|row| row % step == 0).collect();
            hits(index, &search, Some(&prefilter));
        }
    }
}

#[test]
fn a_written_index_is_read_and_searched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hnsw");
    write(&path);
    let index = IndexFile::open(&path).unwrap();
    assert_eq!(index.rows()[..3], [0, 3, 6]);
    assert_eq!(index.view().vectors[..2], [0.0, 1f32.sin()]);
    let found = index
        .view()
        .search(&[1.0, 0.0], 5, &mut VisitedList::default());
    assert_eq!(found.len(), 5);
    // The encoded parts equal the file.
    let parts = Parts::of(&path);
    assert!(parts.bytes() == std::fs::read(&path).unwrap());
}

#[test]
fn incomplete_and_damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hnsw");
    write(&path);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [
        &whole[..whole.len() - 4],
        &whole[..20],
        &[],
        b"something else altogether",
        &flipped[..],
    ] {
        let error = open_and_search(&path, damaged).unwrap_err();
        assert!(matches!(error, IndexFileError::Damaged(_)), "{error}");
    }
    let mut older = whole;
    older[..8].copy_from_slice(&u64::from_le_bytes(*b"smqlhns1").to_ne_bytes());
    assert_eq!(
        open_and_search(&path, &older),
        Err(IndexFileError::OtherVersion)
    );
    let folder = IndexFile::open(folder.path()).unwrap_err();
    assert!(matches!(folder, IndexFileError::Unreadable(_)), "{folder}");
}

#[test]
fn every_number_of_the_header_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hnsw");
    write(&path);
    let parts = Parts::of(&path);
    let metadata: Value = serde_json::from_slice(&parts.header).unwrap();
    let numbers = [
        "/breadth",
        "/dims",
        "/entry",
        "/vectors",
        "/recall",
        "/rows/0",
        "/lengths/vectors",
        "/lengths/rows",
        "/lengths/base",
        "/lengths/starts",
        "/lengths/upper",
    ];
    for pointer in numbers {
        for value in [u64::from(u32::MAX), 1 << 40, u64::MAX] {
            // A table may have this many rows.
            if pointer == "/rows/0" && value <= MAX_ROWS {
                continue;
            }
            let mut header = metadata.clone();
            *header.pointer_mut(pointer).unwrap() = value.into();
            let parts = Parts {
                header: serde_json::to_vec(&header).unwrap(),
                ..parts.clone()
            };
            let error = open_and_search(&path, &parts.bytes()).unwrap_err();
            assert!(
                matches!(error, IndexFileError::Damaged(_)),
                "{pointer} {value}: {error}"
            );
        }
    }
    let mut bytes = parts.bytes();
    bytes[LENGTH_START..HEADER_START].fill(0xff);
    assert_eq!(
        open_and_search(&path, &with_digest(bytes)),
        Err(IndexFileError::Damaged(
            "the length of its header is out of bounds"
        ))
    );
}

#[test]
fn rows_out_of_bounds_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hnsw");
    let vectors = [1.0, 0.0, 0.0, 1.0];
    let graph = build(&vectors, 2, 0, &|_| false).unwrap();
    for rows in [[0, 99], [1, 0], [1, 1], [0, 2]] {
        let metadata = IndexMetadata::of_one_file(2, 2, 2);
        IndexFile::write(&path, metadata, &vectors, &rows, &graph).unwrap();
        assert_eq!(
            IndexFile::open(&path).err(),
            Some(IndexFileError::Damaged("it has rows that do not exist")),
            "{rows:?}"
        );
    }
}

#[test]
fn mutated_files_are_refused_or_searched_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hnsw");
    write(&path);
    let (whole, parts) = (std::fs::read(&path).unwrap(), Parts::of(&path));
    let mut random = Random::new(11);
    let (mut damaged, mut searched) = (0, 0);
    for case in 0..cases(500) {
        let path = folder.path().join(format!("{case}.hnsw"));
        let bytes = match case % 4 {
            0 => {
                let mut bytes = whole.clone();
                mutate(&mut bytes, &mut random);
                bytes
            }
            1 => {
                let mut bytes = whole.clone();
                mutate(&mut bytes, &mut random);
                with_digest(bytes)
            }
            _ => {
                let mut parts = parts.clone();
                parts.mutate(&mut random);
                parts.bytes()
            }
        };
        match open_and_search(&path, &bytes) {
            Err(_) => damaged += 1,
            Ok(()) => searched += 1,
        }
    }
    // The cases exercise both refusals and searches.
    assert!(damaged > searched, "{damaged} {searched}");
    assert!(searched > 0);
}
