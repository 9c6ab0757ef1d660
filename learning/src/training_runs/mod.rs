//! Runs of `CREATE MODEL`: what a training was given, what it measured, what it wrote.
//!
//! Each run is a JSON file in a folder beside the models, written whole or not at all.
//! The newest [`MAX_RUNS`] are kept. A run stays when its model is replaced or dropped.

mod encoder_identity;
mod model_facts;
mod run_folder;
mod run_id;
mod training_run;

pub use encoder_identity::EncoderIdentity;
pub use model_facts::ModelFacts;
pub use run_folder::{ListedRuns, MAX_RUNS, list_runs, store_run};
pub use training_run::{RunTimer, TrackingState, TrainingRun};
