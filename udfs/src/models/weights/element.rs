//! Where a tensor lies in a file, and its values as 32-bit floats.

use std::path::Path;

use half::{bf16, f16};

use super::ModelError;

/// How one value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    BF16,
    F32,
    F64,
    /// Integers, booleans and the like: listed, never read. Bytes a value.
    Other(usize),
}

impl Element {
    pub(super) fn bytes(self) -> usize {
        match self {
            Element::F16 | Element::BF16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
            Element::Other(bytes) => bytes,
        }
    }
}

/// One tensor's place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    /// Steps between neighbours along each axis, in elements.
    strides: Vec<usize>,
    /// Byte of the file where the first element starts.
    start: usize,
    big_endian: bool,
}

/// A stretch of a file that holds values of one type, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) element: Element,
    /// Byte of the file where it starts.
    pub(super) start: usize,
    /// How many values it has.
    pub(super) len: usize,
    pub(super) big_endian: bool,
}

/// Why a tensor cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Outside,
    NotFloats,
    Larger,
}

impl Problem {
    pub(super) fn at(self, path: &Path, tensor: &str) -> ModelError {
        match self {
            Problem::Outside => ModelError::corrupt(
                path,
                format!("the tensor '{tensor}' reaches outside of what is stored"),
            ),
            Problem::Larger => ModelError::corrupt(
                path,
                format!("the tensor '{tensor}' claims more values than are stored"),
            ),
            Problem::NotFloats => ModelError::Unsupported {
                what: format!(
                    "the tensor '{tensor}' in values that are not 16, 32 or 64-bit floats"
                ),
                path: path.to_path_buf(),
                hint: "use the model's unquantised weights".to_string(),
            },
        }
    }
}

/// The steps of a row-major tensor; `None` where the count overflows.
pub(super) fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1usize;
    for (stride, &length) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.checked_mul(length.max(1))?;
    }
    Some(strides)
}

