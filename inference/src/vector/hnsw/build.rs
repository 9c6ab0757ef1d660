//! Construction of a graph on all cores.
//!
//! The result depends on the vectors and the seed alone. Vectors are inserted in
//! batches. The vectors of a batch search their neighbours in the graph without the
//! batch, and within the batch. Links are then added in a fixed order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use super::graph::{Graph, GraphAccess, M, MAX_LAYERS, NO_LINK, ScoredVector, score};
use super::search::{LayerSearch, VisitedList, search_greedily, search_layer};
use crate::parallel::{cores, parallel_for_each};
use crate::sync::lock;
use crate::vector::dot;

/// Candidates that a search keeps while a vector is inserted.
const EF_CONSTRUCTION: usize = 128;

/// Maximum number of vectors in a batch.
const MAX_BATCH: usize = 512;

/// A graph under construction.
struct HnswBuilder<'a> {
    vectors: &'a [f32],
    dims: usize,
    level0: Vec<u32>,
    /// Per vector, the links of each of its upper layers.
    upper_levels: Vec<Vec<[u32; M]>>,
}

impl GraphAccess for HnswBuilder<'_> {
    fn links(&self, vector: u32, layer: usize) -> &[u32] {
        match layer {
            0 => &self.level0[vector as usize * 2 * M..][..2 * M],
            layer => &self.upper_levels[vector as usize][layer - 1][..],
        }
    }

    fn layers(&self, vector: u32) -> usize {
        1 + self.upper_levels[vector as usize].len()
    }

    fn vector(&self, vector: u32) -> &[f32] {
        &self.vectors[vector as usize * self.dims..][..self.dims]
    }

    fn len(&self) -> usize {
        self.upper_levels.len()
    }
}

/// Bytes that [`build`] allocates for `vectors` vectors; `None` on overflow.
pub fn build_memory(vectors: usize) -> Option<usize> {
    let links = size_of::<[u32; M]>();
    // One vector in M - 1 has a list on an upper layer, allocated twice at the end.
    let upper = size_of::<Vec<[u32; M]>>() + 2 * links.div_ceil(M - 1);
    let visited = cores() * size_of::<u32>();
    let vector_bytes = 2 * links + upper + size_of::<u32>() + visited;
    vectors.checked_mul(vector_bytes)
}

/// Builds the graph of `vectors` (of unit length, x `dims`) on all cores. Calls
/// `is_cancelled` between batches with the number of inserted vectors; `None` once
/// it returns true.
pub fn build(
    vectors: &[f32],
    dims: usize,
    seed: u64,
    is_cancelled: &(dyn Fn(usize) -> bool + Sync),
) -> Option<Graph> {
    let count = vectors.len().checked_div(dims).unwrap_or(0);
    let mut builder = HnswBuilder {
        vectors,
        dims,
        level0: vec![NO_LINK; count * 2 * M],
        upper_levels: (0..count)
            .map(|vector| vec![[NO_LINK; M]; upper_layers(vector as u64, seed)])
            .collect(),
    };
    let mut entry_point = 0u32;
    let idle: Mutex<Vec<VisitedList>> = Mutex::default();
    let mut start = 1.min(count);
    while start < count {
        if is_cancelled(start) {
            return None;
        }
        let batch = start..count.min(start + start.min(MAX_BATCH));
        let neighbours = builder.find_neighbours(&batch, entry_point, &idle);
        builder.add_links(&batch, neighbours);
        for vector in batch.clone() {
            if builder.layers(vector as u32) > builder.layers(entry_point) {
                entry_point = vector as u32;
            }
        }
        start = batch.end;
    }
    let mut level_offsets = vec![0u32];
    let mut upper_levels = Vec::new();
    for layers in &builder.upper_levels {
        upper_levels.extend(layers.iter().flatten());
        level_offsets.push(upper_levels.len() as u32);
    }
    Some(Graph {
        level0: builder.level0,
        level_offsets,
        upper_levels,
        entry_point,
    })
}

