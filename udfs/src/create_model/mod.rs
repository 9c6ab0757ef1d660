//! `CREATE MODEL`: syntax, and training on the rows of the query.
//!
//! | files | purpose |
//! |---|---|
//! | `statement`, `*_options`, `option_list` | Syntax |
//! | `create`, `training_context` | Trains the model of a statement, and stores it with a record of the run |
//! | `train_classifier` | `PREDICT` |
//! | `train_extractor`, `extraction_columns`, `attribute_labels`, `label_values`, `row_order` | `EXTRACT` |
//! | `train_matcher`, `pair_columns` | `MATCH` |
//! | `teacher` | `EXTRACT ... USING`: a language model labels the rows |

mod attribute_labels;
mod create;
mod extract_options;
mod extraction_columns;
mod label_values;
mod option_list;
mod pair_columns;
mod predict_options;
mod row_order;
mod statement;
mod teacher;
mod track_options;
mod train_classifier;
mod train_extractor;
mod train_matcher;
mod training_context;

pub use create::{CreatedModel, check_name, create};
pub use extract_options::ExtractOptions;
pub use statement::{CreateModel, ModelTarget};
pub use track_options::TrackOptions;
