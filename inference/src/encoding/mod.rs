//! Encoding: from texts to vectors.

mod context;
mod encoder;
mod meter;
pub mod product_text;
mod queue;
mod request;
mod throughput;

pub use context::EncodeContext;
pub use encoder::{BackendFactory, Encoder, Identity};
pub use meter::{Meter, MeterReading};
pub use request::{EncodeRequest, ModelInput, Vectors};
pub use throughput::Throughput;
