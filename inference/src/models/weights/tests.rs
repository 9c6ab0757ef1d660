//! Tests with files written by PyTorch and safetensors.

use std::io::Write;

use serde_json::Value as Json;

use super::*;
use crate::mutations::{cases, mutate, mutate_json};
use crate::random::Random;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden")
        .join(name)
}

/// The error of opening `bytes` as a file called `name`.
fn open_error(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    match Weights::open_file(&path) {
        Ok(weights) => panic!("opened with {:?}", weights.names().collect::<Vec<_>>()),
        Err(error) => error.to_string(),
    }
}

fn assert_expected_tensors(file: &str) {
    let text = std::fs::read_to_string(golden("checkpoints/expected.json")).unwrap();
    let expected: BTreeMap<String, Json> = serde_json::from_str(&text).unwrap();
    let weights = Weights::open_file(&golden("checkpoints").join(file)).unwrap();
    assert_eq!(expected.len(), 11);
    for (name, expected) in expected {
        let tensor = weights.tensor(&name).unwrap();
        let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
        let data: Vec<f32> = serde_json::from_value(expected["data"].clone()).unwrap();
        assert_eq!(
            (&tensor.shape, &tensor.data),
            (&shape, &data),
            "{name} of {file}"
        );
        assert_eq!(weights.shape(&name), Some(shape.as_slice()));
    }
    // Integers are listed, so that names are complete, but are not weights.
    assert!(weights.contains("position_ids") && weights.contains("flags"));
    let error = weights.tensor("position_ids").unwrap_err().to_string();
    assert!(
        error.contains("position_ids") && error.contains("floats"),
        "{error}"
    );
}

#[test]
fn views_strides_and_types_of_a_zip_checkpoint_are_read() {
    assert_expected_tensors("kinds.bin");
}

#[test]
fn pickle_protocol_4_is_read() {
    assert_expected_tensors("protocol4.bin");
}

#[test]
fn the_format_before_pytorch_1_6_is_read() {
    assert_expected_tensors("legacy.bin");
}

#[test]
fn a_state_dict_inside_a_training_checkpoint_is_found() {
    assert_expected_tensors("wrapped.bin");
}

#[test]
fn both_formats_give_the_same_tensors() {
    let pytorch = Weights::open(&golden("tiny-bert")).unwrap();
    let safetensors = Weights::open(&golden("tiny-bert-safetensors")).unwrap();
    assert!(pytorch.path().ends_with("pytorch_model.bin"));
    assert!(safetensors.path().ends_with("model.safetensors"));
    assert!(pytorch.names().all(|name| name.starts_with("bert.")));
    let names: Vec<&str> = safetensors.names().collect();
    assert!(names.len() > 30);
    for name in names {
        assert_eq!(
            pytorch.tensor(name).unwrap(),
            safetensors.tensor(name).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn half_precision_is_close_to_full() {
    let half = Weights::open(&golden("tiny-bert-cls")).unwrap();
    let full = Weights::open(&golden("tiny-bert-safetensors")).unwrap();
    let name = "encoder.layer.1.output.dense.weight";
    let (half, full) = (half.tensor(name).unwrap(), full.tensor(name).unwrap());
    assert_eq!(half.shape, [32, 64]);
    assert_ne!(half.data, full.data);
    // Ten bits of mantissa, and fewer for the very smallest.
    let near = |(h, f): (&f32, &f32)| (h - f).abs() <= f.abs() / 1024.0 + 1e-6;
    assert!(half.data.iter().zip(&full.data).all(near));
}

#[test]
fn the_error_of_a_missing_tensor_lists_existing_names() {
    let error = Weights::open(&golden("tiny-bert"))
        .unwrap()
        .tensor("decoder.weight")
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("'decoder.weight'"), "{message}");
    assert!(
        message.contains("'bert.embeddings.LayerNorm.bias'"),
        "{message}"
    );
}

#[test]
fn shards_are_joined_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(golden(from), folder.path().join(to)).unwrap();
    copy(
        "tiny-bert-safetensors/model.safetensors",
        "model-00001-of-00002.safetensors",
    );
    copy(
        "tiny-bert-cls/model.safetensors",
        "model-00002-of-00002.safetensors",
    );
    let index = folder.path().join("model.safetensors.index.json");
    let write = |second: &str| {
        let map = format!(
            r#"{{"metadata":{{}},"weight_map":{{
                "embeddings.LayerNorm.bias":"model-00001-of-00002.safetensors",
                "pooler.dense.bias":"{second}"}}}}"#
        );
        std::fs::write(&index, map).unwrap();
    };
    write("model-00002-of-00002.safetensors");
    let weights = Weights::open(folder.path()).unwrap();
    assert_eq!(weights.path(), index);
    assert_eq!(
        weights.names().collect::<Vec<_>>(),
        ["embeddings.LayerNorm.bias", "pooler.dense.bias"]
    );
    let from = |file: &str, name: &str| Weights::open(&golden(file)).unwrap().tensor(name).unwrap();
    for (file, name) in [
        ("tiny-bert-safetensors", "embeddings.LayerNorm.bias"),
        ("tiny-bert-cls", "pooler.dense.bias"),
    ] {
        assert_eq!(weights.tensor(name).unwrap(), from(file, name));
    }

    write("../model.safetensors");
    let error = Weights::open(folder.path()).err().unwrap().to_string();
    assert!(
        error.contains("it refers to the file '../model.safetensors'"),
        "{error}"
    );
    write("model-00003-of-00003.safetensors");
    let error = Weights::open(folder.path()).err().unwrap().to_string();
    assert!(
        error.contains("model-00003-of-00003.safetensors"),
        "{error}"
    );
}

