//! ONNX exports of a publisher, in the layout of sentence-transformers and optimum.

use std::path::{Path, PathBuf};

use super::Precision;
use crate::models::ModelError;

/// Names of exports with their precisions, in order of preference.
const EXPORT_FILES: &[(&str, Precision)] = &[
    ("model.onnx", Precision::Fp32),
    ("model_optimized.onnx", Precision::Fp32),
    ("model_O3.onnx", Precision::Fp32),
    ("model_O2.onnx", Precision::Fp32),
    ("model_O1.onnx", Precision::Fp32),
    ("model_fp16.onnx", Precision::Fp16),
];

/// Starts of the names of exports in 8 and 4 bits. Their scales depend on all texts
/// of a batch, so that they do not give a text one vector.
const QUANTIZED_FILES: &[&str] = &[
    "model_quantized",
    "model_int8",
    "model_uint8",
    "model_qint8",
    "model_quint8",
    "model_q4",
    "model_bnb4",
];

/// Folders of exports, below those of the encoder and of the model.
const EXPORT_FOLDERS: &[&str] = &["", "onnx"];

/// A published graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub path: PathBuf,
    pub precision: Precision,
}

/// The export in `folders` that comes first in order of preference.
///
/// # Errors
/// [`ModelError::Unsupported`] if all exports are quantized.
pub(super) fn find_export(folders: &[&Path]) -> Result<Option<Export>, ModelError> {
    let folders: Vec<PathBuf> = EXPORT_FOLDERS
        .iter()
        .flat_map(|below| folders.iter().map(move |folder| folder.join(below)))
        .collect();
    for (name, precision) in EXPORT_FILES {
        let paths = folders.iter().map(|folder| folder.join(name));
        if let Some(path) = paths.into_iter().find(|path| path.is_file()) {
            let precision = *precision;
            return Ok(Some(Export { path, precision }));
        }
    }
    match folders.iter().find_map(|folder| quantized_file(folder)) {
        Some(path) => Err(ModelError::Unsupported {
            what: "quantized weights".to_string(),
            path,
            hint: "put model.safetensors, pytorch_model.bin or onnx/model.onnx of the model into its folder"
                .to_string(),
        }),
        None => Ok(None),
    }
}

/// The first quantized export in `folder`, by name.
fn quantized_file(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.flatten();
    let quantized = names.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".onnx") && QUANTIZED_FILES.iter().any(|start| name.starts_with(start))
    });
    quantized.min()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn exact_exports_precede_others_and_quantized_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let found = || find_export(&[folder.path()]);
        fs::create_dir(folder.path().join("onnx")).unwrap();
        assert_eq!(found().unwrap(), None);
        for name in ["onnx/model_qint8_avx512_vnni.onnx", "onnx/other.onnx"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let error = found().unwrap_err().to_string();
        assert!(error.contains("model_qint8_avx512_vnni.onnx"), "{error}");
        for (name, precision) in [
            ("onnx/model_fp16.onnx", Precision::Fp16),
            ("onnx/model_O3.onnx", Precision::Fp32),
            ("onnx/model.onnx", Precision::Fp32),
            ("model.onnx", Precision::Fp32),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            assert_eq!(found().unwrap(), Some(Export { path, precision }));
        }
    }
}
