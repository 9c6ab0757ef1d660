//! Model calls as a node of the plan: which calls leave their expressions, where in the
//! plan they are computed, and the operator that computes them.
//!
//! A call inside an expression is evaluated wherever and as often as the expression is.
//! As a node it is computed once, where the fewest rows remain, and calls on the same
//! texts share one pass through the model.

mod blocking_task;
mod calls;
mod cascade;
mod chunk;
mod estimate;
mod exact_rows;
mod exec;
mod guard;
mod language_model_estimate;
mod lift;
mod metrics;
mod node;
mod output_columns;
mod partition_inference;
mod partition_languages;
mod physical_call;
mod planner;
mod task_call;
mod task_student;
mod text_columns;
pub(crate) mod vector_join;
pub(crate) mod vector_window;

pub(crate) use calls::{is_cheap, replace};
pub use cascade::rows_read_in_training;
pub use estimate::{InferenceCost, InferenceEstimate};
pub use exec::{InferExec, estimates, language_model_estimates};
pub use language_model_estimate::LanguageModelEstimate;
pub use lift::LiftModelCalls;
pub(crate) use node::Infer;
pub use physical_call::{ComputedColumn, PhysicalCall};
pub use planner::InferPlanner;
pub use task_call::TaskCall;
pub use vector_join::VectorJoinExec;
pub use vector_window::{VectorWindowCall, VectorWindowExec};
