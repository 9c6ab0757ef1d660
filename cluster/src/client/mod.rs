//! `semql --cluster URL`: the shell, whose queries run in a cluster.

mod exec;
mod job;
mod planner;
mod remote;
mod repartition;
mod scheduler;

pub use remote::RemoteClient;
