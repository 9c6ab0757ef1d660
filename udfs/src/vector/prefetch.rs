//! Memory that is wanted soon.

/// Has the processor fetch a vector from memory while it works on others: what
/// it foresees by itself ends with a page of memory, and the links of a graph
/// lead anywhere.
#[inline]
pub fn prefetch<T>(vector: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in vector.chunks((LINE / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which changes nothing.
        unsafe { _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = vector;
}

/// Bytes that the processor fetches at a time.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
