//! The artifacts of a release: packages of the crates and images.

mod images;
mod packages;
