//! Repulsion of points in the plane, approximated by a Barnes-Hut quadtree.
//!
//! Points form groups of near points. A group shares one list of the cells and
//! points that repel it, so that the sums of its points are vectorized.

/// Points in a group.
pub const LANES: usize = 16;

/// Largest number of points in a leaf.
const MAX_LEAF_POINTS: usize = 8;

/// Depth of the tree: halvings of the square that contains all points.
const MAX_DEPTH: u32 = 16;

/// Barnes-Hut theta: a cell whose width is a smaller share of its distance
/// counts as one point.
const THETA: f32 = 0.5;

/// Quadtree over points.
pub struct Quadtree {
    /// Indices of the points in the order of the tree.
    pub order: Vec<u32>,
    /// Points in the order of the tree.
    points: Vec<[f32; 2]>,
    /// Cells in pre-order.
    cells: Vec<Cell>,
}

struct Cell {
    /// Mean and number of its points.
    mean: [f32; 2],
    count: f32,
    /// Squared width.
    squared_width: f32,
    /// Index of the first cell after its descendants.
    next: u32,
    /// Points of a leaf; empty for other cells.
    leaf: std::ops::Range<u32>,
}

/// Position and weight (in points) of a cell or point that repels others.
pub type PointMass = [f32; 3];

/// Repulsion of the points of a group: sums over all points.
#[derive(Clone, Copy)]
pub struct Repulsion {
    pub x: [f32; LANES],
    pub y: [f32; LANES],
    /// Sum of 1 / (1 + squared distance), the point itself included.
    pub similarity: [f32; LANES],
}

impl Quadtree {
    pub fn new(points: &[[f32; 2]]) -> Self {
        let (low, width) = square(points);
        let mut keys: Vec<u64> = points
            .iter()
            .enumerate()
            .map(|(at, point)| (u64::from(morton_code(*point, low, width)) << 32) | at as u64)
            .collect();
        radix_sort(&mut keys);
        let order: Vec<u32> = keys.iter().map(|key| *key as u32).collect();
        let codes: Vec<u32> = keys.iter().map(|key| (*key >> 32) as u32).collect();
        let mut tree = Self {
            points: order.iter().map(|at| points[*at as usize]).collect(),
            order,
            cells: Vec::with_capacity(points.len() / 2 + 1),
        };
        tree.add(&codes, 0, width, MAX_DEPTH);
        tree
    }

    /// Adds the cell of the points from `first` with these Morton codes, and its
    /// descendants. Returns sum and count of the points.
    fn add(&mut self, codes: &[u32], first: usize, width: f32, level: u32) -> [f64; 3] {
        let at = self.cells.len();
        self.cells.push(Cell {
            mean: [0.0; 2],
            count: 0.0,
            squared_width: width * width,
            next: 0,
            leaf: 0..0,
        });
        let mut sums = [0f64; 3];
        if codes.len() <= MAX_LEAF_POINTS || level == 0 {
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

    /// Repulsion of the points `first..first + LANES` of the order; `list` saves
    /// allocations.
    pub fn repulsion(&self, first: usize, list: &mut Vec<PointMass>) -> Repulsion {
        let group = &self.points[first..(first + LANES).min(self.points.len())];
        self.list_masses(group, list);
        let (mut x, mut y) = ([0f32; LANES], [0f32; LANES]);
        for lane in 0..LANES {
            // The missing points of a short last group are not read.
            let point = group.get(lane).unwrap_or(&group[0]);
            (x[lane], y[lane]) = (point[0], point[1]);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features of the function.
            return unsafe { repulsion_with_avx2(&x, &y, list) };
        }
        repulsion(&x, &y, list, |a, b, sum| sum + a * b)
    }

    /// Lists the distant cells and the near points that repel a group.
    fn list_masses(&self, group: &[[f32; 2]], list: &mut Vec<PointMass>) {
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
            if cell.squared_width < THETA * THETA * distance {
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

/// Lower corner and width of a square that contains all points.
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

/// Morton code of a point in the square: the bits of both axes interleaved.
/// Points with the same upper bits are in the same cell.
fn morton_code(point: [f32; 2], low: [f32; 2], width: f32) -> u32 {
    let max = (1u32 << MAX_DEPTH) - 1;
    let bits = |axis: usize| {
        let share = (point[axis] - low[axis]) / width;
        spread_bits(((share * (1u32 << MAX_DEPTH) as f32) as u32).min(max))
    };
    bits(0) | (bits(1) << 1)
}

/// Inserts a 0 bit above each of the lower 16 bits.
fn spread_bits(bits: u32) -> u32 {
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

/// Stable radix sort by the upper 32 bits.
fn radix_sort(keys: &mut Vec<u64>) {
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
fn repulsion_with_avx2(x: &[f32; LANES], y: &[f32; LANES], list: &[PointMass]) -> Repulsion {
    repulsion(x, y, list, |a, b, sum| a.mul_add(b, sum))
}

#[inline(always)]
fn repulsion(
    x: &[f32; LANES],
    y: &[f32; LANES],
    list: &[PointMass],
    add: impl Fn(f32, f32, f32) -> f32,
) -> Repulsion {
    let mut repulsion = Repulsion {
        x: [0.0; LANES],
        y: [0.0; LANES],
        similarity: [0.0; LANES],
    };
    for [from_x, from_y, count] in list {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - from_x, y[lane] - from_y);
            let near = 1.0 / add(dx, dx, add(dy, dy, 1.0));
            let all = count * near;
            repulsion.similarity[lane] += all;
            let push = all * near;
            repulsion.x[lane] = add(push, dx, repulsion.x[lane]);
            repulsion.y[lane] = add(push, dy, repulsion.y[lane]);
        }
    }
    repulsion
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::random::Random;

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
    fn repulsion_is_near_the_exact_sum() {
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
            let repulsion = tree.repulsion(first, &mut Vec::new());
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
                    (repulsion.similarity[lane] - near).abs() < 0.02 * near,
                    "{first} {lane}"
                );
                off += (repulsion.x[lane] - x).powi(2);
                size += x.powi(2);
            }
        }
        assert!(off < 1e-3 * size, "{off} of {size}");
    }

    #[test]
    fn equal_points_and_no_points_make_a_tree() {
        let tree = Quadtree::new(&[[3.0, 4.0]; 100]);
        let repulsion = tree.repulsion(96, &mut Vec::new());
        assert_eq!(
            (repulsion.x[0], repulsion.y[3], repulsion.similarity[1]),
            (0.0, 0.0, 100.0)
        );
        assert!(Quadtree::new(&[]).order.is_empty());
    }
}
