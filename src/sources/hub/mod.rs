//! Datasets on the Hugging Face hub: `hf://datasets/owner/name[@revision]/path`.

mod client;
mod dataset_path;
mod environment;
mod store;

pub use store::HubStore;
