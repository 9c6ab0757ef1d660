//! What is near, along the links of a graph or one by one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{END, Found, LINKS, Links, MAX_EF, MAX_LAYERS, MAX_VECTORS, best_of, found};
use crate::shares::each_share;
use crate::vector::prefetch;

/// Vectors that a core looks at before it takes the next ones, where all are
/// looked at.
const SHARE: usize = 1024;

/// A graph and its vectors, wherever they lie.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Vectors of unit length x `dims`.
    pub vectors: &'a [f32],
    pub dims: usize,
    pub base: &'a [u32],
    pub starts: &'a [u32],
    pub upper: &'a [u32],
    pub entry: u32,
}

/// Which vectors a search has seen; kept from one to the next.
#[derive(Debug, Default)]
pub struct Seen {
    stamps: Vec<u32>,
    now: u32,
}

impl Seen {
    fn begin(&mut self, vectors: usize) {
        self.stamps.resize(vectors.max(self.stamps.len()), 0);
        self.now = self.now.wrapping_add(1);
        if self.now == 0 {
            self.stamps.fill(0);
            self.now = 1;
        }
    }

    /// Whether the vector is seen for the first time.
    fn first(&mut self, vector: u32) -> bool {
        let stamp = &mut self.stamps[vector as usize];
        let first = *stamp != self.now;
        *stamp = self.now;
        first
    }
}

impl Links for View<'_> {
    fn of(&self, vector: u32, layer: usize) -> &[u32] {
        // What a damaged file says of links may be anything.
        let (links, start, most) = match layer {
            0 => (self.base, vector as usize * 2 * LINKS, 2 * LINKS),
            layer => {
                let start = self.starts[vector as usize] as usize;
                (self.upper, start + (layer - 1) * LINKS, LINKS)
            }
        };
        links.get(start..start + most).unwrap_or_default()
    }

    fn layers(&self, vector: u32) -> usize {
        let at = vector as usize;
        1 + self.starts[at + 1].saturating_sub(self.starts[at]) as usize / LINKS
    }

    fn vector(&self, vector: u32) -> &[f32] {
        View::vector(self, vector)
    }

    fn len(&self) -> usize {
        self.count()
    }
}

impl<'a> View<'a> {
    /// How many vectors there are.
    pub fn count(&self) -> usize {
        self.vectors.len().checked_div(self.dims).unwrap_or(0)
    }

    /// One of the vectors.
    pub fn vector(&self, vector: u32) -> &'a [f32] {
        &self.vectors[vector as usize * self.dims..][..self.dims]
    }

    /// Whether the lists have the lengths of a graph of these vectors, and all
    /// links lead to vectors that are on the link's layer.
    pub fn is_sound(&self) -> bool {
        self.has_sound_lengths()
            && (self.count() == 0 || (self.entry as usize) < self.count())
            && self.base.iter().all(|link| self.is_link_sound(*link, 0))
            && (0..self.count() as u32).all(|vector| {
                let mut layers = 1..self.layers(vector);
                layers.all(|layer| {
                    let mut links = self.of(vector, layer).iter();
                    links.all(|link| self.is_link_sound(*link, layer))
                })
            })
    }

    fn has_sound_lengths(&self) -> bool {
        let vectors = self.count();
        let rises = |pair: &[u32]| match pair {
            [start, end] => end.checked_sub(*start).is_some_and(|length| {
                let length = length as usize;
                length.is_multiple_of(LINKS) && length < MAX_LAYERS * LINKS
            }),
            _ => false,
        };
        let end = self.starts.last().map(|end| *end as usize);
        vectors <= MAX_VECTORS
            && vectors.checked_mul(self.dims) == Some(self.vectors.len())
            && vectors.checked_mul(2 * LINKS) == Some(self.base.len())
            && vectors.checked_add(1) == Some(self.starts.len())
            && self.starts.first() == Some(&0)
            && self.starts.windows(2).all(rises)
            && end == Some(self.upper.len())
    }

    /// Whether a link of that layer ends the list or leads to a vector there.
    /// The lengths must be sound.
    fn is_link_sound(&self, link: u32, layer: usize) -> bool {
        link == END || ((link as usize) < self.count() && self.layers(link) > layer)
    }

    /// The vectors nearest to `query`, which has unit length, the best first:
    /// `breadth` of them or fewer, and [`MAX_EF`] at most. The larger `breadth`,
    /// the surer that they are the nearest.
    pub fn search(&self, query: &[f32], breadth: usize, seen: &mut Seen) -> Vec<Found> {
        let all = self.search_among(query, breadth, |_| true, usize::MAX, seen);
        all.unwrap_or_default()
    }

    /// The same among the vectors that `passes` says; `None` once more than
    /// `most` have been looked at. The way leads over others too.
    pub fn search_among(
        &self,
        query: &[f32],
        breadth: usize,
        passes: impl Fn(u32) -> bool,
        most: usize,
        seen: &mut Seen,
    ) -> Option<Vec<Found>> {
        if self.entry as usize >= self.len() {
            return Some(Vec::new());
        }
        let mut near = vec![found(self, query, self.entry)];
        for layer in (1..self.layers(self.entry)).rev() {
            near = descend(self, query, near[0], layer);
        }
        let wanted = Wanted {
            breadth: breadth.clamp(1, MAX_EF).min(self.len()),
            passes,
            most,
        };
        explore(self, query, &near, 0, wanted, seen)
    }

    /// The nearest of `vectors`, the best first, by looking at each: up to
    /// `count`, by all cores.
    pub fn nearest_of(&self, query: &[f32], vectors: &[u32], count: usize) -> Vec<Found> {
        let shares: Vec<&[u32]> = vectors.chunks(SHARE).collect();
        let mut best = vec![Vec::new(); shares.len()];
        each_share(shares.iter().zip(&mut best), |(share, best)| {
            let own = share.iter().enumerate().map(|(at, vector)| {
                if let Some(soon) = share.get(at + 1) {
                    prefetch(self.vector(*soon));
                }
                found(self, query, *vector)
            });
            *best = best_of(own.collect(), count);
        });
        best_of(best.concat(), count)
    }
}

