//! Sixteen f32 lanes. One implementation per register width, so that reductions and byte stores stay in registers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::FloatsAvx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::FloatsAvx512;
pub(crate) use lanes::{Floats, LANES, chunks, chunks_mut};
pub(crate) use portable::FloatsPortable;
