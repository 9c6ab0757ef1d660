//! t-SNE: a projection into two dimensions that keeps near rows together.
//!
//! Van der Maaten's Barnes-Hut t-SNE (JMLR 2014) with the parameters of
//! scikit-learn: initialization by the first two principal components, early
//! exaggeration of 12 for 250 of 1,000 steps, a learning rate of rows / 12 / 4.
//! The neighbours are exact. The order of additions depends on the rows alone,
//! so the projection is the same on any number of cores.

use super::affinities::Affinities;
use super::nearest_neighbours::nearest_neighbours;
use super::pca::{centre, pca};
use super::quadtree::{LANES, Quadtree};
use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::random::Random;

const STEPS: usize = 1_000;

/// Steps of early exaggeration, and its factor.
const EARLY_STEPS: usize = 250;
const EXAGGERATION: f32 = 12.0;

/// Standard deviation of the initial positions.
const INITIAL_DEVIATION: f32 = 1e-4;

/// Random part of the initial positions, as a share of their deviation: without
/// it, rows on a line would stay there.
const JITTER: f64 = 0.01;

/// Groups of `LANES` points in a unit of parallel work.
const CHUNK_GROUPS: usize = 16;

/// Largest perplexity for a number of rows.
pub fn max_perplexity(rows: usize) -> f64 {
    rows.saturating_sub(1) as f64 / 3.0
}

/// Positions of `rows` (rows x `dims`, all distinct) in two dimensions.
/// `perplexity` is the effective number of neighbours of a row, up to
/// [`max_perplexity`]. Returns `None` once `progress` is cancelled.
pub fn tsne(
    rows: &[f32],
    dims: usize,
    perplexity: f64,
    seed: u64,
    progress: &dyn ProgressSink,
) -> Option<Vec<[f32; 2]>> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    let Some((centred, _)) = centre(rows, dims) else {
        return Some(vec![[0.0; 2]; count]);
    };
    let neighbours = (3.0 * perplexity + 1.0) as usize;
    let near = nearest_neighbours(&centred, dims, neighbours.clamp(1, count - 1), progress)?;
    let affinities = Affinities::new(&near, perplexity);
    let positions = initial_positions(&centred, dims, seed, progress)?;
    Layout::new(positions, affinities).optimize(progress)
}

/// The first two principal components, scaled down, with jitter.
fn initial_positions(
    centred: &[f32],
    dims: usize,
    seed: u64,
    progress: &dyn ProgressSink,
) -> Option<Vec<[f32; 2]>> {
    let components = dims.min(2);
    let scores = pca(centred, dims, components, progress)?.scores;
    let along = scores.chunks_exact(components);
    let count = along.len() as f64;
    let squares: f64 = along.map(|row| f64::from(row[0]) * f64::from(row[0])).sum();
    let scale = f64::from(INITIAL_DEVIATION) / (squares / count).sqrt();
    let mut random = Random::new(seed);
    let mut position = |score: Option<&f32>| {
        let beside = JITTER * (random.unit() - 0.5);
        (score.map_or(0.0, |s| f64::from(*s)) * scale + beside * f64::from(INITIAL_DEVIATION))
            as f32
    };
    let rows = scores.chunks_exact(components);
    Some(
        rows.map(|row| [position(row.first()), position(row.get(1))])
            .collect(),
    )
}

/// Positions of rows during the gradient descent.
struct Layout {
    positions: Vec<[f32; 2]>,
    affinities: Affinities,
    /// Last steps and gains of the rows.
    steps: Vec<[f32; 2]>,
    gains: Vec<[f32; 2]>,
}

/// Forces on a row: attraction by its pairs and repulsion by all other rows, and
/// the sum of its similarities to them.
#[derive(Clone, Copy, Default)]
struct Force {
    attraction: [f32; 2],
    repulsion: [f32; 2],
    similarity: f32,
}

impl Layout {
    fn new(positions: Vec<[f32; 2]>, affinities: Affinities) -> Self {
        Self {
            steps: vec![[0.0; 2]; positions.len()],
            gains: vec![[1.0; 2]; positions.len()],
            positions,
            affinities,
        }
    }

