//! Deterministic mutations of files and their headers, for property tests.

use serde_json::{Value, json};

use crate::random::Random;

/// Environment variable with the number of cases of each property test.
const CASES_VARIABLE: &str = "SEMQL_FUZZ_CASES";

/// Numbers at which arithmetic overflows or comparisons are off by one.
const EDGE_CASES: &[u64] = &[
    0,
    1,
    2,
    0x7f,
    0xff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1fff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fff7,
    0xffff_ffff_ffff_ffff,
];

/// Maximum mutations of one file.
const MAX_MUTATIONS: usize = 4;

/// Number of cases: `SEMQL_FUZZ_CASES`, or `default`.
pub fn cases(default: usize) -> usize {
    let cases = std::env::var(CASES_VARIABLE).ok();
    cases
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(default)
}

/// One of the numbers at which arithmetic overflows.
pub fn extreme(random: &mut Random) -> u64 {
    EDGE_CASES[random.below(EDGE_CASES.len())]
}

/// Flips, overwrites, truncates or swaps bytes at up to `MAX_MUTATIONS` offsets.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(MAX_MUTATIONS) {
        if !bytes.is_empty() {
            mutate_once(bytes, random);
        }
    }
}

fn mutate_once(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = (random.bits() >> 56) as u8,
        3 => overwrite(bytes, at, &(extreme(random) as u32).to_le_bytes()),
        4 => overwrite(bytes, at, &extreme(random).to_le_bytes()),
        5 => swap(bytes, at, random),
        6 => set_digit(bytes, at, random),
        _ => bytes.truncate(at),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, by: &[u8]) {
    bytes.iter_mut().skip(at).zip(by).for_each(|(b, v)| *b = *v);
}

/// Swaps a range at `at` with another one of the same length.
fn swap(bytes: &mut [u8], at: usize, random: &mut Random) {
    let other = random.below(bytes.len());
    let (first, second) = (at.min(other), at.max(other));
    let longest = (second - first).min(bytes.len() - second);
    let length = random.below(longest + 1);
    let (head, tail) = bytes.split_at_mut(second);
    head[first..first + length].swap_with_slice(&mut tail[..length]);
}

/// Changes the first decimal digit from `at` on, such as one of a JSON header.
fn set_digit(bytes: &mut [u8], at: usize, random: &mut Random) {
    let digit = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit());
    if let Some(digit) = digit {
        *digit = b'0' + random.below(10) as u8;
    }
}

/// Replaces one value of a JSON document by an extreme number or by a value of
/// another type.
pub fn mutate_json(document: &mut Value, random: &mut Random) {
    let mut pointers = Vec::new();
    collect_leaves(document, String::new(), &mut pointers);
    if pointers.is_empty() {
        return;
    }
    let pointer = &pointers[random.below(pointers.len())];
    if let Some(leaf) = document.pointer_mut(pointer) {
        *leaf = match random.below(10) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!(-1),
            3 => json!(1e300),
            4 => json!("other"),
            5 => json!([0, 1, 2]),
            _ => json!(extreme(random)),
        };
    }
}

/// Collects JSON pointers to all leaves.
fn collect_leaves(value: &Value, pointer: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                collect_leaves(value, format!("{pointer}/{key}"), leaves);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for (at, value) in values.iter().enumerate() {
                collect_leaves(value, format!("{pointer}/{at}"), leaves);
            }
        }
        _ => leaves.push(pointer),
    }
}

#[test]
fn mutations_change_bytes_and_repeat_for_a_seed() {
    let original: Vec<u8> = (0..200).collect();
    let mutated = |seed: u64| {
        let mut bytes = original.clone();
        mutate(&mut bytes, &mut Random::new(seed));
        bytes
    };
    let changed = (0..100).filter(|seed| mutated(*seed) != original).count();
    assert!(changed > 80, "{changed} of 100");
    assert!((0..100).all(|seed| mutated(seed) == mutated(seed)));
    let mut document = json!({"a": {"b": [1, 2]}, "c": []});
    let before = document.clone();
    let mut random = Random::new(1);
    (0..5).for_each(|_| mutate_json(&mut document, &mut random));
    assert_ne!(document, before);
}
