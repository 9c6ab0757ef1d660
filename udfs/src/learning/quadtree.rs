//! The push of many points on each other, far ones taken together.
//!
//! Barnes and Hut's tree over points in the plane. Points are taken in groups
//! that lie close together: what pushes a group is listed once, and the list
//! works on all its points in one go.

/// Points in a group.
pub const LANES: usize = 16;

/// Points in a leaf at most.
const LEAF: usize = 8;

/// Levels of the tree: so many halvings of the square that holds all points.
const LEVELS: u32 = 16;

/// A cell that is smaller than this share of its distance counts as one point.
const ANGLE: f32 = 0.5;

/// A tree over points.
pub struct Quadtree {
    /// The points' numbers in the order of the tree.
    pub order: Vec<u32>,
    /// The points in that order.
    points: Vec<[f32; 2]>,
    /// Cells, each followed by the cells in it.
    cells: Vec<Cell>,
}

struct Cell {
    /// The mean of its points, and how many they are.
    mean: [f32; 2],
    count: f32,
    /// The square of its width.
    squared: f32,
    /// The cell that follows all that is in this one.
    next: u32,
    /// The points of a leaf; of other cells none.
    leaf: std::ops::Range<u32>,
}

/// Something that pushes: where it is, and how many points it stands for.
pub type Pusher = [f32; 3];

/// What pushes each point of a group.
#[derive(Clone, Copy)]
pub struct Pushes {
    pub x: [f32; LANES],
    pub y: [f32; LANES],
    /// The sum over all points of 1 / (1 + squared distance), itself included.
    pub near: [f32; LANES],
}

impl Quadtree {
    pub fn new(points: &[[f32; 2]]) -> Self {
        let (low, width) = square(points);
        let mut keys: Vec<u64> = points
            .iter()
            .enumerate()
            .map(|(at, point)| (u64::from(code(*point, low, width)) << 32) | at as u64)
            .collect();
        sort(&mut keys);
        let order: Vec<u32> = keys.iter().map(|key| *key as u32).collect();
        let codes: Vec<u32> = keys.iter().map(|key| (*key >> 32) as u32).collect();
        let mut tree = Self {
            points: order.iter().map(|at| points[*at as usize]).collect(),
            order,
            cells: Vec::with_capacity(points.len() / 2 + 1),
        };
        tree.add(&codes, 0, width, LEVELS);
        tree
    }

    /// Adds the cell of the points whose `codes` these are, the first of them
    /// being number `first`, and the cells in it; returns sum and count.
    fn add(&mut self, codes: &[u32], first: usize, width: f32, level: u32) -> [f64; 3] {
        let at = self.cells.len();
        self.cells.push(Cell {
            mean: [0.0; 2],
            count: 0.0,
            squared: width * width,
            next: 0,
            leaf: 0..0,
        });
        let mut sums = [0f64; 3];
        if codes.len() <= LEAF || level == 0 {
            for point in &self.points[first..first + codes.len()] {
                sums[0] += f64::from(point[0]);
                sums[1] += f64::from(point[1]);
            }
            sums[2] = codes.len() as f64;
            self.cells[at].leaf = first as u32..(first + codes.len()) as u32;
        } else {
            let (mut rest, mut from) = (codes, first);
            let quarter = |code: u32| (code >> (2 * (level - 1))) & 3;
            for wanted in 0..4 {
                let inside = rest.partition_point(|code| quarter(*code) <= wanted);
                let (inside, others) = rest.split_at(inside);
                if !inside.is_empty() {
                    let part = self.add(inside, from, width / 2.0, level - 1);
                    sums.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                }
                from += inside.len();
                rest = others;
            }
        }
        let next = self.cells.len() as u32;
        let cell = &mut self.cells[at];
        cell.next = next;
        cell.mean = [(sums[0] / sums[2]) as f32, (sums[1] / sums[2]) as f32];
        cell.count = sums[2] as f32;
        sums
    }

    /// What pushes the points `first..first + LANES` of the order; `list` saves
    /// allocations.
    pub fn push(&self, first: usize, list: &mut Vec<Pusher>) -> Pushes {
        let group = &self.points[first..(first + LANES).min(self.points.len())];
        self.list(group, list);
        let (mut x, mut y) = ([0f32; LANES], [0f32; LANES]);
        for lane in 0..LANES {
            // The last group may be short; what it lacks nobody reads.
            let point = group.get(lane).unwrap_or(&group[0]);
            (x[lane], y[lane]) = (point[0], point[1]);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { push_with_avx2(&x, &y, list) };
        }
        push(&x, &y, list, |a, b, sum| sum + a * b)
    }

    /// What pushes a group: cells that are far from all of it, and points.
    fn list(&self, group: &[[f32; 2]], list: &mut Vec<Pusher>) {
        list.clear();
        let (mut low, mut high) = (group[0], group[0]);
        for point in group {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let beyond = |axis: usize| {
                let mean = cell.mean[axis];
                (low[axis] - mean).max(mean - high[axis]).max(0.0)
            };
            let distance = beyond(0) * beyond(0) + beyond(1) * beyond(1);
            if cell.squared < ANGLE * ANGLE * distance {
                list.push([cell.mean[0], cell.mean[1], cell.count]);
                at = cell.next as usize;
            } else {
                let leaf = cell.leaf.start as usize..cell.leaf.end as usize;
                list.extend(
                    self.points[leaf]
                        .iter()
                        .map(|point| [point[0], point[1], 1.0]),
                );
                at += 1;
            }
        }
    }
}