    fn optimize(mut self, progress: &dyn ProgressSink) -> Option<Vec<[f32; 2]>> {
        let rate = (self.positions.len() as f32 / EXAGGERATION / 4.0).max(50.0);
        for step in 0..STEPS {
            if progress.is_cancelled() {
                return None;
            }
            progress.step("t-SNE: step", step + 1, STEPS);
            let (exaggeration, momentum) = match step < EARLY_STEPS {
                true => (EXAGGERATION, 0.5),
                false => (1.0, 0.8),
            };
            self.step(exaggeration, momentum, rate);
        }
        Some(self.positions)
    }

    fn step(&mut self, exaggeration: f32, momentum: f32, rate: f32) {
        let tree = Quadtree::new(&self.positions);
        let forces = self.forces(&tree);
        let similarity: f64 = forces.iter().map(|f| f64::from(f.similarity)).sum();
        let similarity = similarity as f32;
        // The order of the tree has each row once.
        for (row, force) in tree.order.iter().zip(&forces) {
            let row = *row as usize;
            for axis in 0..2 {
                let gradient = 4.0
                    * (exaggeration * force.attraction[axis] - force.repulsion[axis] / similarity);
                let (step, gain) = (&mut self.steps[row][axis], &mut self.gains[row][axis]);
                *gain = match *step * gradient < 0.0 {
                    true => *gain + 0.2,
                    false => (*gain * 0.8).max(0.01),
                };
                *step = momentum * *step - rate * *gain * gradient;
                self.positions[row][axis] += *step;
            }
        }
    }

    /// Forces in the order of the tree, for locality of memory.
    fn forces(&self, tree: &Quadtree) -> Vec<Force> {
        let mut forces = vec![Force::default(); self.positions.len()];
        let chunks = forces.chunks_mut(CHUNK_GROUPS * LANES).enumerate();
        parallel_for_each(chunks, |(chunk, forces)| {
            let mut list = Vec::new();
            for (group, forces) in forces.chunks_mut(LANES).enumerate() {
                let first = (chunk * CHUNK_GROUPS + group) * LANES;
                let repulsion = tree.repulsion(first, &mut list);
                for (lane, force) in forces.iter_mut().enumerate() {
                    let row = tree.order[first + lane] as usize;
                    *force = Force {
                        attraction: self.affinities.attraction(row, &self.positions),
                        repulsion: [repulsion.x[lane], repulsion.y[lane]],
                        // Without the row itself.
                        similarity: repulsion.similarity[lane] - 1.0,
                    };
                }
            }
        });
        forces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(rows: usize) -> Vec<f32> {
        let mut random = Random::new(9);
        (0..rows)
            .flat_map(|row| {
                let corner = [0.0, 10.0, 20.0].map(|at| if row % 3 == 0 { at } else { -at });
                let beside = if row % 3 == 1 { 30.0 } else { 0.0 };
                corner.map(|c| c + beside + random.unit() as f32)
            })
            .collect()
    }

    #[test]
    fn separate_clusters_stay_separate_and_a_seed_gives_one_projection() {
        let rows = blobs(150);
        let map = tsne(&rows, 3, 10.0, 0, &|| false).unwrap();
        for (row, position) in map.iter().enumerate() {
            let far = |other: &[f32; 2]| {
                (position[0] - other[0]).powi(2) + (position[1] - other[1]).powi(2)
            };
            let others = map.iter().enumerate().filter(|(other, _)| *other != row);
            let nearest = others.min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
            assert_eq!(nearest.map(|(other, _)| other % 3), Some(row % 3), "{row}");
        }
        assert_eq!(Some(&map), tsne(&rows, 3, 10.0, 0, &|| false).as_ref());
        assert_ne!(Some(&map), tsne(&rows, 3, 10.0, 1, &|| false).as_ref());
        assert_eq!(tsne(&rows, 3, 10.0, 0, &|| true), None);
    }

    #[test]
    fn few_rows_and_equal_rows_have_positions() {
        assert_eq!(tsne(&[], 3, 1.0, 0, &|| false), Some(vec![]));
        assert_eq!(tsne(&[1.0; 3], 3, 1.0, 0, &|| false), Some(vec![[0.0; 2]]));
        assert_eq!(
            tsne(&[1.0; 6], 3, 1.0, 0, &|| false),
            Some(vec![[0.0; 2]; 2])
        );
        for rows in [2, 3, 5, 17] {
            let line: Vec<f32> = (0..rows).map(|row| row as f32).collect();
            let map = tsne(&line, 1, 1.0, 0, &|| false).unwrap();
            assert!(map.iter().flatten().all(|v| v.is_finite()), "{map:?}");
        }
    }
}
