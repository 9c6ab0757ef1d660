//! Vectors of records, and pairs of near ones.

use crate::projection::pca;
use semql_inference::vector::{NeighbourLimit, PairsError, UnitVectors, dot, pairs_within};
use semql_inference::{Error, Result};

/// Records from which neighbours are searched along principal components.
const MIN_PROJECTED_RECORDS: usize = 20_000;

/// Components of that search, and records that determine them.
const COMPONENTS: usize = 64;
const MAX_SAMPLED_RECORDS: usize = 4_096;

/// Sources up to which the neighbours of a record are searched in other sources only.
const MAX_SOURCES: usize = 8;

/// Unit vectors of some of the records.
#[derive(Debug, Default)]
pub struct RecordVectors {
    vectors: UnitVectors,
    /// Per record, the position of its vector.
    positions: Vec<Option<u32>>,
}

impl RecordVectors {
    /// Vectors of `dims` values, one for each record; records without a vector, or with
    /// one without a direction, have no neighbours.
    pub fn new<'a>(dims: usize, vectors: impl Iterator<Item = Option<&'a [f32]>>) -> Self {
        let mut unit = UnitVectors::new(dims);
        let mut positions = Vec::new();
        for (record, vector) in vectors.enumerate() {
            let position = unit.len();
            if let Some(vector) = vector.filter(|vector| vector.len() == dims) {
                unit.push(vector, record);
            }
            positions.push((unit.len() > position).then_some(position as u32));
        }
        Self {
            vectors: unit,
            positions,
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(self.vectors.values()) + 12 * self.positions.len()
    }

    /// Cosine of two records, 0 if one has no vector.
    pub fn similarity(&self, a: usize, b: usize) -> f32 {
        match (self.vector(a), self.vector(b)) {
            (Some(a), Some(b)) => dot(a, b).clamp(-1.0, 1.0),
            _ => 0.0,
        }
    }

    fn vector(&self, record: usize) -> Option<&[f32]> {
        let at = (*self.positions.get(record)?)? as usize;
        Some(self.vectors.vector(at))
    }

    /// Pairs of records of which one is among the `k` nearest of the other, with the
    /// smaller record first, sorted. `sources` has the source of each record, as a
    /// number.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once `is_cancelled` returns true.
    pub fn near_pairs(
        &self,
        k: usize,
        sources: &[Option<u32>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<(u32, u32)>> {
        let projected = self.projected(is_cancelled)?;
        let vectors = projected.as_ref().unwrap_or(&self.vectors);
        let mut found = Vec::new();
        let last = sources.iter().flatten().max().copied();
        let limit = NeighbourLimit::TopK(k + 1);
        match last {
            Some(last) if (last as usize) < MAX_SOURCES => {
                for source in (0..=last).map(Some).chain([None]) {
                    let is_left = |record: u32| sources[record as usize] == source;
                    // A row without a source may equal any row.
                    let left = subset(vectors, is_left);
                    let right = match source {
                        Some(_) => subset(vectors, |record| !is_left(record)),
                        None => subset(vectors, |_| true),
                    };
                    collect(&left, &right, limit, is_cancelled, &mut found)?;
                }
            }
            _ => collect(vectors, vectors, limit, is_cancelled, &mut found)?,
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The vectors along their principal components, where there are so many that all
    /// products of whole vectors take long.
    fn projected(&self, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Option<UnitVectors>> {
        let (count, dims) = (self.vectors.len(), self.vectors.dims());
        if count < MIN_PROJECTED_RECORDS || dims <= COMPONENTS {
            return Ok(None);
        }
        let step = count.div_ceil(MAX_SAMPLED_RECORDS);
        let sample: Vec<f32> = (0..count)
            .step_by(step)
            .flat_map(|at| self.vectors.vector(at).iter().copied())
            .collect();
        let found = pca(&sample, dims, COMPONENTS, &is_cancelled).ok_or(Error::Interrupted)?;
        let mut projected = UnitVectors::new(COMPONENTS);
        let mut along = [0.0; COMPONENTS];
        for (at, record) in self.vectors.rows().iter().enumerate() {
            let vector = self.vectors.vector(at);
            let directions = found.directions.chunks_exact(dims);
            for (value, direction) in along.iter_mut().zip(directions) {
                *value = dot(vector, direction);
            }
            projected.push(&along, *record as usize);
        }
        Ok(Some(projected))
    }
}

/// The vectors of the records that `is_chosen` accepts.
fn subset(vectors: &UnitVectors, is_chosen: impl Fn(u32) -> bool) -> UnitVectors {
    let mut chosen = UnitVectors::new(vectors.dims());
    for (at, record) in vectors.rows().iter().enumerate() {
        if is_chosen(*record) {
            chosen.push(vectors.vector(at), *record as usize);
        }
    }
    chosen
}

fn collect(
    left: &UnitVectors,
    right: &UnitVectors,
    limit: NeighbourLimit,
    is_cancelled: &(dyn Fn() -> bool + Sync),
    found: &mut Vec<(u32, u32)>,
) -> Result<()> {
    let unlimited = |_: usize| Ok::<(), std::convert::Infallible>(());
    let near = pairs_within(left, right, limit, is_cancelled, &unlimited);
    let near = near.map_err(|error| match error {
        PairsError::Interrupted => Error::Interrupted,
        PairsError::Memory(never) => match never {},
    })?;
    let near = near.into_iter().filter(|pair| pair.left != pair.right);
    found.extend(near.map(|pair| (pair.left.min(pair.right), pair.left.max(pair.right))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_of_other_sources() {
        let vectors = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [0.0, 0.0]];
        let vectors = RecordVectors::new(2, vectors.iter().map(|vector| Some(&vector[..])));
        let pairs = |sources: &[Option<u32>]| vectors.near_pairs(1, sources, &|| false).unwrap();
        assert_eq!(pairs(&[None; 5]), [(0, 1), (2, 3)]);
        let sources = [Some(0), Some(0), Some(1), Some(1), None];
        assert!(pairs(&sources).iter().all(|(a, b)| *a < 2 && *b >= 2));
        assert!(vectors.near_pairs(1, &sources, &|| true).is_err());
        assert_eq!(vectors.similarity(0, 4), 0.0);
    }

    #[test]
    fn many_vectors_are_searched_along_components() {
        let mut random = semql_inference::random::Random::new(3);
        let mut values = Vec::new();
        for _ in 0..MIN_PROJECTED_RECORDS / 2 {
            let vector: Vec<f32> = (0..80).map(|_| random.unit() as f32 - 0.5).collect();
            let near: Vec<f32> = vector.iter().map(|value| value * 1.01 + 0.001).collect();
            values.extend([vector, near]);
        }
        let vectors = RecordVectors::new(80, values.iter().map(|vector| Some(&vector[..])));
        let sources = vec![None; values.len()];
        let found = vectors.near_pairs(1, &sources, &|| false).unwrap();
        let twins = found.iter().filter(|(a, b)| a % 2 == 0 && *b == a + 1);
        assert!(twins.count() * 100 > 99 * values.len() / 2);
    }
}
