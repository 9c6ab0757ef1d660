use std::fs;

use super::*;

#[test]
fn vectors_survive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("not/there yet");
    let mut cache = open(&inner);
    assert_eq!(put(&mut cache, 0..1000), 1000);
    drop(cache);
    let mut cache = open(&inner);
    assert_eq!(present(&mut cache, 0..1001), (0..1000).collect::<Vec<_>>());
    assert_eq!(cache.take_warning(), None);
    // A text that is stored again replaces its vector.
    let new = vector(7777, DIMS);
    cache.put_many(&model(), DIMS, [(key(3), &new[..])].into_iter());
    cache.get_many(&model(), &[key(3)], DIMS, &mut |_, v| assert_eq!(v, new));
    assert_eq!(cache.stats().entries, 1000);
    // Only the file and its lock remain.
    drop(cache);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
}

#[test]
fn an_equal_key_is_found_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    put(&mut cache, 0..2);
    let mut found = Vec::new();
    let keys = [key(1), key(5), key(1)];
    let hits = cache.get_many(&model(), &keys, DIMS, &mut |at, _| found.push(at));
    found.sort_unstable();
    assert_eq!((hits, found), (2, vec![0, 2]));
}

#[test]
fn the_file_stays_within_its_limit_and_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 3 * MIB;
    let mut cache = open_with(folder.path(), limit);
    for batch in 0..60 {
        let numbers = batch * 200..(batch + 1) * 200;
        assert_eq!(put(&mut cache, numbers.clone()), 200);
        let size = fs::metadata(file_in(folder.path())).unwrap().len();
        assert!(size <= limit + limit / 10, "batch {batch}: {size}");
        assert_eq!(present(&mut cache, numbers.clone()).len(), 200);
    }
    drop(cache);
    let size = fs::metadata(file_in(folder.path())).unwrap().len();
    assert!(
        (limit * 8 / 10..=limit + limit / 10).contains(&size),
        "{size}"
    );
    let mut cache = open_with(folder.path(), limit);
    let entries = cache.stats().entries;
    // 12,000 vectors of 1.5 kB were put; the limit has room for 1,900.
    assert!((1500..2000).contains(&entries), "{entries}");
    assert_eq!(format::check(cache.connection()), Ok(()));
}

#[test]
fn a_batch_larger_than_the_limit_stays_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open_with(folder.path(), 2 * MIB);
    put(&mut cache, 0..6000);
    drop(cache);
    let size = fs::metadata(file_in(folder.path())).unwrap().len();
    assert!(size <= 2 * MIB + MIB / 5, "{size}");
    let mut cache = open_with(folder.path(), 2 * MIB);
    assert!(present(&mut cache, 5500..6000).len() == 500);
}

#[test]
fn used_vectors_stay_and_unused_ones_are_evicted() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open_with(folder.path(), 3 * MIB);
    put(&mut cache, 0..1000);
    for round in 0..20 {
        // Uses every tenth of the first thousand, sometimes in a new session.
        assert_eq!(
            present(&mut cache, (0..1000).step_by(10)).len(),
            100,
            "round {round}"
        );
        if round % 5 == 4 {
            drop(cache);
            cache = open_with(folder.path(), 3 * MIB);
        }
        put(&mut cache, 1000 + round * 300..1300 + round * 300);
    }
    let rest = (0..1000).filter(|n| n % 10 != 0);
    assert_eq!(present(&mut cache, rest), Vec::<usize>::new());
    assert_eq!(format::check(cache.connection()), Ok(()));
}

#[test]
fn eviction_works_if_all_vectors_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open_with(folder.path(), 2 * MIB);
    for batch in 0..40 {
        let numbers = batch * 100..(batch + 1) * 100;
        put(&mut cache, numbers.clone());
        assert_eq!(present(&mut cache, numbers).len(), 100);
        let size = fs::metadata(file_in(folder.path())).unwrap().len();
        assert!(size <= 2 * MIB + MIB / 5, "batch {batch}: {size}");
    }
    assert!(cache.stats().entries > 900);
}

