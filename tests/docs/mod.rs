//! The documentation: its examples run, its reference is that of the code, and its
//! links lead somewhere.
//!
//! `make reference` writes what comes from the code and from the examples.

mod examples;
pub mod generated;
mod links;
mod pages;
mod reference;