/// Number of upper layers of a vector: each layer has one in [`M`] of the vectors
/// below.
fn upper_layers(vector: u64, seed: u64) -> usize {
    // SplitMix64.
    let mut bits = (vector ^ seed.rotate_left(32)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let unit = ((bits >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    let layers = -unit.ln() / (M as f64).ln();
    (layers as usize).min(MAX_LAYERS - 1)
}

/// Per layer of a vector, its neighbours.
type LayerNeighbours = Vec<Vec<ScoredVector>>;

impl HnswBuilder<'_> {
    /// The neighbours of each vector of a batch, in the graph and among the earlier
    /// vectors of the batch.
    fn find_neighbours(
        &self,
        batch: &Range<usize>,
        entry_point: u32,
        idle: &Mutex<Vec<VisitedList>>,
    ) -> Vec<LayerNeighbours> {
        let mut all = vec![LayerNeighbours::new(); batch.len()];
        parallel_for_each(batch.clone().zip(&mut all), |(vector, neighbours)| {
            let mut visited = lock(idle).pop().unwrap_or_default();
            *neighbours =
                self.neighbours_of(vector as u32, batch.start as u32, entry_point, &mut visited);
            lock(idle).push(visited);
        });
        all
    }

    fn neighbours_of(
        &self,
        vector: u32,
        first: u32,
        entry_point: u32,
        visited: &mut VisitedList,
    ) -> LayerNeighbours {
        let query = self.vector(vector);
        let layers = self.layers(vector);
        let mut near = vec![score(self, query, entry_point)];
        for layer in (layers..self.layers(entry_point)).rev() {
            near = search_greedily(self, query, near[0], layer);
        }
        let of_batch: Vec<ScoredVector> = (first..vector)
            .map(|other| score(self, query, other))
            .collect();
        let mut neighbours = vec![Vec::new(); layers];
        for layer in (0..layers).rev() {
            let mut candidates = Vec::new();
            if layer < self.layers(entry_point) {
                let search = LayerSearch {
                    ef: EF_CONSTRUCTION,
                    passes: |_| true,
                    max_compared: usize::MAX,
                };
                near = search_layer(self, query, &near, layer, search, visited).unwrap_or_default();
                candidates.extend_from_slice(&near);
            }
            let others = of_batch.iter().copied();
            candidates.extend(others.filter(|other| self.layers(other.vector) > layer));
            candidates.sort_unstable_by(|a, b| b.cmp(a));
            neighbours[layer] = self.select_neighbours(candidates, M);
        }
        neighbours
    }

    /// Selects up to `count` of the candidates, which are in descending order, by the
    /// paper's heuristic: each is nearer to the vector than to any selected one. The
    /// best of the others fill up.
    fn select_neighbours(&self, candidates: Vec<ScoredVector>, count: usize) -> Vec<ScoredVector> {
        if candidates.len() <= count {
            return candidates;
        }
        let (mut selected, mut others): (Vec<ScoredVector>, Vec<ScoredVector>) =
            (Vec::new(), Vec::new());
        for candidate in candidates {
            if selected.len() >= count {
                break;
            }
            let values = self.vector(candidate.vector);
            let is_diverse = selected
                .iter()
                .all(|other| dot(values, self.vector(other.vector)) < candidate.score);
            if is_diverse {
                selected.push(candidate);
            } else {
                others.push(candidate);
            }
        }
        let room = count - selected.len();
        selected.extend(others.into_iter().take(room));
        selected
    }

    /// Links the vectors of a batch to their neighbours, and back.
    fn add_links(&mut self, batch: &Range<usize>, neighbours: Vec<LayerNeighbours>) {
        let mut back_links: BTreeMap<(usize, u32), Vec<ScoredVector>> = BTreeMap::new();
        for (vector, layers) in batch.clone().zip(neighbours) {
            for (layer, neighbours) in layers.into_iter().enumerate() {
                for neighbour in &neighbours {
                    let back_link = ScoredVector {
                        vector: vector as u32,
                        ..*neighbour
                    };
                    let added = back_links.entry((layer, neighbour.vector)).or_default();
                    added.push(back_link);
                }
                self.set(vector as u32, layer, &neighbours);
            }
        }
        let back_links: Vec<((usize, u32), Vec<ScoredVector>)> = back_links.into_iter().collect();
        let mut updated = vec![Vec::new(); back_links.len()];
        parallel_for_each(
            back_links.iter().zip(&mut updated),
            |(((layer, vector), added), updated)| {
                *updated = self.merge_links(*vector, *layer, added);
            },
        );
        for (((layer, vector), _), links) in back_links.iter().zip(updated) {
            self.set(*vector, *layer, &links);
        }
    }

    /// Selects the links of a vector from the existing and the added ones.
    fn merge_links(&self, vector: u32, layer: usize, added: &[ScoredVector]) -> Vec<ScoredVector> {
        let room = if layer == 0 { 2 * M } else { M };
        let query = self.vector(vector);
        let existing = self
            .links(vector, layer)
            .iter()
            .take_while(|link| **link != NO_LINK);
        let mut all: Vec<ScoredVector> = existing.map(|link| score(self, query, *link)).collect();
        all.extend_from_slice(added);
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup_by_key(|scored| scored.vector);
        self.select_neighbours(all, room)
    }

    fn set(&mut self, vector: u32, layer: usize, links: &[ScoredVector]) {
        let list = match layer {
            0 => &mut self.level0[vector as usize * 2 * M..][..2 * M],
            layer => &mut self.upper_levels[vector as usize][layer - 1][..],
        };
        list.fill(NO_LINK);
        for (slot, link) in list.iter_mut().zip(links) {
            *slot = link.vector;
        }
    }
}
