//! The category of a product offer, out of its title and its text.

use super::{Classifier, Encoder, Run};
use crate::error::Result;

/// How much the title alone counts beside title and text together. Titles
/// carry the head noun, and long texts bury it in boilerplate.
const TITLE_WEIGHT: f32 = 0.5;

/// Scores of every label for offers `(title, text)`; `None` where both are
/// missing or the model failed.
///
/// An offer with both is read twice, its title alone and `title. text`, and
/// the two vectors are added. Words of the taxonomy that stand in the title
/// (or in the text, where there is no title) add a small bonus.
pub fn categorize(
    offers: &[(Option<&str>, Option<&str>)],
    classifier: &Classifier,
    encoder: &Encoder,
    run: &Run<'_>,
) -> Result<Vec<Option<Vec<f32>>>> {
    let joined: Vec<Option<String>> = offers
        .iter()
        .map(|(title, text)| {
            let (title, text) = (title.as_ref()?, text.as_ref()?);
            Some(format!("{}. {}", title.trim(), text.trim()))
        })
        .collect();
    let mut readings: Vec<Option<&str>> = Vec::with_capacity(offers.len() * 2);
    for ((title, text), joined) in offers.iter().zip(&joined) {
        readings.push(title.or(*text).map(str::trim));
        readings.push(joined.as_deref());
    }
    let vectors = encoder.encode(&readings, run)?;
    Ok(offers
        .iter()
        .enumerate()
        .map(|(offer, (title, text))| {
            let head = title.or(*text)?;
            let alone = vectors.get(2 * offer)?;
            let vector = match joined[offer] {
                None => alone.to_vec(),
                Some(_) => sum(vectors.get(2 * offer + 1)?, alone),
            };
            let mut scores = classifier.scores(&vector);
            let bonus = classifier.lexical_bonus(head);
            scores.iter_mut().zip(bonus).for_each(|(s, b)| *s += b);
            Some(scores)
        })
        .collect())
}

/// `joined + TITLE_WEIGHT * title`, of unit length.
fn sum(joined: &[f32], title: &[f32]) -> Vec<f32> {
    let mut sum: Vec<f32> = joined
        .iter()
        .zip(title)
        .map(|(j, t)| j + TITLE_WEIGHT * t)
        .collect();
    crate::vector::normalize(&mut sum);
    sum
}
