//! Tensors in a file, and their values as 32-bit floats.

use std::path::Path;

use half::{bf16, f16};

use super::ModelError;

/// Type of the values of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    F16,
    BF16,
    F32,
    F64,
    /// Integers, booleans and others, with their size in bytes. Listed, but never
    /// read.
    Other(usize),
}

impl ElementType {
    pub(super) fn bytes(self) -> usize {
        match self {
            ElementType::F16 | ElementType::BF16 => 2,
            ElementType::F32 => 4,
            ElementType::F64 => 8,
            ElementType::Other(bytes) => bytes,
        }
    }
}

/// View of a storage as one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorView {
    pub(super) element: ElementType,
    pub(super) shape: Vec<usize>,
    /// Distance between neighbours along each axis, in elements.
    strides: Vec<usize>,
    /// Offset of the first element in the file, in bytes.
    start: usize,
    big_endian: bool,
}

/// Contiguous values of one type in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) element: ElementType,
    /// Offset in the file, in bytes.
    pub(super) start: usize,
    /// Number of values.
    pub(super) len: usize,
    pub(super) big_endian: bool,
}

/// Error of reading a tensor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TensorError {
    OutOfBounds,
    NotFloats,
    TooLarge,
}

impl TensorError {
    pub(super) fn with_location(self, path: &Path, tensor: &str) -> ModelError {
        match self {
            TensorError::OutOfBounds => {
                ModelError::corrupt(path, format!("the tensor '{tensor}' exceeds its storage"))
            }
            TensorError::TooLarge => ModelError::corrupt(
                path,
                format!("the tensor '{tensor}' has more values than its storage"),
            ),
            TensorError::NotFloats => ModelError::Unsupported {
                what: format!("the tensor '{tensor}' of a type other than 16, 32 or 64-bit floats"),
                path: path.to_path_buf(),
                hint: "use the unquantized weights of the model".to_string(),
            },
        }
    }
}

/// Strides of a row-major tensor; `None` on overflow.
pub(super) fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1usize;
    for (stride, &length) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.checked_mul(length.max(1))?;
    }
    Some(strides)
}