/// The lower corner of a square that holds all points, and its width.
fn square(points: &[[f32; 2]]) -> ([f32; 2], f32) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in points {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    (
        low,
        (high[0] - low[0])
            .max(high[1] - low[1])
            .max(f32::MIN_POSITIVE),
    )
}

/// Where a point is in the square, the bits of both axes in turn: points whose
/// upper bits are the same lie in the same cell.
fn code(point: [f32; 2], low: [f32; 2], width: f32) -> u32 {
    let most = (1u32 << LEVELS) - 1;
    let bits = |axis: usize| {
        let share = (point[axis] - low[axis]) / width;
        spread(((share * (1u32 << LEVELS) as f32) as u32).min(most))
    };
    bits(0) | (bits(1) << 1)
}

/// 16 bits with a free place beside each.
fn spread(bits: u32) -> u32 {
    let mut bits = bits;
    for (shift, mask) in [
        (8, 0x00FF_00FF),
        (4, 0x0F0F_0F0F),
        (2, 0x3333_3333),
        (1, 0x5555_5555),
    ] {
        bits = (bits | (bits << shift)) & mask;
    }
    bits
}

/// Sorts by the upper 32 bits, those below staying in order.
fn sort(keys: &mut Vec<u64>) {
    const BITS: u32 = 11;
    let mut sorted = vec![0; keys.len()];
    for pass in 0..3 {
        let digit = |key: u64| ((key >> (32 + pass * BITS)) & ((1 << BITS) - 1)) as usize;
        let mut places = [0usize; 1 << BITS];
        keys.iter().for_each(|key| places[digit(*key)] += 1);
        let mut from = 0;
        for place in &mut places {
            from += std::mem::replace(place, from);
        }
        for key in keys.iter() {
            let place = &mut places[digit(*key)];
            sorted[*place] = *key;
            *place += 1;
        }
        std::mem::swap(keys, &mut sorted);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn push_with_avx2(x: &[f32; LANES], y: &[f32; LANES], list: &[Pusher]) -> Pushes {
    push(x, y, list, |a, b, sum| a.mul_add(b, sum))
}

#[inline(always)]
fn push(
    x: &[f32; LANES],
    y: &[f32; LANES],
    list: &[Pusher],
    add: impl Fn(f32, f32, f32) -> f32,
) -> Pushes {
    let mut pushes = Pushes {
        x: [0.0; LANES],
        y: [0.0; LANES],
        near: [0.0; LANES],
    };
    for [from_x, from_y, count] in list {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - from_x, y[lane] - from_y);
            let near = 1.0 / add(dx, dx, add(dy, dy, 1.0));
            let all = count * near;
            pushes.near[lane] += all;
            let push = all * near;
            pushes.x[lane] = add(push, dx, pushes.x[lane]);
            pushes.y[lane] = add(push, dy, pushes.y[lane]);
        }
    }
    pushes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::random::Random;

    fn points(count: usize) -> Vec<[f32; 2]> {
        let mut random = Random::new(4);
        (0..count)
            .map(|_| {
                [
                    random.unit() as f32 * 50.0,
                    random.unit().powi(3) as f32 * 80.0,
                ]
            })
            .collect()
    }

    #[test]
    fn pushes_are_nearly_those_of_every_point_by_itself() {
        let points = points(2_000);
        let tree = Quadtree::new(&points);
        let mut sorted = tree.order.clone();
        sorted.sort_unstable();
        assert!(
            sorted
                .iter()
                .enumerate()
                .all(|(at, order)| at == *order as usize)
        );
        let (mut off, mut size) = (0.0, 0.0);
        for first in (0..points.len()).step_by(LANES) {
            let pushes = tree.push(first, &mut Vec::new());
            for lane in 0..LANES.min(points.len() - first) {
                let own = points[tree.order[first + lane] as usize];
                let (mut near, mut x) = (0.0, 0.0);
                for other in &points {
                    let (dx, dy) = (own[0] - other[0], own[1] - other[1]);
                    let q = 1.0 / (1.0 + dx * dx + dy * dy);
                    near += q;
                    x += q * q * dx;
                }
                assert!(
                    (pushes.near[lane] - near).abs() < 0.02 * near,
                    "{first} {lane}"
                );
                off += (pushes.x[lane] - x).powi(2);
                size += x.powi(2);
            }
        }
        assert!(off < 1e-3 * size, "{off} of {size}");
    }

    #[test]
    fn points_in_one_place_are_a_tree_too() {
        let tree = Quadtree::new(&[[3.0, 4.0]; 100]);
        let pushes = tree.push(96, &mut Vec::new());
        assert_eq!(
            (pushes.x[0], pushes.y[3], pushes.near[1]),
            (0.0, 0.0, 100.0)
        );
        assert!(Quadtree::new(&[]).order.is_empty());
    }
}
