//! Vectors of the names, phrases and examples of labels.

use super::label_texts::TextBlend;
use crate::encoding::{EncodeContext, Encoder, ModelInput, product_text};
use crate::error::Result;
use crate::taxonomy::Taxonomy;
use crate::vector::{add_scaled, normalize};

/// The vector of each blend, of unit length; `None` where the model failed on all of its
/// texts.
pub fn blended_vectors<'a>(
    blends: impl Iterator<Item = &'a TextBlend>,
    encoder: &Encoder,
    context: &EncodeContext,
) -> Result<Vec<Option<Vec<f32>>>> {
    let blends: Vec<&TextBlend> = blends.collect();
    let texts = blends.iter().flat_map(|blend| &blend.texts);
    let texts: Vec<ModelInput<'_>> = texts.map(|(text, _)| Some(text.as_str().into())).collect();
    let vectors = encoder.encode(&texts, context)?;
    let mut first = 0;
    let blend = |blend: &&TextBlend| {
        let mut sum: Option<Vec<f32>> = None;
        for (at, (_, weight)) in blend.texts.iter().enumerate() {
            if let Some(vector) = vectors.get(first + at) {
                let sum = sum.get_or_insert_with(|| vec![0.0; vector.len()]);
                add_scaled(sum, vector, *weight);
            }
        }
        first += blend.texts.len();
        if let Some(sum) = &mut sum {
            normalize(sum);
        }
        sum
    };
    Ok(blends.iter().map(blend).collect())
}

/// The examples of a taxonomy, encoded like products: label, text and vector.
pub fn examples(
    taxonomy: &Taxonomy,
    encoder: &Encoder,
    context: &EncodeContext,
) -> Result<Vec<(usize, String, Vec<f32>)>> {
    let all: Vec<_> = taxonomy
        .labels
        .iter()
        .enumerate()
        .flat_map(|(at, label)| {
            label
                .examples
                .iter()
                .map(move |example| (at, example.parts()))
        })
        .collect();
    let texts: Vec<ModelInput<'_>> = all
        .iter()
        .flat_map(|(_, [title, text])| product_text::inputs(*title, *text))
        .collect();
    let vectors = encoder.encode(&texts, context)?;
    let example = |(at, (label, [title, text])): (usize, &(usize, [Option<&str>; 2]))| {
        let first = at * product_text::INPUTS;
        let input_vectors = [vectors.get(first), vectors.get(first + 1)];
        let vector = product_text::vector(*title, *text, input_vectors)?;
        let shown = product_text::head(*title, *text)?.to_string();
        Some((*label, shown, vector))
    };
    Ok(all.iter().enumerate().filter_map(example).collect())
}
