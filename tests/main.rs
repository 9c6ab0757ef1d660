//! All tests that run the built program or cross crates, in one binary so that
//! it links once.

mod cli;
mod docs;
mod fast;
mod golden;
mod groups;
mod layers;
mod linking;
mod meaning;
mod page;
mod plans;
mod release;
mod serve;
mod slt;
mod support;
mod webgpu;
