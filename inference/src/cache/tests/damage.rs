use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use super::*;

const COUNT: usize = 600;

/// A folder with a closed cache file of [`COUNT`] vectors.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    assert_eq!(put(&mut cache, 0..COUNT), COUNT);
    folder
}

fn overwrite(folder: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(file_in(folder))
        .unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Checks after damage that no vector is wrong and that all can be stored again.
/// Some damage shows only when new vectors are read.
///
/// Allows for a few exceptions: a flipped bit in a key breaks the order of the
/// index, so the search for a neighbour may fail every time.
fn check_recovery(cache: &mut DiskCache) {
    for _ in 0..3 {
        put(cache, 0..COUNT);
        if present(cache, 0..COUNT).len() == COUNT {
            return;
        }
    }
    let found = present(cache, 0..COUNT).len();
    let warnings: Vec<String> = std::iter::from_fn(|| cache.take_warning()).collect();
    assert!(
        found >= COUNT - 5,
        "{found} of {COUNT} written and found: {warnings:?}"
    );
}

#[test]
fn a_file_with_an_invalid_header_is_renamed_with_one_warning() {
    let folder = filled();
    overwrite(folder.path(), 0, &[0xa5; 512]);
    let bad = fs::read(file_in(folder.path())).unwrap();
    let mut cache = open(folder.path());
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("is damaged"), "{warning}");
    let renamed = renamed(folder.path());
    assert_eq!(renamed.len(), 1);
    assert!(renamed[0].starts_with("semql-cache.sqlite.corrupt-"));
    assert!(warning.contains(&renamed[0]), "{warning}");
    assert_eq!(fs::read(folder.path().join(&renamed[0])).unwrap(), bad);
    check_recovery(&mut cache);
    drop(cache);
    let mut cache = open(folder.path());
    assert_eq!(cache.take_warning(), None, "one warning");
    assert_eq!(present(&mut cache, 0..COUNT).len(), COUNT);
}

#[test]
fn only_the_last_renamed_file_is_kept() {
    let folder = filled();
    fs::write(folder.path().join("semql-cache.sqlite.corrupt-1"), "old").unwrap();
    fs::write(folder.path().join("semql-cache.sqlite.corrupt-1-wal"), "").unwrap();
    fs::write(folder.path().join("mine.corrupt-1"), "not ours").unwrap();
    overwrite(folder.path(), 0, &[0; 100]);
    open(folder.path());
    let renamed = renamed(folder.path());
    assert_eq!(renamed.len(), 2, "{renamed:?}");
    assert!(renamed.contains(&"mine.corrupt-1".to_owned()));
}

#[test]
fn a_damaged_page_is_detected_while_reading() {
    let folder = filled();
    // Every page from the third on, including the roots of the tables.
    let pages = fs::metadata(file_in(folder.path())).unwrap().len() / format::PAGE_BYTES;
    for page in 2..pages {
        overwrite(folder.path(), page * format::PAGE_BYTES, &[0xff; 64]);
    }
    let mut cache = open(folder.path());
    check_recovery(&mut cache);
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("is damaged"), "{warning}");
    assert_eq!(cache.take_warning(), None);
    assert_eq!(renamed(folder.path()).len(), 1);
}

#[test]
fn flipped_bits_never_give_a_wrong_vector() {
    let folder = filled();
    let good = fs::read(file_in(folder.path())).unwrap();
    let mut seed = 12345_u64;
    let mut random = move |below: usize| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    let mut lost = 0;
    let rounds = std::env::var("ROUNDS").map_or(30, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let mut bad = good.clone();
        // Every second round damages the structure: page headers.
        for _ in 0..1 + random(20) {
            let at = if round % 2 == 0 {
                random(good.len())
            } else {
                random(good.len() / 16384) * 16384 + random(120)
            };
            bad[at] ^= 1 << random(8);
        }
        fs::write(file_in(folder.path()), &bad).unwrap();
        let mut cache = open(folder.path());
        lost += COUNT - present(&mut cache, 0..COUNT).len();
        check_recovery(&mut cache);
        drop(cache);
        let mut cache = open(folder.path());
        check_recovery(&mut cache);
    }
    assert!(lost > rounds, "the damage has an effect: {lost}");
}

#[test]
fn a_header_that_forbids_writing_is_damage() {
    let folder = filled();
    // The write version of SQLite's file header.
    overwrite(folder.path(), 18, &[66]);
    let mut cache = open(folder.path());
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("is damaged"), "{warning}");
    assert_eq!(put(&mut cache, 0..COUNT), COUNT);
}

