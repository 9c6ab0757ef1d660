//! Buffers that start at a cache line, so that vectors of 64 bytes lie in one line.

use std::ops::{Deref, DerefMut};

const CACHE_LINE: usize = 64;

/// Slice of `T` at a multiple of 64 bytes.
#[derive(Default)]
pub(crate) struct AlignedBuffer<T> {
    values: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy + Default> AlignedBuffer<T> {
    /// Sets the length. The values are unspecified: zeros, or those of earlier use.
    pub fn resize(&mut self, length: usize) {
        let margin = CACHE_LINE / size_of::<T>();
        if self.values.len() < length + margin {
            self.values = vec![T::default(); length + margin];
            // `usize::MAX` if the allocator cannot say: then any start is right, only slower.
            self.start = self.values.as_ptr().align_offset(CACHE_LINE).min(margin);
        }
        self.length = length;
    }

    /// Copy of `values`, padded with zeros to `length`.
    pub fn padded(values: &[T], length: usize) -> Self {
        let mut buffer = Self::default();
        buffer.resize(length.max(values.len()));
        buffer[..values.len()].copy_from_slice(values);
        buffer
    }
}

impl<T> Deref for AlignedBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..self.start + self.length]
    }
}

impl<T> DerefMut for AlignedBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.length]
    }
}
