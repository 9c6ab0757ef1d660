//! Matrix product of u8 rows and packed i8 columns into i32.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod kernel;
mod multiply;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx_vnni::AvxVnni;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512_vnni::Avx512Vnni;
pub(crate) use portable::Portable;

pub(crate) use kernel::{GROUP, Kernel, PANEL, PanelGroup, TILE_ROWS, multiply_panel};
pub(crate) use multiply::multiply;
