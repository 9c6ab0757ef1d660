//! The cluster as processes on this machine: one scheduler, executors, clients.

mod answers;
mod failures;
mod processes;
mod security;
mod traps;
