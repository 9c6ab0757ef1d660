//! `explain_label(title, text [, labels])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructArray, StructBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::classifier::{Classifier, rank_labels};
use semql_inference::encoding::{ModelInput, product_text};

use super::labels::classifier;
use super::model_function::{
    BatchArguments, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::{ArgumentType, Parameters};
use crate::error::to_datafusion;
use crate::runtime::Runtime;
use crate::settings::Settings;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "Explains the label of `categorize` as a struct: `label` and `runner_up` with their scores and the `margin` \
         between them; `phrases` and `examples`, the five of the taxonomy nearest in meaning; `words`, the five words of the \
         title (of its first twelve) with the greatest effect: `moved` is the decrease of the margin without the word. \
         NULL if title and text are NULL or blank.",
        "explain_label(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Labels in place of the taxonomy, as in `ai_classify`.")
    .with_sql_example(
        "```sql\nSELECT title, e['label'], e['runner_up'], e['words'][1]['word']\n\
         FROM (SELECT title, explain_label(title, text) AS e FROM products) ORDER BY e['margin'] LIMIT 10;\n```",
    )
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "explain_label",
        list: &[
            ("title", ArgumentType::Text),
            ("text", ArgumentType::Text),
            ("labels", ArgumentType::Labels),
        ],
        required: 2,
    },
    aliases: &[],
    documentation: &DOC,
};

/// Words whose effect is measured.
const MAX_WORDS: usize = 12;

/// Phrases, examples and words in an explanation.
const MAX_NAMED: usize = 5;

pub struct ExplainLabel;

/// The first [`MAX_WORDS`] words of a text.
fn words(head: &str) -> impl Iterator<Item = &str> {
    head.split_whitespace().take(MAX_WORDS)
}

/// The text without the word at a position; `None` if no word remains.
fn without(head: &str, position: usize) -> Option<String> {
    let rest = head.split_whitespace().enumerate();
    let rest: Vec<&str> = rest
        .filter(|(at, _)| *at != position)
        .map(|(_, word)| word)
        .collect();
    (!rest.is_empty()).then(|| rest.join(" "))
}

/// Title and text without a word of the title, or of the text if there is no title.
fn offer_without<'a>(
    title: Option<&'a str>,
    text: Option<&'a str>,
    position: usize,
) -> (Option<String>, Option<&'a str>) {
    match title {
        Some(title) => (without(title, position), text),
        None => (text.and_then(|text| without(text, position)), None),
    }
}

impl ModelFunction for ExplainLabel {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Struct(fields()), true)
    }

    fn validate(&self, runtime: &Runtime, settings: &Settings, labels_given: bool) -> Result<()> {
        if !labels_given {
            runtime
                .taxonomy(&settings.taxonomy)
                .map_err(to_datafusion)?;
        }
        Ok(())
    }

    fn inputs_per_row(&self) -> usize {
        product_text::INPUTS * (1 + MAX_WORDS)
    }

    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>) {
        let (title, text) = (call.text(0, row), call.text(1, row));
        out.extend(product_text::inputs(title, text));
        let count = product_text::head(title, text).map_or(0, |head| words(head).count());
        for word in 0..MAX_WORDS {
            if word >= count {
                out.extend([None, None]);
                continue;
            }
            let (title, text) = offer_without(title, text, word);
            let inputs = product_text::inputs(title.as_deref(), text);
            out.extend(inputs.map(|input| input.map(|text| text.into_owned().into())));
        }
    }

    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let rows = (0..call.rows).map(|row| Explanation::new(call, row, vectors, &classifier));
        array(&rows.collect::<Vec<_>>(), &classifier)
    }
}

/// Explanation of the label of a row.
struct Explanation<'a> {
    label: (usize, f32),
    runner_up: (usize, f32),
    /// Label, phrase and cosine.
    phrases: Vec<(usize, &'a str, f32)>,
    examples: Vec<(usize, &'a str, f32)>,
    /// Words, and the decrease of the margin without each.
    words: Vec<(&'a str, f32)>,
}

impl<'a> Explanation<'a> {
    fn new(
        call: &'a BatchArguments,
        row: usize,
        vectors: &VectorLookup<'_>,
        classifier: &'a Classifier,
    ) -> Option<Self> {
        let (title, text) = (call.text(0, row), call.text(1, row));
        let vector = product_text::vector(title, text, [vectors(row, 0), vectors(row, 1)])?;
        let head = product_text::head(title, text)?;
        let scores = rank_labels(&classifier.scores(&vector, Some(head)));
        let (label, runner_up) = (*scores.first()?, *scores.get(1)?);
        let margin = label.1 - runner_up.1;
        let mut moved: Vec<(&str, f32)> = words(head)
            .enumerate()
            .filter_map(|(position, word)| {
                let (title, text) = offer_without(title, text, position);
                let first = product_text::INPUTS * (1 + position);
                let read = [vectors(row, first), vectors(row, first + 1)];
                let vector = product_text::vector(title.as_deref(), text, read)?;
                let scores = classifier.scores(&vector, product_text::head(title.as_deref(), text));
                Some((word, margin - (scores[label.0] - scores[runner_up.0])))
            })
            .collect();
        moved.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        moved.truncate(MAX_NAMED);
        Some(Self {
            label,
            runner_up,
            phrases: classifier.nearest_phrases(&vector, MAX_NAMED),
            examples: classifier.nearest_examples(&vector, MAX_NAMED),
            words: moved,
        })
    }
}

/// Fields of a phrase or an example, under that name.
fn near_fields(name: &str) -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new(name, DataType::Utf8, true),
        Field::new("cosine", DataType::Float64, true),
    ])
}

