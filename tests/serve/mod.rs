//! `semql serve`, asked by the programs that people use.

mod clients;
mod frames;
mod java;
mod locks;
mod psql;
mod python;
mod server;
mod stops;
