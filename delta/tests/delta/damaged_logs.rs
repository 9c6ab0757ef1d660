//! Logs that are damaged, or written by an attacker: errors, without a panic.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{fail, names, rows, run, succeed, value};

/// A folder with the table `table` of the ids 1 and 2, and the path of its only commit.
fn table() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    succeed(
        folder.path(),
        "COPY (SELECT * FROM (VALUES (1), (2)) AS t(id)) TO 'table/' STORED AS DELTA",
    );
    let log = folder
        .path()
        .join("table/_delta_log/00000000000000000000.json");
    (folder, log)
}

/// Changes the actions of a commit.
fn change(log: &Path, mut change: impl FnMut(&mut Value)) {
    let text = fs::read_to_string(log).unwrap();
    let lines = text.lines().map(|line| {
        let mut action: Value = serde_json::from_str(line).unwrap();
        change(&mut action);
        action.to_string()
    });
    fs::write(log, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

/// Reads the table in every way, each of which is an error without a panic.
fn check_fails(folder: &Path, case: &str) {
    for sql in [
        "SELECT * FROM 'table/'",
        "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/' OPTIONS (timestamp '2100-01-01'); SELECT * FROM t",
        "COPY (SELECT 3 AS id) TO 'table/' STORED AS DELTA OPTIONS (mode 'append'); SELECT * FROM 'table/'",
    ] {
        let error = fail(folder, sql);
        assert!(error.lines().count() <= 3, "{case}: {error}");
    }
}

#[test]
fn garbage_in_place_of_a_log_is_an_error() {
    let (folder, log) = table();
    let whole = fs::read(&log).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    for (case, content) in [
        ("empty", Vec::new()),
        ("bytes", [0x80_u8, 0xff, 0x00, 0x7f].repeat(500)),
        ("half", half),
        ("object", b"{}".to_vec()),
        ("list", b"[1, 2]".to_vec()),
        ("deep", "[".repeat(100_000).into_bytes()),
        (
            "wrong types",
            br#"{"metaData": 7, "protocol": [], "add": {"path": {}}}"#.to_vec(),
        ),
    ] {
        fs::write(&log, content).unwrap();
        check_fails(folder.path(), case);
        let names = names(&folder.path().join("table/_delta_log"));
        for extra in names
            .iter()
            .filter(|name| !name.starts_with("00000000000000000000"))
        {
            let _ = fs::remove_file(folder.path().join("table/_delta_log").join(extra));
        }
    }
    fs::write(&log, whole).unwrap();
    assert_eq!(value(folder.path(), "SELECT count(*) FROM 'table/'"), 2);
}

#[test]
fn names_in_the_log_folder_that_are_no_versions_are_errors_or_ignored() {
    let (folder, log) = table();
    let logs = log.parent().unwrap().to_path_buf();
    for name in [
        "99999999999999999999.json",
        "18446744073709551615.json",
        "09223372036854775807.json",
        "00000000000000000005.json",
        "00000000000000000000.checkpoint.parquet",
        "00000000000000000001.checkpoint.0000000002.9999999999.parquet",
        "_last_checkpoint",
        "-1.json",
        "x.json",
    ] {
        let path = logs.join(name);
        fs::write(&path, "{\"version\":18446744073709551615,\"size\":-1}").unwrap();
        let done = run(folder.path(), "SELECT count(*) AS n FROM 'table/'");
        match done.code {
            Some(0) => assert!(done.out.contains("\"n\":2"), "{name}: {}", done.out),
            _ => {
                let error = fail(folder.path(), "SELECT count(*) AS n FROM 'table/'");
                assert!(error.contains("'table/'"), "{name}: {error}");
            }
        }
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn files_that_are_missing_or_no_parquet_are_errors() {
    let (folder, log) = table();
    change(&log, |action| {
        if let Some(add) = action.get_mut("add") {
            add["path"] = json!("missing.parquet");
        }
    });
    let error = fail(folder.path(), "SELECT * FROM 'table/'");
    assert!(error.contains("missing.parquet"), "{error}");
    fs::write(folder.path().join("table/missing.parquet"), "no parquet").unwrap();
    fail(folder.path(), "SELECT * FROM 'table/'");
}

#[test]
fn features_that_readers_must_know_are_named() {
    let (folder, log) = table();
    change(&log, |action| {
        if let Some(protocol) = action.get_mut("protocol") {
            *protocol = json!({
                "minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["teleportation"], "writerFeatures": ["teleportation"],
            });
        }
    });
    let error = fail(folder.path(), "SELECT * FROM 'table/'");
    assert!(error.to_lowercase().contains("teleportation"), "{error}");
    change(&log, |action| {
        if let Some(protocol) = action.get_mut("protocol") {
            *protocol =
                json!({"minReaderVersion": 2_147_483_647, "minWriterVersion": 2_147_483_647});
        }
    });
    fail(folder.path(), "SELECT * FROM 'table/'");
}

/// Bytes of a log with some of them changed, from a seed.
fn mutated(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let mut bytes = whole.to_vec();
    for _ in 0..1 + next() % 4 {
        let at = next() % bytes.len();
        match next() % 3 {
            0 => bytes[at] = next() as u8,
            1 => {
                bytes.truncate(at.max(1));
            }
            _ => {
                let length = (next() % 20).min(bytes.len() - at);
                bytes.drain(at..at + length);
                if bytes.is_empty() {
                    bytes.push(b'{');
                }
            }
        }
    }
    bytes
}

#[test]
fn damaged_bytes_never_cause_a_panic() {
    let (folder, log) = table();
    let whole = fs::read(&log).unwrap();
    let cases = std::env::var("SEMQL_FUZZ_CASES").ok();
    let cases: u64 = cases.and_then(|cases| cases.parse().ok()).unwrap_or(30);
    for seed in 1..=cases {
        fs::write(&log, mutated(&whole, seed)).unwrap();
        let done = run(folder.path(), "SELECT * FROM 'table/'");
        assert!(
            matches!(done.code, Some(0..=3)),
            "{seed}: {:?} {}",
            done.code,
            done.err
        );
        for word in ["panicked", "internal error"] {
            assert!(!done.err.contains(word), "{seed}: {}", done.err);
        }
    }
}

/// Text of bytes in Z85, the encoding of deletion vectors within a log.
fn z85(bytes: &[u8]) -> String {
    let digits =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    let mut text = String::new();
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let mut value = u32::from_be_bytes(word);
        let mut group = [0; 5];
        for place in group.iter_mut().rev() {
            *place = digits[(value % 85) as usize];
            value /= 85;
        }
        text.extend(group.iter().map(|digit| *digit as char));
    }
    text
}

/// A deletion vector of one row, as the protocol of Delta Lake defines it.
fn deletion_vector(row: u16) -> Value {
    let mut bytes = Vec::new();
    bytes.extend(1_681_511_377_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    // One container of a roaring bitmap: cookie, count, key, cardinality less one, offset.
    bytes.extend(12346_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend(row.to_le_bytes());
    json!({"storageType": "i", "pathOrInlineDv": z85(&bytes), "sizeInBytes": bytes.len(), "cardinality": 1})
}

fn with_deletion_vector(log: &Path, vector: &Value) {
    change(log, |action| {
        if let Some(protocol) = action.get_mut("protocol") {
            *protocol = json!({
                "minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"],
            });
        }
        if let Some(metadata) = action.get_mut("metaData") {
            metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"});
        }
        if let Some(add) = action.get_mut("add") {
            add["deletionVector"] = vector.clone();
        }
    });
}

#[test]
fn rows_of_deletion_vectors_are_not_read() {
    let (folder, log) = table();
    with_deletion_vector(&log, &deletion_vector(0));
    assert_eq!(
        rows(folder.path(), "SELECT * FROM 'table/'"),
        [json!({"id": 2})]
    );
    assert_eq!(value(folder.path(), "SELECT count(*) FROM 'table/'"), 1);
    assert_eq!(
        rows(folder.path(), "SELECT * FROM 'table/' WHERE id = 1"),
        Vec::<Value>::new()
    );
    for damaged in [
        json!({"storageType": "i", "pathOrInlineDv": "~~~", "sizeInBytes": 40, "cardinality": 1}),
        json!({"storageType": "i", "pathOrInlineDv": "00000", "sizeInBytes": -7, "cardinality": -1}),
        json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40, "cardinality": 1}),
        json!({"storageType": "p", "pathOrInlineDv": "file:///etc/passwd", "offset": 1, "sizeInBytes": 36, "cardinality": 6}),
        json!({"storageType": "x", "pathOrInlineDv": "", "sizeInBytes": 2_147_483_647, "cardinality": 1}),
    ] {
        with_deletion_vector(&log, &damaged);
        fail(folder.path(), "SELECT * FROM 'table/'");
    }
}
