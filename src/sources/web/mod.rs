//! Files on web servers: `GET` and `HEAD`, in parts if the server sends parts, and
//! through a temporary copy otherwise.

mod client;
mod copies;
mod file_info;
mod response;
mod store;

pub use client::{UrlCheck, WebClient};
pub use store::WebStore;
