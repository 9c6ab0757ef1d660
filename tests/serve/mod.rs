//! `semql serve`, asked by the programs that people use.

mod attacks;
mod canary;
mod clients;
mod frames;
mod java;
mod life;
mod locks;
mod mutations;
mod psql;
mod python;
mod server;
mod stops;
mod wire;