fn word_fields() -> Fields {
    Fields::from(vec![
        Field::new("word", DataType::Utf8, true),
        Field::new("moved", DataType::Float64, true),
    ])
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(fields),
        true,
    )))
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("runner_up", DataType::Utf8, true),
        Field::new("runner_up_score", DataType::Float64, true),
        Field::new("margin", DataType::Float64, true),
        Field::new("phrases", list_of(near_fields("phrase")), true),
        Field::new("examples", list_of(near_fields("example")), true),
        Field::new("words", list_of(word_fields()), true),
    ])
}

/// Builder of lists of structs with texts and then one number.
struct StructLists(ListBuilder<StructBuilder>);

impl StructLists {
    fn new(fields: Fields) -> Self {
        Self(ListBuilder::new(StructBuilder::from_fields(fields, 0)))
    }

    fn push(&mut self, texts: &[&str], number: f32) {
        let entry = self.0.values();
        for (at, text) in texts.iter().enumerate() {
            if let Some(builder) = entry.field_builder::<StringBuilder>(at) {
                builder.append_value(text);
            }
        }
        if let Some(builder) = entry.field_builder::<Float64Builder>(texts.len()) {
            builder.append_value(f64::from(number));
        }
        entry.append(true);
    }
}

fn array(rows: &[Option<Explanation<'_>>], classifier: &Classifier) -> Result<ArrayRef> {
    let mut texts = [StringBuilder::new(), StringBuilder::new()];
    let mut numbers = [
        Float64Builder::new(),
        Float64Builder::new(),
        Float64Builder::new(),
    ];
    let mut phrases = StructLists::new(near_fields("phrase"));
    let mut examples = StructLists::new(near_fields("example"));
    let mut words = StructLists::new(word_fields());
    for row in rows {
        let name = |label: usize| classifier.labels[label].as_str();
        let row = row.as_ref();
        texts[0].append_option(row.map(|row| name(row.label.0)));
        texts[1].append_option(row.map(|row| name(row.runner_up.0)));
        numbers[0].append_option(row.map(|row| f64::from(row.label.1)));
        numbers[1].append_option(row.map(|row| f64::from(row.runner_up.1)));
        numbers[2].append_option(row.map(|row| f64::from(row.label.1 - row.runner_up.1)));
        for (label, phrase, cosine) in row.iter().flat_map(|row| &row.phrases) {
            phrases.push(&[name(*label), phrase], *cosine);
        }
        for (label, example, cosine) in row.iter().flat_map(|row| &row.examples) {
            examples.push(&[name(*label), example], *cosine);
        }
        for (word, moved) in row.iter().flat_map(|row| &row.words) {
            words.push(&[word], *moved);
        }
        phrases.0.append(row.is_some());
        examples.0.append(row.is_some());
        words.0.append(row.is_some());
    }
    let [mut label, mut runner_up] = texts;
    let [mut score, mut runner_up_score, mut margin] = numbers;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(label.finish()),
        Arc::new(score.finish()),
        Arc::new(runner_up.finish()),
        Arc::new(runner_up_score.finish()),
        Arc::new(margin.finish()),
        Arc::new(phrases.0.finish()),
        Arc::new(examples.0.finish()),
        Arc::new(words.0.finish()),
    ];
    let valid: NullBuffer = rows.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new(
        fields(),
        columns,
        Some(valid),
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_removed_from_the_title_or_else_from_the_text() {
        assert_eq!(
            offer_without(Some("red  big shoe"), Some("x"), 1),
            (Some("red shoe".into()), Some("x"))
        );
        assert_eq!(offer_without(Some("shoe"), Some("x"), 0), (None, Some("x")));
        assert_eq!(
            offer_without(None, Some("a b"), 0),
            (Some("b".into()), None)
        );
    }
}
