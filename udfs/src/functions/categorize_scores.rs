//! `categorize_scores(title, text [, labels])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::ai_classify_scores::{scores_array, scores_type};
use super::categorize::Categorize;
use super::labels::classifier;
use super::model_function::{Answered, Call, ChoosesLabel, Model, ModelFunction, Shape};
use crate::inference::Reading;
use crate::options::Settings;
use crate::runtime::{ModelFacts, Runtime};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "Every label with the score that `categorize` goes by, best first: List<Struct<label, score>>. The difference of \
         the first two says how certain the category is. NULL where both texts are NULL or blank.",
        "categorize_scores(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels, in place of the taxonomy.")
    .with_sql_example("```sql\nSELECT title, scores[1]['label'] AS category, scores[1]['score'] - scores[2]['score'] AS margin\nFROM (SELECT title, categorize_scores(title, text) AS scores FROM products) ORDER BY margin LIMIT 10;\n```")
    .build()
});

static SHAPE: Shape = Shape {
    name: "categorize_scores",
    aliases: &[],
    arguments: super::categorize::ARGUMENTS,
    required: 2,
    documentation: &DOC,
};

pub struct CategorizeScores;

impl ModelFunction for CategorizeScores {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, _: &ModelFacts) -> Field {
        Field::new("", scores_type(), true)
    }

    fn check(&self, runtime: &Runtime, settings: &Settings, labels_given: bool) -> Result<()> {
        Categorize.check(runtime, settings, labels_given)
    }

    fn width(&self) -> usize {
        Categorize.width()
    }

    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        Categorize.readings(call, row, out);
    }

    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let scores = (0..call.rows).map(|row| {
            let vector = Categorize.vector(call, row, vectors)?;
            Some(classifier.scores(&vector, Categorize.head(call, row)))
        });
        Ok(scores_array(&classifier.labels, scores))
    }
}
