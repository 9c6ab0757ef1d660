//! `categorize(title, text [, labels])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::labels::classifier;
use super::model_function::{Answered, Call, Model, ModelFunction, Shape};
use super::planning::Kind;
use crate::inference::{Reading, best, offer};
use crate::options::Settings;
use crate::runtime::{ModelFacts, Runtime};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The category of a product offer: a label of the taxonomy that `ai.taxonomy` names, or of the array \
         given. Where one of title and text is NULL or blank the other serves; where both are, the answer is NULL.",
        "categorize(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels, in place of the taxonomy.")
    .with_sql_example("```sql\nSELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products\nFROM products GROUP BY category;\n```")
    .build()
});

static SHAPE: Shape = Shape {
    name: "categorize",
    aliases: &[],
    arguments: &[
        ("title", Kind::Text),
        ("text", Kind::Text),
        ("labels", Kind::Labels),
    ],
    required: 2,
    documentation: &DOC,
};

pub struct Categorize;

impl ModelFunction for Categorize {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Utf8, true)
    }

    fn check(&self, runtime: &Runtime, settings: &Settings, labels_given: bool) -> Result<()> {
        if !labels_given {
            runtime.taxonomy(&settings.taxonomy)?;
        }
        Ok(())
    }

    fn width(&self) -> usize {
        offer::READINGS
    }

    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        out.extend(offer::readings(call.text(0, row), call.text(1, row)));
    }

    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let labels: StringArray = (0..call.rows)
            .map(|row| {
                let vectors = [vectors(row, 0), vectors(row, 1)];
                let scores =
                    offer::scores(call.text(0, row), call.text(1, row), vectors, &classifier)?;
                Some(classifier.labels[best(&scores)?].as_str())
            })
            .collect();
        Ok(Arc::new(labels))
    }
}
