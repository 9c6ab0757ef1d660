//! `semql serve` with psql, psycopg, SQLAlchemy, JDBC, and clients that send
//! single messages.

mod access;
mod attacks;
mod bind_messages;
mod canary;
mod cancellation;
mod catalog;
mod clients;
mod dashboards;
mod health;
mod java;
mod log;
mod memory;
mod metrics;
mod mutations;
mod orm_statements;
mod psql;
mod python;
mod queries;
mod random_messages;
mod raw;
pub mod server;
mod shutdown;
mod statements;
mod timeouts;
mod transactions;
mod wait;
mod wire;
