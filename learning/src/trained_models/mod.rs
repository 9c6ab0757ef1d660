//! Models of `CREATE MODEL`: their kinds, their files, and those in memory.

mod envelope;
mod model_folder;
mod registry;
mod trained_model;

pub use envelope::ModelFile;
pub use model_folder::{model_exists, model_names};
pub use registry::TrainedModelRegistry;
pub use trained_model::TrainedModel;