/// The vector of a layer that is nearer than all its neighbours, going from
/// `from`.
pub(super) fn descend(links: &impl Links, query: &[f32], from: Found, layer: usize) -> Vec<Found> {
    let mut best = from;
    loop {
        let before = best;
        for link in links.of(before.vector, layer) {
            if *link as usize >= links.len() {
                break;
            }
            best = best.max(found(links, query, *link));
        }
        // Compared by number: a damaged vector's score may be NaN.
        if best.vector == before.vector {
            return vec![best];
        }
    }
}

/// What is looked for on a layer.
pub(super) struct Wanted<P> {
    pub breadth: usize,
    /// Which vectors may be found.
    pub passes: P,
    /// Vectors that may be looked at.
    pub most: usize,
}

/// The best of a layer, going from `from`: the first is the best. `None` where
/// it takes more looking than is wanted.
pub(super) fn explore(
    links: &impl Links,
    query: &[f32],
    from: &[Found],
    layer: usize,
    wanted: Wanted<impl Fn(u32) -> bool>,
    seen: &mut Seen,
) -> Option<Vec<Found>> {
    let Wanted {
        breadth,
        passes,
        most,
    } = wanted;
    seen.begin(links.len());
    let mut open: BinaryHeap<Found> = BinaryHeap::new();
    let mut best: BinaryHeap<Reverse<Found>> = BinaryHeap::with_capacity(breadth + 1);
    for found in from {
        if seen.first(found.vector) {
            open.push(*found);
            if passes(found.vector) {
                best.push(Reverse(*found));
            }
        }
    }
    let mut looked = open.len();
    let mut met = Vec::with_capacity(2 * LINKS);
    while let Some(next) = open.pop() {
        if best.len() >= breadth && best.peek().is_some_and(|worst| next < worst.0) {
            break;
        }
        if looked > most {
            return None;
        }
        let own = links.of(next.vector, layer).iter().copied();
        let own = own.take_while(|link| (*link as usize) < links.len());
        met.clear();
        met.extend(own.filter(|link| seen.first(*link)));
        met.iter().for_each(|link| prefetch(links.vector(*link)));
        looked += met.len();
        for link in &met {
            let found = found(links, query, *link);
            if best.len() < breadth || best.peek().is_some_and(|worst| found > worst.0) {
                open.push(found);
                if !passes(*link) {
                    continue;
                }
                best.push(Reverse(found));
                if best.len() > breadth {
                    best.pop();
                }
            }
        }
    }
    let best = best.into_iter().map(|found| found.0).collect();
    Some(best_of(best, breadth))
}
