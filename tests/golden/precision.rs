//! int8 compared with the fp32 reference, and the precision that `auto` selects.

use std::path::Path;
use std::sync::Arc;

use semql_udfs::backend::{Backend, Device, OnnxBackend, OnnxOptions, Provider};
use semql_udfs::inference::classifier::best_label;
use semql_udfs::inference::encoding::{ModelInput, product_text};
use semql_udfs::models::{GraphCache, GraphStyle, ModelSpec, Precision, PrecisionSetting};
use semql_udfs::{Error, Runtime, Settings, vector};

use super::{folder, golden};

const MINILM: &str = "all-minilm-l6-v2";

fn settings(model: &str, precision: PrecisionSetting) -> Settings {
    Settings {
        model: model.to_string(),
        device: Device::Cpu,
        precision,
        ..Settings::default()
    }
}

fn exactly(precision: Precision) -> Settings {
    settings(MINILM, PrecisionSetting::Exactly(precision))
}

#[test]
fn int8_vectors_are_close_to_the_reference_in_each_batch() {
    let golden = golden("minilm.golden.json");
    let texts: Vec<ModelInput<'_>> = golden
        .texts
        .iter()
        .map(|c| Some(c.text.as_str().into()))
        .collect();
    let runtime = Arc::new(Runtime::new());
    let settings = exactly(Precision::Int8);
    let encoder = runtime.encoder(&settings).unwrap();
    assert_eq!(encoder.resolve_precision().unwrap(), "int8");
    let run = runtime.encode_context(&settings).unwrap();
    let together = encoder.encode(&texts, &run).unwrap();
    let mut cosines = Vec::new();
    for (row, case) in golden.texts.iter().enumerate() {
        let vector = together.get(row).unwrap();
        cosines.push(vector::dot(vector, &case.vector));
        let alone = encoder
            .encode(&[Some(case.text.as_str().into())], &run)
            .unwrap();
        let same = vector::dot(vector, alone.get(0).unwrap());
        assert!(same >= 0.99999, "row {row} depends on its batch: {same}");
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    let least = cosines.iter().copied().fold(1.0, f32::min);
    println!("int8: mean cosine {mean:.5}, least {least:.5}");
    assert!(mean >= 0.995, "mean cosine {mean}, least {least}");
    assert!(least >= 0.97, "least cosine {least}");
}

#[test]
fn int8_gives_the_labels_of_fp32() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/sample/products.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let rows: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let offers: Vec<(Option<&str>, Option<&str>)> = rows
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().filter(|t| !t.trim().is_empty());
            (text("title"), text("text"))
        })
        .collect();
    let runtime = Arc::new(Runtime::new());
    let labels = |precision| -> Vec<Option<usize>> {
        let settings = exactly(precision);
        let encoder = runtime.encoder(&settings).unwrap();
        let run = runtime.encode_context(&settings).unwrap();
        let taxonomy = runtime.taxonomy("product_category").unwrap();
        let classifier = runtime.classifier(&taxonomy, &encoder, &run).unwrap();
        let readings: Vec<ModelInput<'_>> = offers
            .iter()
            .flat_map(|(title, text)| product_text::inputs(*title, *text))
            .collect();
        let vectors = encoder.encode(&readings, &run).unwrap();
        offers
            .iter()
            .enumerate()
            .map(|(row, (title, text))| {
                let of_row = [vectors.get(2 * row), vectors.get(2 * row + 1)];
                let vector = product_text::vector(*title, *text, of_row)?;
                best_label(&classifier.scores(&vector, product_text::head(*title, *text)))
            })
            .collect()
    };
    let (exact, rounded) = (labels(Precision::Fp32), labels(Precision::Int8));
    let same = exact.iter().zip(&rounded).filter(|(a, b)| a == b).count();
    let share = same as f64 / exact.len() as f64;
    println!("int8: {share:.4} of {} labels agree", exact.len());
    assert!(share >= 0.99, "{share} of the labels agree");
}

