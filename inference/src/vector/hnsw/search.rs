//! Search for nearest vectors, along the links of a graph or exact.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::{
    GraphAccess, M, MAX_EF, MAX_LAYERS, MAX_VECTORS, NO_LINK, ScoredVector, score, top_k,
};
use crate::parallel::parallel_for_each;
use crate::vector::prefetch;

/// Vectors of one task of an exact search.
const TASK_VECTORS: usize = 1024;

/// A graph with its vectors, in memory or mapped from a file.
#[derive(Clone, Copy)]
pub struct GraphView<'a> {
    /// Vectors of unit length x `dims`.
    pub vectors: &'a [f32],
    pub dims: usize,
    pub level0: &'a [u32],
    pub level_offsets: &'a [u32],
    pub upper_levels: &'a [u32],
    pub entry_point: u32,
}

/// The vectors that a search has visited; reusable.
#[derive(Debug, Default)]
pub struct VisitedList {
    /// Per vector, the epoch of the last search that visited it.
    epochs: Vec<u32>,
    epoch: u32,
}

impl VisitedList {
    /// Starts a search among `vectors` vectors.
    fn reset(&mut self, vectors: usize) {
        self.epochs.resize(vectors.max(self.epochs.len()), 0);
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.epochs.fill(0);
            self.epoch = 1;
        }
    }

    /// Whether the vector is visited for the first time.
    fn insert(&mut self, vector: u32) -> bool {
        let epoch = &mut self.epochs[vector as usize];
        let is_new = *epoch != self.epoch;
        *epoch = self.epoch;
        is_new
    }
}

impl GraphAccess for GraphView<'_> {
    fn links(&self, vector: u32, layer: usize) -> &[u32] {
        // A damaged file may have any links.
        let (links, start, count) = match layer {
            0 => (self.level0, vector as usize * 2 * M, 2 * M),
            layer => {
                let start = self.level_offsets[vector as usize] as usize;
                (self.upper_levels, start + (layer - 1) * M, M)
            }
        };
        links.get(start..start + count).unwrap_or_default()
    }

    fn layers(&self, vector: u32) -> usize {
        let at = vector as usize;
        1 + self.level_offsets[at + 1].saturating_sub(self.level_offsets[at]) as usize / M
    }

    fn vector(&self, vector: u32) -> &[f32] {
        GraphView::vector(self, vector)
    }

    fn len(&self) -> usize {
        self.count()
    }
}

impl<'a> GraphView<'a> {
    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.vectors.len().checked_div(self.dims).unwrap_or(0)
    }

    /// One of the vectors.
    pub fn vector(&self, vector: u32) -> &'a [f32] {
        &self.vectors[vector as usize * self.dims..][..self.dims]
    }

    /// Whether the lists have the lengths of a graph of these vectors, and each link
    /// leads to a vector on its layer.
    pub fn is_sound(&self) -> bool {
        self.has_sound_lengths()
            && (self.count() == 0 || (self.entry_point as usize) < self.count())
            && self.level0.iter().all(|link| self.is_link_sound(*link, 0))
            && (0..self.count() as u32).all(|vector| {
                let mut layers = 1..self.layers(vector);
                layers.all(|layer| {
                    let mut links = self.links(vector, layer).iter();
                    links.all(|link| self.is_link_sound(*link, layer))
                })
            })
    }

    fn has_sound_lengths(&self) -> bool {
        let vectors = self.count();
        let is_valid_offset = |pair: &[u32]| match pair {
            [start, end] => end.checked_sub(*start).is_some_and(|length| {
                let length = length as usize;
                length.is_multiple_of(M) && length < MAX_LAYERS * M
            }),
            _ => false,
        };
        let end = self.level_offsets.last().map(|end| *end as usize);
        vectors <= MAX_VECTORS
            && vectors.checked_mul(self.dims) == Some(self.vectors.len())
            && vectors.checked_mul(2 * M) == Some(self.level0.len())
            && vectors.checked_add(1) == Some(self.level_offsets.len())
            && self.level_offsets.first() == Some(&0)
            && self.level_offsets.windows(2).all(is_valid_offset)
            && end == Some(self.upper_levels.len())
    }

    /// Whether a link ends its list or leads to a vector on its layer. The lengths
    /// must be sound.
    fn is_link_sound(&self, link: u32, layer: usize) -> bool {
        link == NO_LINK || ((link as usize) < self.count() && self.layers(link) > layer)
    }

    /// The vectors nearest to `query`, which has unit length, in descending order:
    /// up to `ef`, which is [`MAX_EF`] at most. A larger `ef` increases recall.
    pub fn search(&self, query: &[f32], ef: usize, visited: &mut VisitedList) -> Vec<ScoredVector> {
        let found = self.search_filtered(query, ef, |_| true, usize::MAX, visited);
        found.unwrap_or_default()
    }

    /// The same among the vectors that pass a filter; the path may lead over others.
    /// `None` once the search has compared more than `max_compared` vectors.
    pub fn search_filtered(
        &self,
        query: &[f32],
        ef: usize,
        passes: impl Fn(u32) -> bool,
        max_compared: usize,
        visited: &mut VisitedList,
    ) -> Option<Vec<ScoredVector>> {
        if self.entry_point as usize >= self.len() {
            return Some(Vec::new());
        }
        let mut near = vec![score(self, query, self.entry_point)];
        for layer in (1..self.layers(self.entry_point)).rev() {
            near = search_greedily(self, query, near[0], layer);
        }
        let search = LayerSearch {
            ef: ef.clamp(1, MAX_EF).min(self.len()),
            passes,
            max_compared,
        };
        search_layer(self, query, &near, 0, search, visited)
    }

    /// The `count` nearest of `vectors`, in descending order: compares all of them, on
    /// all cores.
    pub fn search_exact(&self, query: &[f32], vectors: &[u32], count: usize) -> Vec<ScoredVector> {
        let tasks: Vec<&[u32]> = vectors.chunks(TASK_VECTORS).collect();
        let mut best = vec![Vec::new(); tasks.len()];
        parallel_for_each(tasks.iter().zip(&mut best), |(task, best)| {
            let scored = task.iter().enumerate().map(|(at, vector)| {
                if let Some(next) = task.get(at + 1) {
                    prefetch(self.vector(*next));
                }
                score(self, query, *vector)
            });
            *best = top_k(scored.collect(), count);
        });
        top_k(best.concat(), count)
    }
}

