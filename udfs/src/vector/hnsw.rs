//! Approximate search: hierarchical navigable small worlds, after Malkov and
//! Yashunin (TPAMI 2020).
//!
//! Built by all cores and yet the same for the same vectors and seed: vectors
//! are put in batch by batch, each batch looks for its neighbours in the graph
//! as it stood before and among itself, and the links are made in one order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::sync::Mutex;

use super::{dot, prefetch};
use crate::shares::each_share;

/// Links of a vector on the upper layers; on the lowest there are twice as many.
pub const LINKS: usize = 16;

/// Vectors that are looked at closely when one is put in.
const BREADTH: usize = 128;

/// Vectors that are put in at a time, at most.
const BATCH: usize = 512;

/// Layers at most.
const LAYERS: usize = 16;

/// Vectors that a core looks at before it takes the next ones, where all are
/// looked at.
const SHARE: usize = 1024;

/// The end of a list of links that is not full.
const END: u32 = u32::MAX;

/// Who is linked to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Vectors x twice [`LINKS`].
    pub base: Vec<u32>,
    /// Per vector, where its upper links begin in `upper`, in lists of
    /// [`LINKS`]; and where the last ones end.
    pub starts: Vec<u32>,
    pub upper: Vec<u32>,
    /// Where every search begins.
    pub entry: u32,
}

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

/// A vector and its product with what is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub score: f32,
    pub vector: u32,
}

impl Eq for Found {}

impl Ord for Found {
    /// Better ones are greater; of equal ones the first.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.vector.cmp(&self.vector))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
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

/// What a search needs of a graph.
trait Links {
    /// The neighbours of a vector on a layer, up to [`END`].
    fn of(&self, vector: u32, layer: usize) -> &[u32];
    fn layers(&self, vector: u32) -> usize;
    fn vector(&self, vector: u32) -> &[f32];
    fn len(&self) -> usize;
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

    /// Whether all links lead somewhere, as in a file that is whole.
    #[cfg(test)]
    pub fn is_sound(&self) -> bool {
        let vectors = self.len();
        let lengths = self.base.len() == vectors * 2 * LINKS
            && self.starts.len() == vectors + 1
            && self
                .starts
                .last()
                .is_some_and(|end| *end as usize == self.upper.len())
            && self
                .starts
                .windows(2)
                .all(|w| w[0] <= w[1] && ((w[1] - w[0]) as usize).is_multiple_of(LINKS));
        if !lengths {
            return false;
        }
        let entry = vectors == 0 || (self.entry as usize) < vectors;
        let leads = |link: &u32| *link == END || (*link as usize) < vectors;
        // A link on an upper layer leads to a vector that is on that layer.
        let on_layers = (0..vectors as u32).all(|vector| {
            let mut layers = 1..self.layers(vector);
            layers.all(|layer| {
                let mut links = self.of(vector, layer).iter();
                links.all(|link| leads(link) && (*link == END || self.layers(*link) > layer))
            })
        });
        entry && on_layers && self.base.iter().all(leads)
    }

    /// The vectors nearest to `query`, which has unit length, the best first:
    /// `breadth` of them or fewer. The larger `breadth`, the surer that they
    /// are the nearest.
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
            breadth: breadth.max(1),
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

/// The best of what is found, the very best first.
fn best_of(mut found: Vec<Found>, count: usize) -> Vec<Found> {
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(count);
    found
}

fn found(links: &impl Links, query: &[f32], vector: u32) -> Found {
    Found {
        score: dot(links.vector(vector), query),
        vector,
    }
}

/// The vector of a layer that is nearer than all its neighbours, going from
/// `from`.
fn descend(links: &impl Links, query: &[f32], from: Found, layer: usize) -> Vec<Found> {
    let mut best = from;
    loop {
        let before = best;
        for link in links.of(before.vector, layer) {
            if *link as usize >= links.len() {
                break;
            }
            best = best.max(found(links, query, *link));
        }
        if best == before {
            return vec![best];
        }
    }
}

/// What is looked for on a layer.
struct Wanted<P> {
    breadth: usize,
    /// Which vectors may be found.
    passes: P,
    /// Vectors that may be looked at.
    most: usize,
}

/// The best of a layer, going from `from`: the first is the best. `None` where
/// it takes more looking than is wanted.
fn explore(
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
    (layers as usize).min(LAYERS - 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::normalize;

    /// Vectors about some centres, as texts are about some things.
    fn vectors(count: usize, dims: usize) -> Vec<f32> {
        let mut state = 9u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        let centres: Vec<f32> = (0..20 * dims).map(|_| random()).collect();
        let mut all = Vec::new();
        for vector in 0..count {
            let centre = &centres[vector % 20 * dims..][..dims];
            let start = all.len();
            all.extend(centre.iter().map(|c| c + 0.6 * random()));
            normalize(&mut all[start..]);
        }
        all
    }

    fn view<'a>(vectors: &'a [f32], dims: usize, graph: &'a Graph) -> View<'a> {
        View {
            vectors,
            dims,
            base: &graph.base,
            starts: &graph.starts,
            upper: &graph.upper,
            entry: graph.entry,
        }
    }

    #[test]
    fn most_of_the_nearest_are_found() {
        let (dims, count) = (24, 3000);
        let all = vectors(count, dims);
        let graph = build(&all, dims, 1, &|_| false).unwrap();
        let view = view(&all, dims, &graph);
        assert!(view.is_sound());
        let mut seen = Seen::default();
        let mut hits = 0;
        for query in (0..count).step_by(30) {
            let query = &all[query * dims..][..dims];
            let mut exact: Vec<Found> = (0..count as u32)
                .map(|vector| found(&view, query, vector))
                .collect();
            exact.sort_unstable_by(|a, b| b.cmp(a));
            let near = view.search(query, 64, &mut seen);
            assert_eq!(near[0], exact[0]);
            hits += near[..10]
                .iter()
                .filter(|n| exact[..10].contains(n))
                .count();
        }
        assert!(hits >= 980, "{hits} of 1000");
    }

    #[test]
    fn the_same_vectors_and_seed_make_the_same_graph() {
        let all = vectors(1500, 8);
        let graph = build(&all, 8, 7, &|_| false).unwrap();
        assert_eq!(build(&all, 8, 7, &|_| false).unwrap(), graph);
        assert_ne!(build(&all, 8, 8, &|_| false).unwrap(), graph);
        assert_eq!(build(&all, 8, 7, &|done| done > 700), None);
    }

    #[test]
    fn few_and_equal_vectors_are_no_trouble() {
        let mut seen = Seen::default();
        let none = build(&[], 4, 0, &|_| false).unwrap();
        assert!(
            view(&[], 4, &none)
                .search(&[0.0; 4], 5, &mut seen)
                .is_empty()
        );
        let one = [1.0, 0.0];
        let graph = build(&one, 2, 0, &|_| false).unwrap();
        assert_eq!(view(&one, 2, &graph).search(&one, 5, &mut seen).len(), 1);
        let same = [1.0, 0.0].repeat(700);
        let graph = build(&same, 2, 0, &|_| false).unwrap();
        let near = view(&same, 2, &graph).search(&one, 10, &mut seen);
        assert_eq!(near.len(), 10);
    }

    #[test]
    fn damage_is_no_panic() {
        let all = vectors(100, 4);
        let mut graph = build(&all, 4, 0, &|_| false).unwrap();
        for damaged in [100, 1 << 30] {
            graph.base[5] = damaged;
            let view = view(&all, 4, &graph);
            assert!(!view.is_sound());
            view.search(&all[..4], 200, &mut Seen::default());
        }
    }
}