#[test]
fn auto_selects_int8_where_it_is_accurate() {
    for model in [MINILM, &folder("tiny-bert"), &folder("tiny-bert-onnx")] {
        let runtime = Arc::new(Runtime::new());
        let settings = settings(model, PrecisionSetting::Auto);
        let expected = runtime.facts(&settings).unwrap().precision;
        let encoder = runtime.encoder(&settings).unwrap();
        assert_eq!(encoder.resolve_precision().unwrap(), expected, "{model}");
        if model == MINILM {
            assert_eq!(expected, "int8");
        }
        if model.ends_with("onnx") {
            assert_eq!(expected, "fp32", "a published graph runs unchanged");
        }
    }
}

#[test]
fn precisions_that_a_device_lacks_are_refused() {
    let refused = |settings: &Settings, word: &str| {
        let error = Runtime::new().facts(settings).unwrap_err();
        assert!(
            matches!(&error, Error::Setup(m) if m.contains(word)),
            "{error}"
        );
    };
    refused(&exactly(Precision::Fp16), "GPU");
    let published = folder("tiny-bert-onnx");
    let int8 = PrecisionSetting::Exactly(Precision::Int8);
    refused(&settings(&published, int8), "published ONNX graph");
    let gpu = Settings {
        device: Device::first(Provider::Cuda),
        ..settings(MINILM, int8)
    };
    refused(&gpu, "int8");
}

/// Passes with and without a GPU: without one, the error names the device.
#[test]
fn auto_falls_back_to_the_cpu_and_a_named_gpu_does_not() {
    for device in [Provider::Cuda, Provider::TensorRt].map(Device::first) {
        let settings = Settings {
            device,
            ..settings(MINILM, PrecisionSetting::Auto)
        };
        let runtime = Arc::new(Runtime::new());
        match runtime.facts(&settings) {
            Ok(facts) => assert_ne!(facts.precision, "int8"),
            Err(Error::Setup(why)) => assert!(why.contains(&device.to_string()), "{why}"),
            Err(other) => panic!("{other}"),
        }
    }
    let runtime = Arc::new(Runtime::new());
    let settings = Settings {
        device: Device::Auto,
        ..settings(MINILM, PrecisionSetting::Auto)
    };
    let encoder = runtime.encoder(&settings).unwrap();
    encoder
        .encode(
            &[Some("red shoes".into())],
            &runtime.encode_context(&settings).unwrap(),
        )
        .unwrap();
    let device = encoder.device().unwrap();
    assert!(["cpu", "cuda:0"].contains(&device.as_str()), "{device}");
}

/// Checks the arithmetic without a GPU: the CPU runs the graphs for other devices
/// too, and computes 16 bits through casts.
#[test]
fn the_graphs_for_other_devices_give_the_same_vectors() {
    for model in [&["tiny-bert"], super::families::FAMILIES].concat() {
        compare_styles(model);
    }
}

fn compare_styles(model: &str) {
    let folder = folder(model);
    let spec = ModelSpec::read(Path::new(&folder), None).unwrap();
    let graphs = GraphCache::open(Path::new(&folder), &spec).unwrap();
    let texts: [&[u32]; 3] = [&[2, 40, 41, 42, 43, 3], &[2, 50, 3], &[2, 60, 61, 3]];
    let vectors = |style, half| {
        let options = OnnxOptions {
            library: None,
            provider_library: None,
            device: Device::Cpu,
            threads: 1,
            head: None,
            pad: spec.config.pad_token_id,
            precision: Precision::Fp32,
            device_memory: None,
        };
        let graph = graphs.float_graph(style, half).unwrap();
        let mut vectors = Vec::new();
        OnnxBackend::open(&graph, &options)
            .unwrap()
            .encode(&texts, spec.dims, &mut vectors)
            .unwrap();
        vectors
    };
    let reference = vectors(GraphStyle::Cpu, false);
    for (style, half, least) in [
        (GraphStyle::Fused, false, 0.9999),
        (GraphStyle::WebGpu, false, 0.9999),
        (GraphStyle::Plain, false, 0.9999),
        (GraphStyle::Fused, true, 0.999),
        (GraphStyle::WebGpu, true, 0.999),
    ] {
        let other = vectors(style, half);
        for (a, b) in reference
            .chunks_exact(spec.dims)
            .zip(other.chunks_exact(spec.dims))
        {
            let cosine = vector::dot(a, b);
            assert!(
                cosine >= least,
                "{model} {style:?} half {half}: cosine {cosine}"
            );
        }
    }
}
