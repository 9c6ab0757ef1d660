//! The artifacts of a release: packages of the crates, archives, images, and the
//! workflow that publishes them.

#[cfg(unix)]
mod archives;
mod images;
#[cfg(unix)]
mod installer;
mod packages;
#[cfg_attr(not(unix), allow(dead_code))]
mod release_scripts;
mod workflows;
