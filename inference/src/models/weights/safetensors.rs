//! Reader of the safetensors format: a JSON header with offsets, then the values.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::ModelError;
use super::element::{ElementType, Storage, TensorError, TensorView, row_major};
use super::pickle::{MAX_AXES, MAX_NAME_BYTES, MAX_TENSORS};

/// Size of the header length at the start of the file.
const LENGTH_BYTES: usize = 8;

/// Maximum size of the header. A model of 1,000 tensors has 120 KB.
const MAX_HEADER_BYTES: usize = 4 << 20;

/// Lists the tensors of the safetensors file `bytes`.
pub(super) fn list(bytes: &[u8], path: &Path) -> Result<Vec<(String, TensorView)>, ModelError> {
    let (values, metadata) = read_header(bytes).map_err(|reason| {
        ModelError::corrupt(
            path,
            format!("it is not a complete safetensors file ({reason})"),
        )
    })?;
    let mut views = Vec::new();
    for (name, info) in metadata.tensors() {
        if name.len() > MAX_NAME_BYTES || info.shape.len() > MAX_AXES {
            return Err(ModelError::corrupt(
                path,
                "the name of a tensor is too long, or it has too many axes",
            ));
        }
        let element = match info.dtype {
            Dtype::F16 => ElementType::F16,
            Dtype::BF16 => ElementType::BF16,
            Dtype::F32 => ElementType::F32,
            Dtype::F64 => ElementType::F64,
            other => ElementType::Other(other.bitsize().div_ceil(8)),
        };
        let (from, to) = info.data_offsets;
        let storage = Storage {
            element,
            start: values + from,
            len: match element {
                // Never read; some types are smaller than a byte.
                ElementType::Other(_) => usize::MAX,
                _ => (to - from) / element.bytes(),
            },
            big_endian: false,
        };
        let view = row_major(&info.shape)
            .ok_or(TensorError::OutOfBounds)
            .and_then(|strides| TensorView::new(storage, 0, info.shape.clone(), strides))
            .map_err(|error| error.with_location(path, &name))?;
        views.push((name, view));
    }
    Ok(views)
}

/// Reads the header and checks its offsets. Returns the start of the values, and
/// the header.
fn read_header(bytes: &[u8]) -> Result<(usize, Metadata), String> {
    let length = bytes
        .first_chunk::<LENGTH_BYTES>()
        .ok_or("it is truncated")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok();
    let length = length.filter(|length| *length <= MAX_HEADER_BYTES);
    let end = length.ok_or("its header is too large")? + LENGTH_BYTES;
    let header = bytes
        .get(LENGTH_BYTES..end)
        .ok_or("its header is truncated")?;
    // Parsing also checks that the tensors are contiguous.
    let metadata: Metadata = serde_json::from_slice(header).map_err(|e| e.to_string())?;
    if metadata.tensors().len() > MAX_TENSORS {
        return Err("it has too many tensors".to_string());
    }
    match end.checked_add(metadata.data_len()) {
        Some(size) if size == bytes.len() => Ok((end, metadata)),
        _ => Err("its values are truncated, or more than its header lists".to_string()),
    }
}