/// Greedy search on one layer, from `from`: the vector that is nearer than all its
/// neighbours.
pub(super) fn search_greedily(
    graph: &impl GraphAccess,
    query: &[f32],
    from: ScoredVector,
    layer: usize,
) -> Vec<ScoredVector> {
    let mut best = from;
    loop {
        let before = best;
        for link in graph.links(before.vector, layer) {
            if *link as usize >= graph.len() {
                break;
            }
            best = best.max(score(graph, query, *link));
        }
        // Compared by number: a damaged vector's score may be NaN.
        if best.vector == before.vector {
            return vec![best];
        }
    }
}

/// Parameters of the search on one layer.
pub(super) struct LayerSearch<P> {
    pub ef: usize,
    /// Filter of the results.
    pub passes: P,
    /// Maximum number of compared vectors.
    pub max_compared: usize,
}

/// The nearest vectors on one layer, from `from`, in descending order. `None` once
/// the search has compared too many vectors.
pub(super) fn search_layer(
    graph: &impl GraphAccess,
    query: &[f32],
    from: &[ScoredVector],
    layer: usize,
    search: LayerSearch<impl Fn(u32) -> bool>,
    visited: &mut VisitedList,
) -> Option<Vec<ScoredVector>> {
    let LayerSearch {
        ef,
        passes,
        max_compared,
    } = search;
    visited.reset(graph.len());
    let mut open: BinaryHeap<ScoredVector> = BinaryHeap::new();
    let mut best: BinaryHeap<Reverse<ScoredVector>> = BinaryHeap::with_capacity(ef + 1);
    for start in from {
        if visited.insert(start.vector) {
            open.push(*start);
            if passes(start.vector) {
                best.push(Reverse(*start));
            }
        }
    }
    let mut compared = open.len();
    let mut neighbours = Vec::with_capacity(2 * M);
    while let Some(next) = open.pop() {
        if best.len() >= ef && best.peek().is_some_and(|worst| next < worst.0) {
            break;
        }
        if compared > max_compared {
            return None;
        }
        let links = graph.links(next.vector, layer).iter().copied();
        let links = links.take_while(|link| (*link as usize) < graph.len());
        neighbours.clear();
        neighbours.extend(links.filter(|link| visited.insert(*link)));
        neighbours
            .iter()
            .for_each(|link| prefetch(graph.vector(*link)));
        compared += neighbours.len();
        for link in &neighbours {
            let scored = score(graph, query, *link);
            if best.len() < ef || best.peek().is_some_and(|worst| scored > worst.0) {
                open.push(scored);
                if !passes(*link) {
                    continue;
                }
                best.push(Reverse(scored));
                if best.len() > ef {
                    best.pop();
                }
            }
        }
    }
    let best = best.into_iter().map(|scored| scored.0).collect();
    Some(top_k(best, ef))
}