#[test]
fn a_changed_letter_in_the_schema_is_damage() {
    let folder = filled();
    let bytes = fs::read(file_in(folder.path())).unwrap();
    let needle = b"vectors (id INTEGER";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    // The column is no longer the row id, but an ordinary, empty one.
    overwrite(folder.path(), at as u64, b"vectors (id INTEGEP");
    let mut cache = open(folder.path());
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("is damaged"), "{warning}");
    assert_eq!(put(&mut cache, 0..COUNT), COUNT);
    assert_eq!(present(&mut cache, 0..COUNT).len(), COUNT);
}

#[test]
fn a_flipped_bit_in_a_vector_costs_that_vector_only() {
    let folder = filled();
    let mut bytes = Vec::new();
    fs::File::open(file_in(folder.path()))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    let needle: Vec<u8> = vector(77, DIMS)[..4]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    overwrite(folder.path(), at as u64 + 5, &[bytes[at + 5] ^ 0x10]);
    let mut cache = open(folder.path());
    let found = present(&mut cache, 0..COUNT);
    assert_eq!(found, (0..COUNT).filter(|&n| n != 77).collect::<Vec<_>>());
    assert_eq!(put(&mut cache, 77..78), 1);
    assert_eq!(present(&mut cache, 0..COUNT).len(), COUNT);
    assert_eq!(cache.stats().entries as usize, COUNT);
    assert_eq!(cache.take_warning(), None);
}

#[test]
fn a_truncated_file_is_renamed_or_used() {
    let length = fs::metadata(file_in(filled().path())).unwrap().len();
    for keep in [0, 1, 50, 100, 1000, 16384, 40_000, length / 2, length - 1] {
        let folder = filled();
        fs::File::options()
            .write(true)
            .open(file_in(folder.path()))
            .unwrap()
            .set_len(keep)
            .unwrap();
        let mut cache = open(folder.path());
        check_recovery(&mut cache);
        let warned = cache.take_warning().is_some();
        assert_eq!(renamed(folder.path()).len(), usize::from(warned));
        // An empty file is not renamed, and one byte less at the end only costs
        // vectors.
        let expected = keep > 0 && keep < length - 1;
        assert_eq!(warned, expected, "{keep} of {length} bytes");
    }
}

#[test]
fn files_of_other_versions_and_programs_are_renamed() {
    for (change, words) in [
        ("PRAGMA user_version = 99", "newer format (99)"),
        ("PRAGMA user_version = 0", "older format (0)"),
        ("PRAGMA application_id = 5", "not a file of semql"),
    ] {
        let folder = filled();
        open(folder.path())
            .connection()
            .execute_batch(change)
            .unwrap();
        let mut cache = open(folder.path());
        let warning = cache.take_warning().unwrap();
        assert!(warning.contains(words), "{warning}");
        assert!(renamed(folder.path())[0].starts_with("semql-cache.sqlite.other-"));
        assert_eq!(present(&mut cache, 0..COUNT), Vec::<usize>::new());
        check_recovery(&mut cache);
    }
}

#[test]
fn a_file_in_use_elsewhere_is_not_renamed() {
    let folder = filled();
    let mut one = open(folder.path());
    let mut two = open(folder.path());
    two.connection()
        .execute_batch("DROP TABLE entries")
        .unwrap();
    // The first one detects the damage and closes the file; the second has it open.
    assert_eq!(present(&mut one, 0..COUNT), Vec::<usize>::new());
    let warning = one.take_warning().unwrap();
    assert!(
        warning.contains("while other processes have it open"),
        "{warning}"
    );
    assert_eq!(put(&mut one, 0..COUNT), 0);
    assert!(renamed(folder.path()).is_empty());
    // Once the second one detects it, the file is closed everywhere.
    assert_eq!(present(&mut two, 0..COUNT), Vec::<usize>::new());
    assert!(two.take_warning().unwrap().contains("is damaged"));
    assert_eq!(renamed(folder.path()).len(), 1);
    check_recovery(&mut two);
}

#[test]
fn the_log_of_a_removed_file_is_not_applied_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    put(&mut cache, 0..COUNT);
    let log = folder.path().join("semql-cache.sqlite-wal");
    let kept = fs::read(&log).unwrap();
    assert!(!kept.is_empty());
    drop(cache);
    fs::remove_file(file_in(folder.path())).unwrap();
    fs::write(&log, kept).unwrap();
    let mut cache = open(folder.path());
    assert_eq!(present(&mut cache, 0..COUNT), Vec::<usize>::new());
    assert_eq!(format::check(cache.connection()), Ok(()));
    check_recovery(&mut cache);
}

#[test]
fn a_file_deleted_while_in_use_is_created_again() {
    let folder = filled();
    let mut cache = open(folder.path());
    fs::remove_dir_all(folder.path()).unwrap();
    present(&mut cache, 0..COUNT);
    put(&mut cache, 0..COUNT + 10);
    drop(cache);
    let mut cache = open(folder.path());
    check_recovery(&mut cache);
}
