//! Metric adapter: turns vectors of rows into features of a classifier.
//!
//! It subtracts the mean, because vectors of an encoder share a direction without
//! information. With classes, it also shrinks directions that vary within classes:
//! within-class covariance normalization (Hatch, Kajarekar and Stolcke, Interspeech
//! 2006), with a share of the identity.

use faer::linalg::solvers::DenseSolveCore;
use faer::{MatRef, Side};

use semql_inference::vector::matrix::{Shape, multiply, transposed_multiply};
use semql_inference::vector::normalize;

/// Length of the vector of a text; n-grams of a column and kind have length 1.
const SCALE: f32 = 1.25;

/// Rows that are mapped at a time.
const CHUNK_ROWS: usize = 256;

/// Transformation of the vectors of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricAdapter {
    /// Values of the vector of a row.
    pub width: usize,
    /// Values of a block: the vector of a text.
    pub block: usize,
    /// Mean of the training rows.
    pub mean: Vec<f32>,
    /// Width x width; empty without a map.
    pub map: Vec<f32>,
}

impl MetricAdapter {
    /// Fits training rows (`vectors` is rows x width, with a block of `block` values
    /// for each text). `within_class` has the class of each row and the share of the
    /// identity, 0..1; without it there is no map.
    pub fn fit(
        vectors: &[f32],
        width: usize,
        block: usize,
        within_class: Option<(&[u32], f32)>,
    ) -> Self {
        let mut adapter = Self {
            width,
            block,
            mean: mean(vectors, width),
            map: Vec::new(),
        };
        if let Some((classes, identity)) = within_class {
            let mut features = vec![0.0; vectors.len()];
            adapter.apply(vectors, &mut features);
            adapter.map =
                within_class_map(&mut features, width, classes, identity).unwrap_or_default();
        }
        adapter
    }

    /// Writes the features of rows with these vectors, both rows x width. A block
    /// without a text stays zero.
    pub fn apply(&self, vectors: &[f32], out: &mut [f32]) {
        if self.width == 0 {
            return;
        }
        out.copy_from_slice(vectors);
        for row in out.chunks_exact_mut(self.width) {
            let blocks = row.chunks_exact_mut(self.block);
            for (block, mean) in blocks.zip(self.mean.chunks_exact(self.block)) {
                if block.iter().any(|v| *v != 0.0) {
                    block.iter_mut().zip(mean).for_each(|(v, m)| *v -= m);
                    normalize(block);
                }
            }
        }
        if !self.map.is_empty() {
            self.apply_map(out);
        }
        out.iter_mut().for_each(|v| *v *= SCALE);
    }

    fn apply_map(&self, rows: &mut [f32]) {
        let mut before = Vec::new();
        for rows in rows.chunks_mut(CHUNK_ROWS * self.width) {
            before.clear();
            before.extend_from_slice(rows);
            let shape = Shape {
                rows: rows.len() / self.width,
                inner: self.width,
                columns: self.width,
            };
            multiply(rows, &before, &self.map, shape);
            let pairs = rows.chunks_exact_mut(self.width);
            for (row, before) in pairs.zip(before.chunks_exact(self.width)) {
                let length = before.iter().map(|v| v * v).sum::<f32>().sqrt();
                normalize(row);
                row.iter_mut().for_each(|v| *v *= length);
            }
        }
    }
}

fn mean(vectors: &[f32], width: usize) -> Vec<f32> {
    let (mut mean, mut rows) = (vec![0f64; width], 0f64);
    for row in vectors.chunks_exact(width.max(1)) {
        if row.iter().any(|v| *v != 0.0) {
            rows += 1.0;
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m += f64::from(*v));
        }
    }
    mean.iter()
        .map(|sum| (sum / rows.max(1.0)) as f32)
        .collect()
}