#[test]
fn the_error_of_a_folder_without_weights_lists_the_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let error = Weights::open(folder.path()).err().unwrap().to_string();
    assert!(
        error.contains("model.safetensors or pytorch_model.bin"),
        "{error}"
    );
    assert!(
        error.contains(&folder.path().display().to_string()),
        "{error}"
    );
}

#[test]
fn files_often_found_in_place_of_weights_are_explained() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "it is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html></html>", "it is a web page"),
        (b"abc", "not a complete safetensors file"),
        (b"PK\x03\x04 and no more", "not a complete zip archive"),
    ];
    for (bytes, expected) in cases {
        let message = open_error("model.safetensors", bytes);
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains("model.safetensors is damaged"),
            "{message}"
        );
    }
}

#[test]
fn every_truncated_file_is_refused() {
    for file in [
        "checkpoints/kinds.bin",
        "checkpoints/legacy.bin",
        "checkpoints/protocol4.bin",
        "tiny-xlmr/model.safetensors",
    ] {
        let bytes = std::fs::read(golden(file)).unwrap();
        for end in (0..bytes.len()).step_by(bytes.len() / 97) {
            open_error("pytorch_model.bin", &bytes[..end]);
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for file in ["checkpoints/kinds.bin", "checkpoints/legacy.bin"] {
        let whole = std::fs::read(golden(file)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            // A new file each time, because overwriting waits for the disk.
            let path = folder.path().join(format!("{at}.bin"));
            std::fs::write(&path, &damaged).unwrap();
            match Weights::open_file(&path) {
                Err(_) => refused += 1,
                Ok(weights) => {
                    for name in weights.names() {
                        refused += usize::from(weights.tensor(name).is_err());
                    }
                }
            }
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

/// A zip archive with stored entries, as PyTorch writes them.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// {'a': a tensor of `count` floats from `offset` on, in a storage of `stored`}
fn state_dict(stored: u8, offset: u8, count: u8) -> Vec<u8> {
    [
        b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage\
          ctorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK"
            .as_slice(),
        &[stored],
        b"tQK",
        &[offset],
        b"K",
        &[count],
        b"\x85K\x01\x85\x89}tRs.",
    ]
    .concat()
}

fn opened(bytes: &[u8]) -> Weights {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    std::fs::write(&path, bytes).unwrap();
    Weights::open_file(&path).unwrap()
}

#[test]
fn the_byte_order_of_an_archive_is_applied() {
    let pickle = state_dict(2, 1, 1);
    let little: Vec<u8> = [8.0f32, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let big: Vec<u8> = [8.0f32, 0.5].iter().flat_map(|v| v.to_be_bytes()).collect();
    for (order, values) in [("little", little), ("big", big)] {
        let bytes = archive(&[
            ("m/data.pkl", &pickle),
            ("m/byteorder", order.as_bytes()),
            ("m/data/7", &values),
        ]);
        assert_eq!(opened(&bytes).tensor("a").unwrap().data, [0.5], "{order}");
    }
}

#[test]
fn archives_with_truncated_storages_are_refused() {
    let values = [0; 8];
    let message = |stored, offset, count| {
        let pickle = state_dict(stored, offset, count);
        open_error(
            "pytorch_model.bin",
            &archive(&[("m/data.pkl", &pickle), ("m/data/7", &values)]),
        )
    };
    assert!(message(200, 0, 2).contains("'data/7' is too short"));
    assert!(message(2, 1, 2).contains("'a' exceeds its storage"));
    assert!(message(2, 200, 1).contains("'a' exceeds its storage"));
    let pickle = state_dict(2, 0, 2);
    let missing = open_error("pytorch_model.bin", &archive(&[("m/data.pkl", &pickle)]));
    assert!(
        missing.contains("its entry 'm/data/7' is missing"),
        "{missing}"
    );
}

#[test]
fn programs_and_objects_are_refused_with_a_hint() {
    let program = open_error(
        "pytorch_model.bin",
        &archive(&[("m/data.pkl", b""), ("m/code/a.py", b"")]),
    );
    assert!(
        program.contains("TorchScript") && program.contains("save_file"),
        "{program}"
    );
    let evil = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.";
    let object = open_error("pytorch_model.bin", &archive(&[("m/data.pkl", evil)]));
    assert!(
        object.contains("posix.system") && object.contains("does not run code"),
        "{object}"
    );
    let other = open_error(
        "pytorch_model.bin",
        &archive(&[("word/document.xml", b"<w/>")]),
    );
    assert!(other.contains("without a data.pkl"), "{other}");
    let nothing = open_error(
        "pytorch_model.bin",
        &archive(&[("m/data.pkl", b"\x80\x02}.")]),
    );
    assert!(nothing.contains("it holds no tensors"), "{nothing}");
}

/// Opens the bytes as a checkpoint and reads all tensors. Returns whether an
/// error occurred.
fn is_refused(path: &Path, bytes: &[u8]) -> bool {
    std::fs::write(path, bytes).unwrap();
    let refused = match Weights::open_file(path) {
        Err(_) => true,
        Ok(weights) => weights.names().any(|name| weights.tensor(name).is_err()),
    };
    std::fs::remove_file(path).unwrap();
    refused
}

#[test]
fn mutated_checkpoints_are_refused_or_read_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        "checkpoints/kinds.bin",
        "checkpoints/protocol4.bin",
        "checkpoints/legacy.bin",
        "checkpoints/wrapped.bin",
        "tiny-bert/pytorch_model.bin",
        "tiny-bert-cls/model.safetensors",
    ];
    let files = files.map(|file| std::fs::read(golden(file)).unwrap());
    let mut random = Random::new(12);
    let (mut refused, cases) = (0, cases(600));
    for case in 0..cases {
        let mut bytes = files[case % files.len()].clone();
        mutate(&mut bytes, &mut random);
        let path = folder.path().join(format!("{case}.bin"));
        refused += usize::from(is_refused(&path, &bytes));
    }
    assert!(refused > cases / 10, "{refused} of {cases}");
}

#[test]
fn mutated_headers_of_safetensors_are_refused_or_read_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(golden("tiny-bert-cls/model.safetensors")).unwrap();
    let (length, rest) = whole.split_first_chunk::<8>().unwrap();
    let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Json = serde_json::from_slice(header).unwrap();
    let mut random = Random::new(13);
    let (mut refused, cases) = (0, cases(300));
    for case in 0..cases {
        let mut header = header.clone();
        mutate_json(&mut header, &mut random);
        let header = serde_json::to_vec(&header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        let bytes = [length.as_slice(), &header, values].concat();
        let path = folder.path().join(format!("{case}.safetensors"));
        refused += usize::from(is_refused(&path, &bytes));
    }
    assert!(refused > cases / 2, "{refused} of {cases}");
}

/// A safetensors file with this header, and `values` zero bytes.
fn safetensors(header: &str, values: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [length.as_slice(), header.as_bytes(), &vec![0; values]].concat()
}

#[test]
fn headers_of_safetensors_are_bounded() {
    let one = |name: &str, shape: &str, end: &str| {
        format!(r#"{{"{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    assert!(!is_refused(
        &tempfile::tempdir().unwrap().path().join("a"),
        &safetensors(&one("a", "[2]", "8"), 8)
    ));
    let most = 1usize << 61;
    let pieces: Vec<String> = (0..8)
        .map(|at| {
            let (from, to) = (at * (most - 1), (at + 1) * (most - 1));
            format!(
                r#""{at}":{{"dtype":"U8","shape":[{}],"data_offsets":[{from},{to}]}}"#,
                most - 1
            )
        })
        .collect();
    for (header, expected) in [
        (
            one("a", "[2]", "18446744073709551615"),
            "not a complete safetensors file",
        ),
        (one(&"a".repeat(2000), "[2]", "8"), "is too long"),
        (one("a", "[1,1,1,1,1,1,1,1,2]", "8"), "too many axes"),
        (one("a", "[3]", "12"), "truncated"),
        (format!("{{{}}}", pieces.join(",")), "truncated"),
        (" ".repeat((4 << 20) + 1), "its header is too large"),
    ] {
        let message = open_error("model.safetensors", &safetensors(&header, 8));
        let start: String = header.chars().take(80).collect();
        assert!(message.contains(expected), "{start}: {message}");
    }
    let message = open_error("model.safetensors", &[0xff; 64]);
    assert!(message.contains("its header is too large"), "{message}");
}

#[test]
fn a_state_dict_with_a_repeated_tensor_is_refused() {
    // {'a': tensor, 'a': the same}
    let once = state_dict(2, 0, 1);
    let body = once.strip_suffix(b"s.").unwrap();
    let twice = [body, b"q\x07sX\x01\x00\x00\x00ah\x07s."].concat();
    let message = open_error(
        "pytorch_model.bin",
        &archive(&[("m/data.pkl", &twice), ("m/data/7", &[0; 8])]),
    );
    assert!(message.contains("not unique"), "{message}");
}
