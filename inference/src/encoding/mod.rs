//! Encoding: from texts to vectors.

mod context;
mod encoder;
mod meter;
mod open_backend;
pub mod product_text;
mod queue;
mod request;
mod throughput;

pub use context::EncodeContext;
pub use encoder::{Encoder, Identity};
pub use meter::{Meter, MeterReading};
pub use open_backend::BackendFactory;
pub use request::{EncodeRequest, ModelInput, Vectors};
pub use throughput::Throughput;
