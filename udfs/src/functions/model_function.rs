//! Scalar functions over the vectors of texts.

use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion::scalar::ScalarValue;
use semql_inference::ModelFacts;
use semql_inference::encoding::{EncodeContext, Encoder, ModelInput};

use super::arguments::TextArgument;
use super::parameters::{ArgumentType, Parameters};
use crate::runtime::Runtime;
use crate::settings::Settings;

/// SQL interface of a model function.
pub struct ModelFunctionSpec {
    pub parameters: Parameters,
    pub aliases: &'static [&'static str],
    pub documentation: &'static LazyLock<Documentation>,
}

impl ModelFunctionSpec {
    /// Number of text arguments.
    pub fn text_count(&self) -> usize {
        let list = self.parameters.list.iter();
        list.filter(|(_, argument)| *argument == ArgumentType::Text)
            .count()
    }
}

/// A function whose result is computed from the vectors of texts.
///
/// One object serves every call. The texts of a row and the results from their
/// vectors are two steps, so that calls over the same texts share one pass through
/// the model.
pub trait ModelFunction: Send + Sync {
    fn spec(&self) -> &'static ModelFunctionSpec;

    /// Name in SQL.
    fn name(&self) -> &'static str {
        self.spec().parameters.function
    }

    /// Type and metadata of the results, which are always nullable.
    fn output_field(&self, facts: &ModelFacts) -> Field;

    /// Checks a call at planning, before any row is read.
    ///
    /// # Errors
    /// Settings that the function cannot run with.
    fn validate(&self, _: &Runtime, _: &Settings, _labels_given: bool) -> Result<()> {
        Ok(())
    }

    /// Number of texts that the model reads for one row.
    fn inputs_per_row(&self) -> usize;

    /// Appends the [`inputs_per_row`](Self::inputs_per_row) texts of `row` to `out`;
    /// `None` for an absent text.
    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>);

    /// Computes one result for each row.
    ///
    /// # Errors
    /// Labels without a classifier; those of Arrow.
    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef>;

    /// The function as a [`LabelClassifier`], if it is one. Fast mode then labels
    /// most rows with a student of the model.
    fn as_label_classifier(&self) -> Option<&dyn LabelClassifier> {
        None
    }
}

/// A function whose result is the label nearest to a row.
pub trait LabelClassifier: Send + Sync {
    /// Vector of unit length that is compared with the labels.
    fn row_vector(
        &self,
        call: &BatchArguments,
        row: usize,
        vectors: &VectorLookup<'_>,
    ) -> Option<Vec<f32>>;

    /// Text whose words may name a label.
    fn head<'a>(&self, call: &'a BatchArguments, row: usize) -> Option<&'a str>;
}

/// Vector of input `1` of row `0`; `None` for an absent text and where the model
/// failed.
pub type VectorLookup<'a> = dyn Fn(usize, usize) -> Option<&'a [f32]> + 'a;

/// Evaluated arguments of one call on one batch.
pub struct BatchArguments {
    /// The text arguments, in order.
    pub texts: Vec<TextArgument>,
    /// The labels, if the call has any.
    pub labels: Option<ScalarValue>,
    pub rows: usize,
}

/// The model of a call, with its settings and context.
pub struct LoadedModel<'a> {
    pub runtime: &'a Runtime,
    pub encoder: &'a Arc<Encoder>,
    pub settings: &'a Settings,
    pub context: &'a EncodeContext,
}

impl BatchArguments {
    /// # Errors
    /// Labels that differ by row.
    pub fn new(spec: &ModelFunctionSpec, args: &[ColumnarValue], rows: usize) -> Result<Self> {
        let mut call = Self {
            texts: Vec::new(),
            labels: None,
            rows,
        };
        for ((_, argument), value) in spec.parameters.list.iter().zip(args) {
            match (argument, value) {
                (ArgumentType::Text, value) => call.texts.push(TextArgument::new(value)?),
                (ArgumentType::Labels, ColumnarValue::Scalar(labels)) => {
                    call.labels = Some(labels.clone());
                }
                (ArgumentType::Labels, ColumnarValue::Array(_)) => {
                    return exec_err!(
                        "the labels must be the same for every row: write them as an array literal"
                    );
                }
                _ => {}
            }
        }
        Ok(call)
    }

    /// The trimmed text of an argument in a row; `None` for NULL and for blank text.
    pub fn text(&self, argument: usize, row: usize) -> Option<&str> {
        self.texts[argument].get(row)
    }

    /// By row: its texts, in the order of the arguments.
    pub fn row_texts(&self) -> impl Iterator<Item = Vec<Option<&str>>> {
        let arguments = 0..self.texts.len();
        (0..self.rows).map(move |row| {
            let texts = arguments.clone().map(|argument| self.text(argument, row));
            texts.collect()
        })
    }
}
