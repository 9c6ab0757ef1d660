//! All tests that run the built program or cross crates, in one binary so that
//! it links once.

mod cli;
mod databases;
mod docs;
mod estimates;
mod fast;
mod golden;
mod groups;
mod labels;
mod layers;
mod linking;
mod matching;
mod meaning;
mod page;
mod plans;
mod release;
mod serve;
mod slt;
mod support;
mod tracking;
mod webgpu;
