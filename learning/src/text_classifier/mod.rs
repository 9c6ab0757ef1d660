//! Linear classifiers of texts: training, prediction, model files, ONNX export.

mod classifier;
mod feature_row;
mod label_conflicts;
mod label_path;
mod linear_head;
mod metadata;
mod metric_adapter;
mod model_file;
mod ngrams;
mod onnx;
mod options;
mod predictor;
mod row_vectors;
mod svm;
mod training;

pub use classifier::{Prediction, TextClassifier};
pub use metadata::{ClassifierMetadata, LabelConflict, LabelDoubt, LabelLevel, LabelScores};
pub use ngrams::RowTexts;
pub use onnx::export;
pub use options::{FeatureSet, Method, TrainingOptions};
pub use predictor::Predictor;
pub use row_vectors::RowVectorizer;
pub use training::{TrainingExamples, TrainingVectors, train};
