//! Cluster of processes on this machine: one scheduler, executors, clients.

mod ballista_behavior;
mod failures;
mod processes;
mod results;
mod security;
