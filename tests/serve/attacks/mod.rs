//! Attacks of clients without write permission: after each of them no file has
//! changed, the network is untouched and the server answers.

mod files;
mod settings;
mod size;
mod writes;

/// SQLSTATE of actions that the policy of the server forbids.
const FORBIDDEN: &[&str] = &["42501"];
