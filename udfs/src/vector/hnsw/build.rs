//! How a graph comes about.
//!
//! By all cores and yet the same for the same vectors and seed: vectors are put
//! in batch by batch, each batch looks for its neighbours in the graph as it
//! stood before and among itself, and the links are made in one order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use super::search::{Seen, Wanted, descend, explore};
use super::{END, Found, Graph, LINKS, Links, MAX_LAYERS, found};
use crate::shares::{cores, each_share};
use crate::vector::dot;

/// Vectors that are looked at closely when one is put in.
const BREADTH: usize = 128;

/// Vectors that are put in at a time, at most.
const BATCH: usize = 512;

/// A graph that grows.
struct Growing<'a> {
    vectors: &'a [f32],
    dims: usize,
    base: Vec<u32>,
    /// Per vector, a list for each of its upper layers.
    upper: Vec<Vec<[u32; LINKS]>>,
}

impl Links for Growing<'_> {
    fn of(&self, vector: u32, layer: usize) -> &[u32] {
        match layer {
            0 => &self.base[vector as usize * 2 * LINKS..][..2 * LINKS],
            layer => &self.upper[vector as usize][layer - 1][..],
        }
    }

    fn layers(&self, vector: u32) -> usize {
        1 + self.upper[vector as usize].len()
    }

    fn vector(&self, vector: u32) -> &[f32] {
        &self.vectors[vector as usize * self.dims..][..self.dims]
    }

    fn len(&self) -> usize {
        self.upper.len()
    }
}

/// Bytes that [`build`] takes for so many vectors; `None` where they cannot be
/// counted.
pub fn build_memory(vectors: usize) -> Option<usize> {
    let links = size_of::<[u32; LINKS]>();
    // One vector in LINKS - 1 has a list on an upper layer, held twice at the end.
    let upper = size_of::<Vec<[u32; LINKS]>>() + 2 * links.div_ceil(LINKS - 1);
    let visited = cores() * size_of::<u32>();
    let each = 2 * links + upper + size_of::<u32>() + visited;
    vectors.checked_mul(each)
}

/// Builds the graph of `vectors` (of unit length, x `dims`), by all cores;
/// `halted` is asked between batches, with how many are in. `None` once it says
/// so.
pub fn build(
    vectors: &[f32],
    dims: usize,
    seed: u64,
    halted: &(dyn Fn(usize) -> bool + Sync),
) -> Option<Graph> {
    let count = vectors.len().checked_div(dims).unwrap_or(0);
    let mut growing = Growing {
        vectors,
        dims,
        base: vec![END; count * 2 * LINKS],
        upper: (0..count)
            .map(|vector| vec![[END; LINKS]; upper_layers(vector as u64, seed)])
            .collect(),
    };
    let mut entry = 0u32;
    let idle: Mutex<Vec<Seen>> = Mutex::default();
    let mut start = 1.min(count);
    while start < count {
        if halted(start) {
            return None;
        }
        let batch = start..count.min(start + start.min(BATCH));
        let chosen = growing.neighbours(&batch, entry, &idle);
        growing.link(&batch, chosen);
        for vector in batch.clone() {
            if growing.layers(vector as u32) > growing.layers(entry) {
                entry = vector as u32;
            }
        }
        start = batch.end;
    }
    let mut starts = vec![0u32];
    let mut upper = Vec::new();
    for layers in &growing.upper {
        upper.extend(layers.iter().flatten());
        starts.push(upper.len() as u32);
    }
    Some(Graph {
        base: growing.base,
        starts,
        upper,
        entry,
    })
}