/// Cholesky factor of the inverse of the within-class covariance. `None` if no rows
/// of a class differ.
fn within_class_map(
    features: &mut [f32],
    width: usize,
    classes: &[u32],
    identity: f32,
) -> Option<Vec<f32>> {
    let rows = classes.len();
    let count = classes.iter().max().map_or(0, |max| *max as usize + 1);
    let (mut centres, mut sizes) = (vec![0f32; count * width], vec![0f32; count]);
    for (row, class) in features.chunks_exact(width).zip(classes) {
        let class = *class as usize;
        sizes[class] += 1.0;
        let centre = &mut centres[class * width..][..width];
        centre.iter_mut().zip(row).for_each(|(c, v)| *c += v);
    }
    for (centre, size) in centres.chunks_exact_mut(width).zip(&sizes) {
        centre.iter_mut().for_each(|c| *c /= size.max(1.0));
    }
    for (row, class) in features.chunks_exact_mut(width).zip(classes) {
        let centre = &centres[*class as usize * width..][..width];
        row.iter_mut().zip(centre).for_each(|(v, c)| *v -= c);
    }
    let mut covariance = vec![0.0; width * width];
    let shape = Shape {
        rows: width,
        inner: rows,
        columns: width,
    };
    transposed_multiply(&mut covariance, features, features, shape);
    let trace: f32 = (0..width).map(|at| covariance[at * width + at]).sum();
    let mean = trace / width as f32;
    if mean <= 0.0 || !mean.is_finite() {
        return None;
    }
    covariance
        .iter_mut()
        .for_each(|v| *v *= (1.0 - identity) / mean);
    (0..width).for_each(|at| covariance[at * width + at] += identity);
    let covariance = MatRef::from_row_major_slice(&covariance, width, width);
    let inverse = covariance.llt(Side::Lower).ok()?.inverse();
    let root = inverse.llt(Side::Lower).ok()?;
    let root = root.L();
    let map: Vec<f32> = (0..width)
        .flat_map(|row| (0..width).map(move |column| root[(row, column)]))
        .collect();
    map.iter().all(|v| v.is_finite()).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes that differ in the first value, with noise in the second.
    fn rows() -> (Vec<f32>, Vec<u32>) {
        let noise = [-1.0, 0.4, 1.0, -0.6, 0.2, 0.9, -0.8, -0.1];
        let rows = noise.iter().enumerate();
        let vectors = rows.flat_map(|(row, noise)| [if row % 2 == 0 { 0.3 } else { -0.3 }, *noise]);
        (vectors.collect(), (0..8).map(|row| row % 2).collect())
    }

    #[test]
    fn the_map_moves_rows_of_a_class_together() {
        let (vectors, classes) = rows();
        let separation = |adapter: MetricAdapter| -> f32 {
            let mut out = vec![0.0; vectors.len()];
            adapter.apply(&vectors, &mut out);
            let angle = |a: usize, b: usize| {
                semql_inference::vector::dot(&out[2 * a..][..2], &out[2 * b..][..2])
            };
            let pairs = || (0..8usize).flat_map(|a| (0..8usize).map(move |b| (a, b)));
            let same: f32 = pairs()
                .filter(|(a, b)| a % 2 == b % 2)
                .map(|(a, b)| angle(a, b))
                .sum();
            let other: f32 = pairs()
                .filter(|(a, b)| a % 2 != b % 2)
                .map(|(a, b)| angle(a, b))
                .sum();
            same - other
        };
        let plain = separation(MetricAdapter::fit(&vectors, 2, 2, None));
        let adapted = separation(MetricAdapter::fit(&vectors, 2, 2, Some((&classes, 0.1))));
        assert!(adapted > 1.5 * plain, "{adapted} {plain}");
    }

    #[test]
    fn missing_texts_stay_zero_and_lengths_are_kept() {
        let adapter = MetricAdapter::fit(
            &[3.0, 4.0, 0.0, 0.0, 1.0, 0.0, 2.0, 2.0],
            4,
            2,
            Some((&[0, 0], 0.5)),
        );
        let mut out = [1.0; 4];
        adapter.apply(&[0.0; 4], &mut out);
        assert_eq!(out, [0.0; 4]);
        adapter.apply(&[3.0, 4.0, 0.0, 0.0], &mut out);
        let length = semql_inference::vector::dot(&out, &out).sqrt();
        assert!((length - SCALE).abs() < 1e-5, "{length}");
        // Classes of one row have no within-class covariance.
        assert!(
            MetricAdapter::fit(&[1.0, 0.0, 0.0, 1.0], 2, 2, Some((&[0, 1], 0.5)))
                .map
                .is_empty()
        );
    }
}
