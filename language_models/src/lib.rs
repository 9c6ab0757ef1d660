//! Client of language models behind OpenAI-compatible endpoints.
//!
//! | item | purpose |
//! |---|---|
//! | [`EndpointOptions`] | Location, model, key variable and limits of an endpoint |
//! | [`LanguageModelRegistry`] | Language models by name |
//! | [`LanguageModel`] | Answers a [`LanguageModelTask`] for rows |
//! | [`RequestContext`] | Cancellation, budget, cache and counters of a query |
//! | [`http`] | Addresses, clients and bounded responses of services |
//! | [`JsonSchema`] | Schema of an answer, a subset of JSON Schema |
//!
//! Every answer is validated here, whatever the server promises. Values of an extraction
//! are literal parts of the texts of their row; others are dropped and counted.

mod answer;
mod answer_cache;
mod answer_cache_key;
mod attempt;
mod budget;
mod circuit_breaker;
#[cfg(feature = "disk-cache")]
mod disk_answers;
mod endpoint;
mod executor;
pub mod http;
mod json_schema;
mod json_text;
mod literal_values;
mod meter;
mod model;
mod one_line;
mod options;
mod prompt;
mod registry;
mod request_context;
mod response_format;
mod row_requests;
mod task;

pub use answer_cache::AnswerCache;
pub use budget::CallBudget;
pub use json_schema::JsonSchema;
pub use literal_values::is_of_whole_words;
pub use meter::{CallMeter, CallReading};
pub use model::LanguageModel;
pub use one_line::one_line;
pub use options::{EndpointOptions, SchemaSupport};
pub use registry::LanguageModelRegistry;
pub use request_context::RequestContext;
pub use task::{
    AttributeRequest, LanguageModelTask, RowAnswer, RowFailure, SourceTexts, TaskAnswer,
};