/// How many layers above the lowest a vector is on: each has a share of one in
/// [`LINKS`] of those below.
fn upper_layers(vector: u64, seed: u64) -> usize {
    // SplitMix64.
    let mut bits = (vector ^ seed.rotate_left(32)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let unit = ((bits >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    let layers = -unit.ln() / (LINKS as f64).ln();
    (layers as usize).min(MAX_LAYERS - 1)
}

/// Per layer of a vector, the neighbours chosen for it.
type Chosen = Vec<Vec<Found>>;

impl Growing<'_> {
    /// The neighbours of each vector of a batch, in the graph as it is and
    /// among those before it in the batch.
    fn neighbours(&self, batch: &Range<usize>, entry: u32, idle: &Mutex<Vec<Seen>>) -> Vec<Chosen> {
        let mut chosen = vec![Chosen::new(); batch.len()];
        each_share(batch.clone().zip(&mut chosen), |(vector, chosen)| {
            let idle = || idle.lock().unwrap_or_else(|dead| dead.into_inner());
            let mut seen = idle().pop().unwrap_or_default();
            *chosen = self.neighbours_of(vector as u32, batch.start as u32, entry, &mut seen);
            idle().push(seen);
        });
        chosen
    }

    fn neighbours_of(&self, vector: u32, first: u32, entry: u32, seen: &mut Seen) -> Chosen {
        let query = self.vector(vector);
        let layers = self.layers(vector);
        let mut near = vec![found(self, query, entry)];
        for layer in (layers..self.layers(entry)).rev() {
            near = descend(self, query, near[0], layer);
        }
        let among_itself: Vec<Found> = (first..vector)
            .map(|other| found(self, query, other))
            .collect();
        let mut chosen = vec![Vec::new(); layers];
        for layer in (0..layers).rev() {
            let mut candidates = Vec::new();
            if layer < self.layers(entry) {
                let wanted = Wanted {
                    breadth: BREADTH,
                    passes: |_| true,
                    most: usize::MAX,
                };
                near = explore(self, query, &near, layer, wanted, seen).unwrap_or_default();
                candidates.extend_from_slice(&near);
            }
            let others = among_itself.iter().copied();
            candidates.extend(others.filter(|other| self.layers(other.vector) > layer));
            candidates.sort_unstable_by(|a, b| b.cmp(a));
            chosen[layer] = self.apart(candidates, LINKS);
        }
        chosen
    }

    /// Of candidates, the best first, up to `most` that lie apart: each is
    /// nearer to the vector than to any that is chosen already. What is left
    /// over fills up.
    fn apart(&self, candidates: Vec<Found>, most: usize) -> Vec<Found> {
        if candidates.len() <= most {
            return candidates;
        }
        let (mut chosen, mut left): (Vec<Found>, Vec<Found>) = (Vec::new(), Vec::new());
        for candidate in candidates {
            if chosen.len() >= most {
                break;
            }
            let own = self.vector(candidate.vector);
            let apart = chosen
                .iter()
                .all(|other| dot(own, self.vector(other.vector)) < candidate.score);
            if apart {
                chosen.push(candidate);
            } else {
                left.push(candidate);
            }
        }
        let room = most - chosen.len();
        chosen.extend(left.into_iter().take(room));
        chosen
    }

    /// Links the vectors of a batch to those chosen for them, and back.
    fn link(&mut self, batch: &Range<usize>, chosen: Vec<Chosen>) {
        let mut back: BTreeMap<(usize, u32), Vec<Found>> = BTreeMap::new();
        for (vector, layers) in batch.clone().zip(chosen) {
            for (layer, neighbours) in layers.into_iter().enumerate() {
                for neighbour in &neighbours {
                    let own = Found {
                        vector: vector as u32,
                        ..*neighbour
                    };
                    let of = back.entry((layer, neighbour.vector)).or_default();
                    of.push(own);
                }
                self.set(vector as u32, layer, &neighbours);
            }
        }
        let back: Vec<((usize, u32), Vec<Found>)> = back.into_iter().collect();
        let mut renewed = vec![Vec::new(); back.len()];
        each_share(
            back.iter().zip(&mut renewed),
            |(((layer, vector), new), renewed)| {
                *renewed = self.with_more(*vector, *layer, new);
            },
        );
        for (((layer, vector), _), links) in back.iter().zip(renewed) {
            self.set(*vector, *layer, &links);
        }
    }

    /// The links of a vector with new ones among them, as many as there is room
    /// for.
    fn with_more(&self, vector: u32, layer: usize, new: &[Found]) -> Vec<Found> {
        let room = if layer == 0 { 2 * LINKS } else { LINKS };
        let own = self.vector(vector);
        let old = self
            .of(vector, layer)
            .iter()
            .take_while(|link| **link != END);
        let mut all: Vec<Found> = old.map(|link| found(self, own, *link)).collect();
        all.extend_from_slice(new);
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup_by_key(|found| found.vector);
        self.apart(all, room)
    }

    fn set(&mut self, vector: u32, layer: usize, links: &[Found]) {
        let list = match layer {
            0 => &mut self.base[vector as usize * 2 * LINKS..][..2 * LINKS],
            layer => &mut self.upper[vector as usize][layer - 1][..],
        };
        list.fill(END);
        for (slot, link) in list.iter_mut().zip(links) {
            *slot = link.vector;
        }
    }
}
