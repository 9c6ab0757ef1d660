use super::*;

#[test]
fn memory_and_folder_behave_alike() {
    let folder = tempfile::tempdir().unwrap();
    for setting in [
        CacheSetting::Memory,
        CacheSetting::Folder(folder.path().into()),
    ] {
        let cache = VectorCache::open(&setting, CacheLimits::default()).unwrap();
        assert!(!cache.is_off());
        let vectors: Vec<Vec<f32>> = (0..10).map(|n| vector(n, 4)).collect();
        let entries = |range: std::ops::Range<usize>| {
            range.map(|n| (key(n), &vectors[n][..])).collect::<Vec<_>>()
        };
        assert_eq!(cache.put_many(&model(), 4, entries(0..6).into_iter()), 6);
        // A wrong length, NaN, infinity, and a valid vector.
        let bad = [
            (key(6), &[1.0; 3][..]),
            (key(7), &[1.0, f32::NAN, 0.0, 0.0]),
            (key(8), &[f32::INFINITY; 4]),
            (key(9), &vectors[9]),
        ];
        assert_eq!(cache.put_many(&model(), 4, bad.into_iter()), 1);

        let keys: Vec<Key> = (0..10).map(key).collect();
        let mut found = Vec::new();
        let hits = cache.get_many(&model(), &keys, 4, &mut |position, vector| {
            assert_eq!(vector, &vectors[position]);
            found.push(position);
        });
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 9]);
        assert_eq!(hits, 7);

        // Another length or another model has no vectors.
        let nothing = &mut |_, _: &[f32]| panic!("the cache has no such vector");
        assert_eq!(cache.get_many(&model(), &keys, 3, nothing), 0);
        let other = Fingerprint::of(&[b"other"]);
        assert_eq!(cache.get_many(&other, &keys, 4, nothing), 0);
        assert_eq!(cache.put_many(&other, 4, entries(0..2).into_iter()), 2);

        let stats = cache.stats();
        assert_eq!((stats.entries, stats.models), (9, 2), "{stats:?}");
        assert_eq!((stats.hits, stats.misses, stats.writes), (7, 23, 9));
        assert!(stats.bytes > 0 && stats.bytes <= stats.limit);
        assert_eq!(cache.clear().unwrap(), 9);
        let stats = cache.stats();
        assert_eq!((stats.entries, stats.models), (0, 0));
        assert_eq!(cache.get_many(&model(), &keys, 4, nothing), 0);
        assert_eq!(cache.take_warning(), None);
    }
}

#[test]
fn off_stores_nothing() {
    let cache = VectorCache::open(&CacheSetting::Off, CacheLimits::default()).unwrap();
    assert!(cache.is_off());
    let entries = [(key(1), &[1.0, 2.0][..])];
    assert_eq!(cache.put_many(&model(), 2, entries.into_iter()), 0);
    let none = cache.get_many(&model(), &[key(1)], 2, &mut |_, _| panic!());
    assert_eq!(none, 0);
    assert_eq!(cache.clear(), Ok(0));
    assert_eq!(cache.stats().location, "off");
}

#[test]
fn threads_share_one_cache() {
    let folder = tempfile::tempdir().unwrap();
    for setting in [
        CacheSetting::Memory,
        CacheSetting::Folder(folder.path().into()),
    ] {
        let cache = VectorCache::open(&setting, CacheLimits::default()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for number in 0..50 {
                        let number = thread * 50 + number;
                        let new = vector(number, DIMS);
                        let entry = [(key(number), &new[..])];
                        assert_eq!(cache.put_many(&model(), DIMS, entry.into_iter()), 1);
                        let hits = cache.get_many(&model(), &[key(number)], DIMS, &mut |_, v| {
                            assert_eq!(v, new);
                        });
                        assert_eq!(hits, 1);
                    }
                });
            }
        });
        assert_eq!(cache.stats().entries, 200);
    }
}
