//! Measures the speed: `cargo test --release cache::tests::rates -- --ignored --nocapture`,
//! with `COUNT` for another number of vectors than 100,000.

use std::time::Instant;

use super::*;

#[test]
#[ignore = "a measurement, which takes minutes"]
fn rates() {
    let count: usize = std::env::var("COUNT").map_or(100_000, |n| n.parse().unwrap());
    let keys: Vec<Key> = (0..count).map(key).collect();
    let vectors: Vec<f32> = (0..count).flat_map(|n| vector(n, DIMS)).collect();
    let folder = tempfile::tempdir().unwrap();
    let disk = CacheSetting::Folder(folder.path().into());
    let limits = CacheLimits {
        memory: 8 << 30,
        disk: 8 << 30,
    };
    let report = |what: &str, batch: usize, start: Instant| {
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!("{what:>28}, batches of {batch:>6}: {rate:>12.0} vectors/s");
    };
    for setting in [CacheSetting::Memory, disk.clone()] {
        for batch in [100, 1000, 10_000] {
            if count > 100_000 && batch != 1000 {
                continue;
            }
            let cache = VectorCache::open(&setting, limits).unwrap();
            let name = if setting == disk { "disk" } else { "memory" };
            for what in ["put", "put again"] {
                let start = Instant::now();
                for (keys, vectors) in keys.chunks(batch).zip(vectors.chunks(batch * DIMS)) {
                    let entries = keys.iter().copied().zip(vectors.chunks(DIMS));
                    assert_eq!(cache.put_many(&model(), DIMS, entries), keys.len());
                }
                report(&format!("{name}, {what}"), batch, start);
            }
            for what in ["get", "get again"] {
                let start = Instant::now();
                let mut sum = 0.0;
                for keys in keys.chunks(batch) {
                    let hits = cache.get_many(&model(), keys, DIMS, &mut |_, v| sum += v[0]);
                    assert_eq!(hits, keys.len());
                }
                assert!(sum > 0.0);
                report(&format!("{name}, {what}"), batch, start);
            }
            let start = Instant::now();
            println!("{:?} in {:?}", cache.stats(), start.elapsed());
            let start = Instant::now();
            cache.clear().unwrap();
            println!("cleared in {:?}", start.elapsed());
        }
    }
}
