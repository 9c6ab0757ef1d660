//! SQL functions: one file each, and their list.

mod ai_cache_clear;
mod ai_cache_stats;
mod ai_classify;
mod ai_classify_adapted;
mod ai_classify_multi;
mod ai_classify_scores;
mod ai_classify_status;
mod ai_complete;
mod ai_count_tokens;
mod ai_devices;
mod ai_extract;
mod ai_filter;
mod ai_label_conflicts;
mod ai_label_doubts;
mod ai_language;
mod ai_misaligned_values;
mod ai_models;
mod ai_predict;
mod ai_runs;
mod ai_similarity;
mod ai_trained_models;
mod arguments;
mod call_syntax;
mod categorize;
mod categorize_scores;
mod confidence;
mod contrast;
mod contrast_values;
mod embed;
mod estimate_mean;
mod estimate_shares;
mod evaluate;
mod evaluate_intervals;
mod evaluation_metric;
mod explain_label;
mod kmeans;
mod l2_normalize;
mod label_acceptance;
mod label_types;
mod labels;
mod labels_argument;
mod language_model_labels;
mod list;
mod memory_table;
mod model_function;
mod model_udf;
mod ordered_vectors;
mod parameters;
mod pca;
mod planning;
mod sum_vectors;
mod tasks;
mod text_types;
mod top_terms;
mod trained_listing;
mod tsne;
mod vector_kernels;
mod vector_window;
mod vectors;
mod word2vec;

pub(crate) use arguments::TextArgument;
pub(crate) use call_syntax::call_syntax;
pub(crate) use labels::{classifier, predict_labels};
pub(crate) use language_model_labels::language_model_udf;
pub use list::{
    aggregate_functions, model_argument, parameter_names, scalar_functions, window_functions,
};
pub(crate) use list::{
    aggregate_options, as_model_udf, as_vector_window, embed_call, model_function,
    reads_trained_models, scalar_options, table_functions, window_options,
};
pub(crate) use model_function::{BatchArguments, LabelClassifier, LoadedModel, ModelFunction};
pub(crate) use model_udf::ModelUdf;
pub(crate) use ordered_vectors::VectorRows;
pub(crate) use parameters::ArgumentType;
pub(crate) use planning::settings_with_model;
pub(crate) use tasks::{
    RowAnswer, RowTask, RowValue, TaskOutput, TaskRun, TaskUdf, described_attributes,
    find_language_model, language_model_task, source_rows, text_column_names,
};
pub(crate) use vector_kernels::{CosineMeasure, cosine_measure, cosine_similarity};
pub(crate) use vector_window::VectorWindowUdf;
pub(crate) use vectors::{
    Vectors, check_vectors, float32_vector_type, to_float32_vectors, vector_value_type,
};
