//! The multilingual model of `scripts/test_setup.py`: its vectors in fp32 and in int8.

use std::sync::Arc;

use semql_udfs::inference::encoding::ModelInput;
use semql_udfs::models::PrecisionSetting;
use semql_udfs::{Runtime, Settings, vector};

use super::{compare, golden};
use crate::support::models::multilingual_model;

const GOLDEN: &str = "multilingual.golden.json";

#[test]
fn vectors_of_all_scripts() {
    if let Some(model) = multilingual_model() {
        compare(&model, &golden(GOLDEN));
    }
}

#[test]
fn int8_passes_the_check_and_stays_close_to_the_reference() {
    let Some(model) = multilingual_model() else {
        return;
    };
    let golden = golden(GOLDEN);
    let settings = Settings {
        model,
        precision: PrecisionSetting::Auto,
        ..Settings::default()
    };
    let runtime = Arc::new(Runtime::new());
    let encoder = runtime.encoder(&settings).unwrap();
    assert_eq!(encoder.resolve_precision().unwrap(), "int8");
    let texts: Vec<ModelInput<'_>> = golden
        .texts
        .iter()
        .map(|case| Some(case.text.as_str().into()))
        .collect();
    let run = runtime.encode_context(&settings).unwrap();
    let vectors = encoder.encode(&texts, &run).unwrap();
    let cosines = golden.texts.iter().enumerate().map(|(row, case)| {
        let vector = vectors.get(row).unwrap();
        vector::dot(vector, &case.vector)
    });
    let least = cosines.fold(1.0, f32::min);
    println!("int8: least cosine {least:.5}");
    assert!(least >= 0.995, "least cosine {least}");
}
