//! What is given away: the crates' packages and the images.

mod images;
mod packages;
