//! The safetensors format: a JSON header with offsets, then the values.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::ModelError;
use super::element::{Element, Slot, Storage, row_major};
use super::pickle::{MAX_AXES, MAX_NAME_BYTES, MAX_TENSORS};

/// The length of the header comes before it.
const LENGTH_BYTES: usize = 8;

/// Bytes of the header, at most. A model of 1,000 tensors has 120 KB.
const MAX_HEADER_BYTES: usize = 4 << 20;

/// The tensors of the safetensors file `bytes`.
pub(super) fn list(bytes: &[u8], path: &Path) -> Result<Vec<(String, Slot)>, ModelError> {
    let (values, metadata) = read_header(bytes).map_err(|why| {
        ModelError::corrupt(path, format!("it is no whole safetensors file ({why})"))
    })?;
    let mut slots = Vec::new();
    for (name, info) in metadata.tensors() {
        if name.len() > MAX_NAME_BYTES || info.shape.len() > MAX_AXES {
            return Err(ModelError::corrupt(
                path,
                "it has a tensor with too long a name or too many axes",
            ));
        }
        let element = match info.dtype {
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            other => Element::Other(other.bitsize().div_ceil(8)),
        };
        let (from, to) = info.data_offsets;
        let storage = Storage {
            element,
            start: values + from,
            len: match element {
                // Some of these are smaller than a byte; they are never read.
                Element::Other(_) => usize::MAX,
                _ => (to - from) / element.bytes(),
            },
            big_endian: false,
        };
        let slot = row_major(&info.shape)
            .ok_or(super::element::Problem::Outside)
            .and_then(|strides| Slot::view(storage, 0, info.shape.clone(), strides))
            .map_err(|problem| problem.at(path, &name))?;
        slots.push((name, slot));
    }
    Ok(slots)
}

/// Where the values begin, and the header, whose offsets lie within the file.
fn read_header(bytes: &[u8]) -> Result<(usize, Metadata), String> {
    let length = bytes.first_chunk::<LENGTH_BYTES>().ok_or("it is cut off")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok();
    let length = length.filter(|length| *length <= MAX_HEADER_BYTES);
    let end = length.ok_or("its header is too large")? + LENGTH_BYTES;
    let header = bytes
        .get(LENGTH_BYTES..end)
        .ok_or("its header is cut off")?;
    // This also checks that the tensors lie one after the other.
    let metadata: Metadata = serde_json::from_slice(header).map_err(|e| e.to_string())?;
    if metadata.tensors().len() > MAX_TENSORS {
        return Err("it has too many tensors".to_string());
    }
    match end.checked_add(metadata.data_len()) {
        Some(size) if size == bytes.len() => Ok((end, metadata)),
        _ => Err("its values are cut off, or more than its header lists".to_string()),
    }
}
