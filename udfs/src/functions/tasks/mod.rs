//! Functions of the texts of a row: attribute values, and questions to language models.
//!
//! A call is resolved at planning, from its literal arguments and the settings, into a
//! [`RowTask`]. The operator of the plan runs the task for distinct rows.

mod answer;
mod arrays;
mod char_offsets;
mod extraction;
mod extractor_source;
mod language_model_answers;
mod language_model_calls;
mod normalizers;
mod run;
mod task;
mod udf;

pub use answer::{RowAnswer, RowValue};
pub use arrays::{values_array, values_type};
pub use extraction::{described_attributes, extraction_task, text_argument_count};
pub use language_model_calls::{find_language_model, language_model_task};
pub use run::TaskRun;
pub use task::{RowTask, TaskOutput};
pub use udf::{ResolvedCall, TaskArguments, TaskFunction, TaskUdf, source_rows, text_column_names};
