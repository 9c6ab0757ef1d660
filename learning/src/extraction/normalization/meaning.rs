//! Mutual nearest neighbours among the vectors of values.

use semql_inference::progress::ProgressSink;
use semql_inference::vector::{NeighbourLimit, UnitVectors, pairs};
use semql_inference::{Error, Result};

/// Neighbours that are read of each value: those with other numbers are passed over.
const MAX_NEIGHBOURS: usize = 8;

/// Vectors of texts, one for each; `None` where a model has none. All have one length.
pub type TextEncoder<'a> = dyn Fn(&[&str]) -> Result<Vec<Option<Vec<f32>>>> + 'a;

/// Two values that are each other's nearest neighbour, and their cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MutualNeighbours {
    pub first: usize,
    pub second: usize,
    pub cosine: f32,
}

/// The mutual nearest neighbours among `values` with a cosine of at least
/// `min_similarity`. `numbers` has the digits of each value. Values with different numbers
/// are no neighbours: vectors hardly tell `16 GB` from `32 GB`.
///
/// # Errors
/// Those of the encoder; [`Error::Interrupted`].
pub fn mutual_neighbours(
    values: &[&str],
    numbers: &[String],
    min_similarity: f32,
    encoder: &TextEncoder<'_>,
    progress: &dyn ProgressSink,
) -> Result<Vec<MutualNeighbours>> {
    let encoded = encoder(values)?;
    let Some(dims) = encoded.iter().flatten().map(Vec::len).next() else {
        return Ok(Vec::new());
    };
    let mut vectors = UnitVectors::new(dims);
    for (value, vector) in encoded.iter().enumerate().take(values.len()) {
        if let Some(vector) = vector.as_ref().filter(|vector| vector.len() == dims) {
            vectors.push(vector, value);
        }
    }
    let limit = NeighbourLimit::TopK(MAX_NEIGHBOURS + 1);
    let near = pairs(&vectors, &vectors, limit, &|| progress.is_cancelled());
    let near = near.ok_or(Error::Interrupted)?;
    let mut nearest: Vec<Option<(usize, f32)>> = vec![None; values.len()];
    // Pairs are in the order of left rows, nearest first.
    for pair in near {
        let (left, right) = (pair.left as usize, pair.right as usize);
        let is_neighbour = left != right
            && pair.score >= min_similarity
            && numbers.get(left) == numbers.get(right);
        if is_neighbour && nearest[left].is_none() {
            nearest[left] = Some((right, pair.score));
        }
    }
    let mutual = nearest.iter().enumerate().filter_map(|(first, found)| {
        let (second, cosine) = (*found)?;
        let is_mutual = nearest[second].is_some_and(|(back, _)| back == first);
        (first < second && is_mutual).then_some(MutualNeighbours {
            first,
            second,
            cosine,
        })
    });
    Ok(mutual.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_mutual_and_have_equal_numbers() {
        let values = ["scarlet", "red", "crimson", "16 gb", "32 gb", "?"];
        let numbers = ["", "", "", "16", "32", ""].map(str::to_string);
        let encoder = |texts: &[&str]| {
            assert_eq!(texts.len(), values.len());
            Ok(vec![
                Some(vec![1.0, 0.1]),
                Some(vec![1.0, 0.0]),
                Some(vec![1.0, 0.4]),
                Some(vec![0.0, 1.0]),
                Some(vec![0.0, 1.0]),
                None,
            ])
        };
        let run = |min| mutual_neighbours(&values, &numbers, min, &encoder, &|| false).unwrap();
        let found = run(0.9);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first, found[0].second), (0, 1));
        assert!(run(0.9999).is_empty());
        let cancelled = mutual_neighbours(&values, &numbers, 0.9, &encoder, &|| true);
        assert_eq!(cancelled, Err(Error::Interrupted));
    }

    #[test]
    fn vectors_of_other_lengths_and_values_are_skipped() {
        let encoder = |_: &[&str]| {
            Ok(vec![
                Some(vec![1.0, 0.0]),
                Some(vec![f32::NAN, 0.0]),
                Some(vec![1.0]),
                Some(vec![1.0, 0.0]),
                Some(vec![1.0, 0.0]),
            ])
        };
        let numbers = vec![String::new(); 3];
        let found = mutual_neighbours(&["a", "b", "c"], &numbers, 0.5, &encoder, &|| false);
        assert_eq!(found, Ok(Vec::new()));
    }
}