impl Slot {
    /// A view of `storage` from element `offset` on.
    ///
    /// # Errors
    /// The view leaves the storage, or repeats its values into more than are
    /// stored (a tensor that is small in the file and huge in memory).
    pub(super) fn view(
        storage: Storage,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<Slot, Problem> {
        if shape.len() != strides.len() {
            return Err(Problem::Outside);
        }
        let start = offset
            .checked_mul(storage.element.bytes())
            .and_then(|bytes| bytes.checked_add(storage.start))
            .ok_or(Problem::Outside)?;
        if !shape.contains(&0) {
            let last = shape
                .iter()
                .zip(&strides)
                .try_fold(offset, |last, (&length, &stride)| {
                    last.checked_add((length - 1).checked_mul(stride)?)
                });
            if last.is_none_or(|last| last >= storage.len) {
                return Err(Problem::Outside);
            }
            let count = shape
                .iter()
                .try_fold(1usize, |count, &length| count.checked_mul(length));
            if count.is_none_or(|count| count > storage.len) {
                return Err(Problem::Larger);
            }
        }
        let big_endian = storage.big_endian;
        Ok(Slot {
            element: storage.element,
            shape,
            strides,
            start,
            big_endian,
        })
    }

    /// The values in row-major order. `file` is the file that was checked.
    pub(super) fn read(&self, file: &[u8]) -> Result<Vec<f32>, Problem> {
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        let little = !self.big_endian;
        let big = self.big_endian;
        match self.element {
            Element::F32 if little => self.gather(file, f32::from_le_bytes),
            Element::F32 => self.gather(file, f32::from_be_bytes),
            Element::F64 if big => self.gather(file, |b| f64::from_be_bytes(b) as f32),
            Element::F64 => self.gather(file, |b| f64::from_le_bytes(b) as f32),
            Element::F16 if big => self.gather(file, |b| f16::from_be_bytes(b).to_f32()),
            Element::F16 => self.gather(file, |b| f16::from_le_bytes(b).to_f32()),
            Element::BF16 if big => self.gather(file, |b| bf16::from_be_bytes(b).to_f32()),
            Element::BF16 => self.gather(file, |b| bf16::from_le_bytes(b).to_f32()),
            Element::Other(_) => Err(Problem::NotFloats),
        }
    }

    /// `N` is the bytes of one value.
    fn gather<const N: usize>(
        &self,
        file: &[u8],
        value: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, Problem> {
        // `view` made sure that this product and the sums below do not overflow.
        let count: usize = self.shape.iter().product();
        let bytes = file.get(self.start..).ok_or(Problem::Outside)?;
        let at = |bytes: &[u8]| {
            <[u8; N]>::try_from(bytes)
                .map(&value)
                .map_err(|_| Problem::Outside)
        };
        if row_major(&self.shape).as_deref() == Some(&self.strides) {
            let bytes = bytes.get(..count * N).ok_or(Problem::Outside)?;
            return bytes.chunks_exact(N).map(at).collect();
        }
        let mut data = Vec::with_capacity(count);
        let mut position = vec![0usize; self.shape.len()];
        for _ in 0..count {
            let element: usize = position.iter().zip(&self.strides).map(|(p, s)| p * s).sum();
            let start = element * N;
            data.push(at(bytes.get(start..start + N).ok_or(Problem::Outside)?)?);
            for (p, &length) in position.iter_mut().zip(&self.shape).rev() {
                *p += 1;
                if *p < length {
                    break;
                }
                *p = 0;
            }
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(element: Element, len: usize) -> Storage {
        Storage {
            element,
            start: 0,
            len,
            big_endian: false,
        }
    }

    fn floats(count: usize) -> Vec<u8> {
        (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect()
    }

    #[test]
    fn a_transposed_view_is_read_in_row_major_order() {
        let slot = Slot::view(storage(Element::F32, 6), 0, vec![3, 2], vec![1, 3]).unwrap();
        assert_eq!(slot.read(&floats(6)), Ok(vec![0., 3., 1., 4., 2., 5.]));
    }

    #[test]
    fn a_column_of_a_matrix_is_read_from_its_offset() {
        let slot = Slot::view(storage(Element::F32, 6), 1, vec![3], vec![2]).unwrap();
        assert_eq!(slot.read(&floats(6)), Ok(vec![1., 3., 5.]));
    }

    #[test]
    fn axes_of_one_and_none_are_fine_with_any_stride() {
        let one = Slot::view(storage(Element::F32, 4), 0, vec![1, 4], vec![99, 1]).unwrap();
        assert_eq!(one.read(&floats(4)), Ok(vec![0., 1., 2., 3.]));
        let none = Slot::view(storage(Element::F32, 4), 0, vec![0, 4], vec![4, 1]).unwrap();
        assert_eq!(none.read(&floats(4)), Ok(vec![]));
        let scalar = Slot::view(storage(Element::F32, 4), 2, vec![], vec![]).unwrap();
        assert_eq!(scalar.read(&floats(4)), Ok(vec![2.]));
    }

    #[test]
    fn views_that_leave_their_storage_are_refused() {
        let view = |offset, shape: &[usize], strides: &[usize]| {
            Slot::view(
                storage(Element::F32, 6),
                offset,
                shape.to_vec(),
                strides.to_vec(),
            )
        };
        assert_eq!(view(1, &[3, 2], &[2, 1]), Err(Problem::Outside));
        assert_eq!(view(usize::MAX, &[1], &[1]), Err(Problem::Outside));
        assert_eq!(view(0, &[2, 2], &[usize::MAX, 1]), Err(Problem::Outside));
        assert_eq!(view(0, &[2, 2], &[1]), Err(Problem::Outside));
        // Strides of zero would make terabytes of six values.
        assert_eq!(view(0, &[1 << 40], &[0]), Err(Problem::Larger));
        assert_eq!(view(0, &[1 << 40, 1 << 40], &[0, 0]), Err(Problem::Larger));
    }

    #[test]
    fn every_float_format_gives_the_same_numbers_in_both_byte_orders() {
        let values = [0.5f32, -2.0, 96.0];
        let encoded: [(Element, Vec<u8>, Vec<u8>); 4] = [
            (
                Element::F16,
                values
                    .iter()
                    .flat_map(|v| f16::from_f32(*v).to_le_bytes())
                    .collect(),
                values
                    .iter()
                    .flat_map(|v| f16::from_f32(*v).to_be_bytes())
                    .collect(),
            ),
            (
                Element::BF16,
                values
                    .iter()
                    .flat_map(|v| bf16::from_f32(*v).to_le_bytes())
                    .collect(),
                values
                    .iter()
                    .flat_map(|v| bf16::from_f32(*v).to_be_bytes())
                    .collect(),
            ),
            (
                Element::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                values.iter().flat_map(|v| v.to_be_bytes()).collect(),
            ),
            (
                Element::F64,
                values
                    .iter()
                    .flat_map(|v| f64::from(*v).to_le_bytes())
                    .collect(),
                values
                    .iter()
                    .flat_map(|v| f64::from(*v).to_be_bytes())
                    .collect(),
            ),
        ];
        for (element, little, big) in encoded {
            for (bytes, big_endian) in [(little, false), (big, true)] {
                let storage = Storage {
                    element,
                    start: 0,
                    len: 3,
                    big_endian,
                };
                let slot = Slot::view(storage, 0, vec![3], vec![1]).unwrap();
                assert_eq!(
                    slot.read(&bytes),
                    Ok(values.to_vec()),
                    "{element:?} {big_endian}"
                );
            }
        }
        let integers = Slot::view(storage(Element::Other(8), 3), 0, vec![3], vec![1]).unwrap();
        assert_eq!(integers.read(&[0; 24]), Err(Problem::NotFloats));
    }
}
