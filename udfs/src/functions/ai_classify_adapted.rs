//! `ai_classify_adapted(v [, labels, model]) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::classifier::adapted_labels;
use semql_inference::vector::normalize;

use super::labels_argument::labels_taxonomy;
use super::ordered_vectors::OrderedVectors;
use super::parameters::{ArgumentType, LiteralArguments, Parameters};
use super::planning::settings_with_model;
use super::vector_window::{VectorWindowFunction, WindowContext};
use crate::error::to_datafusion;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The label of each text of a partition, adapted to all of its texts: `ai_classify` first, then three rounds in \
         which each label moves towards the texts that are most certain to have it. More accurate than `ai_classify` \
         where labels are bare names and texts are many, hundreds at least; a row's label depends on the other rows of \
         its partition, but not on their order. Every row with a vector has a label. All vectors of a partition are in \
         memory. NULL for NULL.",
        "ai_classify_adapted(v [, labels, model]) OVER (...)",
    )
    .with_argument("v", "Vectors of the texts, from `embed` with the same model.")
    .with_argument("labels", "As in `ai_classify`.")
    .with_argument("model", "Literal; the model of the vectors, in place of `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT title, ai_classify_adapted(embed(title), ['clothing', 'electronics', 'books']) OVER () AS kind FROM products;\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "ai_classify_adapted",
    list: &[
        ("v", ArgumentType::Vector),
        ("labels", ArgumentType::Labels),
        ("model", ArgumentType::Model),
    ],
    required: 1,
};

/// Positions of the optional arguments.
const LABELS: usize = 1;
const MODEL: usize = 2;

pub struct AiClassifyAdapted;

impl VectorWindowFunction for AiClassifyAdapted {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn output_type(&self) -> DataType {
        DataType::Utf8
    }

    fn compute(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
        context: &WindowContext<'_>,
    ) -> Result<Option<ArrayRef>> {
        let options = context.options;
        let settings = settings_with_model(&options.settings, literals.value(MODEL));
        let runtime = &options.runtime;
        let taxonomy = match literals.value(LABELS) {
            Some(labels) => Arc::new(labels_taxonomy(labels)?),
            None => runtime
                .taxonomy(&settings.taxonomy)
                .map_err(to_datafusion)?,
        };
        let encoder = runtime.encoder_with_cancel(&settings, &options.cancel);
        let encoder = encoder.map_err(to_datafusion)?;
        let dims = encoder.dims;
        if vectors.count() > 0 && vectors.dims != dims {
            return exec_err!(
                "ai_classify_adapted: the vectors have {} values, and those of model '{}' have {dims}; \
                 name the model of the vectors as the third argument",
                vectors.dims,
                settings.model
            );
        }
        let run = runtime.encode_context(&settings).map_err(to_datafusion)?;
        let run = run.with_cancel(&options.cancel);
        let classifier = runtime.classifier(&taxonomy, &encoder, &run);
        let classifier = classifier.map_err(to_datafusion)?;
        let mut units = vectors.values.clone();
        units.chunks_exact_mut(dims).for_each(normalize);
        let scores_of = |vector: &[f32]| classifier.scores(vector, None);
        let labels = classifier.labels.len();
        let Some(found) = adapted_labels(&units, dims, labels, &scores_of, context.progress) else {
            return Ok(None);
        };
        let label = |vector: &Option<usize>| Some(classifier.labels[found[(*vector)?]].as_str());
        let result: StringArray = vectors.row_vectors.iter().map(label).collect();
        Ok(Some(Arc::new(result)))
    }
}
