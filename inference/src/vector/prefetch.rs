//! Prefetching of memory.

/// Prefetches a vector into the processor's cache. The processor's own prefetching
/// ends at a page boundary, and the links of a graph lead to random pages.
#[inline]
pub fn prefetch<T>(vector: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in vector.chunks((CACHE_LINE / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which changes no data.
        unsafe { _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = vector;
}

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;
