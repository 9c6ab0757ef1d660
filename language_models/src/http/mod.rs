//! HTTP as all clients of semql's services use it: addresses, clients, bounded responses.

mod address;
mod client;
mod response;

pub use address::{AddressPurpose, is_loopback, parse_address};
pub use client::http_client;
pub use response::{BodyError, innermost_cause, read_body};