#[test]
fn vectors_of_mixed_lengths_share_one_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 4 * MIB;
    let mut cache = open_with(folder.path(), limit);
    for batch in 0..40 {
        for dims in [384, 1024, 64, 5000] {
            let model = Fingerprint::of(&[&[dims as u8]]);
            let vectors: Vec<_> = (0..50)
                .map(|n| (key(batch * 50 + n), vector(n, dims)))
                .collect();
            let entries = vectors.iter().map(|(key, vector)| (*key, &vector[..]));
            assert_eq!(cache.put_many(&model, dims, entries), 50);
            let mut found = 0;
            let keys: Vec<Key> = vectors.iter().map(|(key, _)| *key).collect();
            cache.get_many(&model, &keys, dims, &mut |at, v| {
                assert_eq!(v, vectors[at].1);
                found += 1;
            });
            assert_eq!(found, 50);
            let size = fs::metadata(file_in(folder.path())).unwrap().len();
            assert!(size <= limit + limit / 10, "batch {batch}: {size}");
        }
    }
}

#[test]
fn a_lower_limit_shrinks_the_file_over_the_next_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open_with(folder.path(), 32 * MIB);
    put(&mut cache, 0..12_000);
    drop(cache);
    let before = fs::metadata(file_in(folder.path())).unwrap().len();
    assert!(before > 16 * MIB, "{before}");
    let mut cache = open_with(folder.path(), 4 * MIB);
    for batch in 0..10 {
        put(&mut cache, 20_000 + batch * 100..20_100 + batch * 100);
    }
    drop(cache);
    let after = fs::metadata(file_in(folder.path())).unwrap().len();
    assert!(after <= 4 * MIB + 4 * MIB / 10, "{after}");
    let mut cache = open_with(folder.path(), 4 * MIB);
    assert_eq!(present(&mut cache, 20_000..21_000).len(), 1000);
}

#[test]
fn clearing_frees_the_space() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    put(&mut cache, 0..5000);
    assert!(cache.stats().bytes > 7 * MIB);
    assert_eq!(cache.clear(), Ok(5000));
    assert!(cache.stats().bytes < MIB / 2, "{:?}", cache.stats());
    assert_eq!(put(&mut cache, 0..10), 10);
    assert_eq!(present(&mut cache, 0..5000).len(), 10);
}

#[test]
fn a_full_disk_stops_writing_and_not_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    put(&mut cache, 0..500);
    cache
        .connection()
        .query_row("PRAGMA max_page_count = 60", [], |_| Ok(()))
        .unwrap();
    assert_eq!(put(&mut cache, 500..5000), 0);
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("cannot be written"), "{warning}");
    assert!(warning.contains("Free space"), "{warning}");
    assert_eq!(put(&mut cache, 500..5000), 0);
    assert_eq!(cache.take_warning(), None, "one warning");
    assert_eq!(present(&mut cache, 0..5000).len(), 500);
    assert!(cache.clear().is_err());
    drop(cache);
    // The next session can write again.
    let mut cache = open(folder.path());
    assert_eq!(put(&mut cache, 500..5000), 4500);
    assert_eq!(cache.take_warning(), None);
}

#[test]
fn a_long_lock_costs_the_batch_and_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = open(folder.path());
    put(&mut cache, 0..10);
    let other = open(folder.path());
    other.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = std::time::Instant::now();
    for batch in 1..6 {
        assert_eq!(put(&mut cache, batch * 10..batch * 10 + 10), 0);
    }
    // One full timeout and four short ones.
    assert!(start.elapsed().as_secs_f64() < 4.0, "{:?}", start.elapsed());
    assert_eq!(present(&mut cache, 0..100).len(), 10);
    other.connection().execute_batch("COMMIT").unwrap();
    assert_eq!(put(&mut cache, 10..20), 10);
    assert_eq!(cache.stats().skipped, 5);
    assert_eq!(cache.take_warning(), None);
}

#[test]
fn an_invalid_folder_is_an_error_that_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    for bad in [file.clone(), file.join("below"), "a\0b".into(), "".into()] {
        let error = DiskCache::open(&bad, MIB).unwrap_err().to_string();
        assert!(error.contains("ai.cache"), "{error}");
    }
}

#[test]
fn folder_names_may_have_special_characters() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a?mode=ro", "50% #1", "ü ö", "file:x", "it's"] {
        let folder = folder.path().join(name);
        let mut cache = open(&folder);
        assert_eq!(put(&mut cache, 0..3), 3);
        assert!(file_in(&folder).is_file());
    }
}