impl TensorView {
    /// A view of `storage` from element `offset` on.
    ///
    /// # Errors
    /// The view exceeds the storage, or repeats its values into more than are
    /// stored (a tensor that is small in the file and huge in memory).
    pub(super) fn new(
        storage: Storage,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<TensorView, TensorError> {
        if shape.len() != strides.len() {
            return Err(TensorError::OutOfBounds);
        }
        let start = offset
            .checked_mul(storage.element.bytes())
            .and_then(|bytes| bytes.checked_add(storage.start))
            .ok_or(TensorError::OutOfBounds)?;
        if !shape.contains(&0) {
            let last = shape
                .iter()
                .zip(&strides)
                .try_fold(offset, |last, (&length, &stride)| {
                    last.checked_add((length - 1).checked_mul(stride)?)
                });
            if last.is_none_or(|last| last >= storage.len) {
                return Err(TensorError::OutOfBounds);
            }
            let count = shape
                .iter()
                .try_fold(1usize, |count, &length| count.checked_mul(length));
            if count.is_none_or(|count| count > storage.len) {
                return Err(TensorError::TooLarge);
            }
        }
        let big_endian = storage.big_endian;
        Ok(TensorView {
            element: storage.element,
            shape,
            strides,
            start,
            big_endian,
        })
    }

    /// Reads the values in row-major order. `file` is the file that was checked.
    pub(super) fn read(&self, file: &[u8]) -> Result<Vec<f32>, TensorError> {
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        let little = !self.big_endian;
        let big = self.big_endian;
        match self.element {
            ElementType::F32 if little => self.gather(file, f32::from_le_bytes),
            ElementType::F32 => self.gather(file, f32::from_be_bytes),
            ElementType::F64 if big => self.gather(file, |b| f64::from_be_bytes(b) as f32),
            ElementType::F64 => self.gather(file, |b| f64::from_le_bytes(b) as f32),
            ElementType::F16 if big => self.gather(file, |b| f16::from_be_bytes(b).to_f32()),
            ElementType::F16 => self.gather(file, |b| f16::from_le_bytes(b).to_f32()),
            ElementType::BF16 if big => self.gather(file, |b| bf16::from_be_bytes(b).to_f32()),
            ElementType::BF16 => self.gather(file, |b| bf16::from_le_bytes(b).to_f32()),
            ElementType::Other(_) => Err(TensorError::NotFloats),
        }
    }

    /// Reads values of `N` bytes.
    fn gather<const N: usize>(
        &self,
        file: &[u8],
        value: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, TensorError> {
        // `new` has checked that this product and the sums below do not overflow.
        let count: usize = self.shape.iter().product();
        let bytes = file.get(self.start..).ok_or(TensorError::OutOfBounds)?;
        let at = |bytes: &[u8]| {
            <[u8; N]>::try_from(bytes)
                .map(&value)
                .map_err(|_| TensorError::OutOfBounds)
        };
        if row_major(&self.shape).as_deref() == Some(&self.strides) {
            let bytes = bytes.get(..count * N).ok_or(TensorError::OutOfBounds)?;
            return bytes.chunks_exact(N).map(at).collect();
        }
        let mut data = Vec::with_capacity(count);
        let mut position = vec![0usize; self.shape.len()];
        for _ in 0..count {
            let element: usize = position.iter().zip(&self.strides).map(|(p, s)| p * s).sum();
            let start = element * N;
            data.push(at(bytes
                .get(start..start + N)
                .ok_or(TensorError::OutOfBounds)?)?);
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

    fn storage(element: ElementType, len: usize) -> Storage {
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
        let view =
            TensorView::new(storage(ElementType::F32, 6), 0, vec![3, 2], vec![1, 3]).unwrap();
        assert_eq!(view.read(&floats(6)), Ok(vec![0., 3., 1., 4., 2., 5.]));
    }

    #[test]
    fn a_column_of_a_matrix_is_read_from_its_offset() {
        let view = TensorView::new(storage(ElementType::F32, 6), 1, vec![3], vec![2]).unwrap();
        assert_eq!(view.read(&floats(6)), Ok(vec![1., 3., 5.]));
    }

    #[test]
    fn axes_of_length_one_and_zero_accept_any_stride() {
        let one =
            TensorView::new(storage(ElementType::F32, 4), 0, vec![1, 4], vec![99, 1]).unwrap();
        assert_eq!(one.read(&floats(4)), Ok(vec![0., 1., 2., 3.]));
        let none =
            TensorView::new(storage(ElementType::F32, 4), 0, vec![0, 4], vec![4, 1]).unwrap();
        assert_eq!(none.read(&floats(4)), Ok(vec![]));
        let scalar = TensorView::new(storage(ElementType::F32, 4), 2, vec![], vec![]).unwrap();
        assert_eq!(scalar.read(&floats(4)), Ok(vec![2.]));
    }

    #[test]
    fn views_that_exceed_their_storage_are_refused() {
        let view = |offset, shape: &[usize], strides: &[usize]| {
            TensorView::new(
                storage(ElementType::F32, 6),
                offset,
                shape.to_vec(),
                strides.to_vec(),
            )
        };
        assert_eq!(view(1, &[3, 2], &[2, 1]), Err(TensorError::OutOfBounds));
        assert_eq!(view(usize::MAX, &[1], &[1]), Err(TensorError::OutOfBounds));
        assert_eq!(
            view(0, &[2, 2], &[usize::MAX, 1]),
            Err(TensorError::OutOfBounds)
        );
        assert_eq!(view(0, &[2, 2], &[1]), Err(TensorError::OutOfBounds));
        // Strides of zero would expand six values to terabytes.
        assert_eq!(view(0, &[1 << 40], &[0]), Err(TensorError::TooLarge));
        assert_eq!(
            view(0, &[1 << 40, 1 << 40], &[0, 0]),
            Err(TensorError::TooLarge)
        );
    }

    #[test]
    fn all_float_types_are_read_in_both_byte_orders() {
        let values = [0.5f32, -2.0, 96.0];
        let encoded: [(ElementType, Vec<u8>, Vec<u8>); 4] = [
            (
                ElementType::F16,
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
                ElementType::BF16,
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
                ElementType::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                values.iter().flat_map(|v| v.to_be_bytes()).collect(),
            ),
            (
                ElementType::F64,
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
                let view = TensorView::new(storage, 0, vec![3], vec![1]).unwrap();
                assert_eq!(
                    view.read(&bytes),
                    Ok(values.to_vec()),
                    "{element:?} {big_endian}"
                );
            }
        }
        let integers =
            TensorView::new(storage(ElementType::Other(8), 3), 0, vec![3], vec![1]).unwrap();
        assert_eq!(integers.read(&[0; 24]), Err(TensorError::NotFloats));
    }
}
