//! `categorize(title, text [, labels])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::labels::chosen;
use super::model_function::{Answered, Call, ChoosesLabel, Model, ModelFunction, Shape};
use super::planning::{Argument, Kind};
use crate::inference::{Reading, offer};
use crate::options::Settings;
use crate::runtime::{ModelFacts, Runtime};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The category of a product offer: a label of the taxonomy that `ai.taxonomy` names, or of the array \
         given. Where one of title and text is NULL or blank the other serves; where both are, or where no label \
         reaches `ai.min_score`, the answer is NULL.",
        "categorize(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels, in place of the taxonomy.")
    .with_sql_example("```sql\nSELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products\nFROM products GROUP BY category;\n```")
    .build()
});

pub(super) const ARGUMENTS: &[Argument] = &[
    ("title", Kind::Text),
    ("text", Kind::Text),
    ("labels", Kind::Labels),
];

static SHAPE: Shape = Shape {
    name: "categorize",
    aliases: &[],
    arguments: ARGUMENTS,
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
        chosen(self, call, model, vectors, None)
    }

    fn chooses(&self) -> Option<&dyn ChoosesLabel> {
        Some(self)
    }
}

impl ChoosesLabel for Categorize {
    fn vector(&self, call: &Call, row: usize, vectors: &Answered<'_>) -> Option<Vec<f32>> {
        let read = [vectors(row, 0), vectors(row, 1)];
        offer::vector(call.text(0, row), call.text(1, row), read)
    }

    fn head<'a>(&self, call: &'a Call, row: usize) -> Option<&'a str> {
        offer::head(call.text(0, row), call.text(1, row))
    }
}
