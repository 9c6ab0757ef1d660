//! The safetensors format: a JSON header with offsets, then the values.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::ModelError;
use super::element::{Element, Slot, Storage, row_major};

/// The tensors of the safetensors file `bytes`.
pub(super) fn list(bytes: &[u8], path: &Path) -> Result<Vec<(String, Slot)>, ModelError> {
    let (header, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| ModelError::corrupt(path, format!("it is no whole safetensors file ({e})")))?;
    // The length field of eight bytes comes before the header.
    let values = header + 8;
    let mut slots = Vec::new();
    for (name, info) in metadata.tensors() {
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
