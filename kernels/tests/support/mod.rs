//! Random weights and a plain f32 encoder.
#![allow(dead_code)]

use semql_kernels::{Activation, Dense, EmbeddingTables, EncoderShape, LayerWeights, Norm};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn floats(&mut self, count: usize, range: f32) -> Vec<f32> {
        (0..count)
            .map(|_| ((self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * range)
            .collect()
    }

    pub fn ids(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        (0..count)
            .map(|_| (self.next() % vocabulary as u64) as u32)
            .collect()
    }

    fn dense(&mut self, outputs: usize, inputs: usize) -> Dense {
        let range = 2.0 / (inputs as f32).sqrt();
        Dense {
            weights: self.floats(outputs * inputs, range),
            bias: self.floats(outputs, 0.2),
        }
    }

    fn norm(&mut self, hidden: usize) -> Norm {
        let weights = self.floats(hidden, 0.3).iter().map(|v| v + 1.0).collect();
        Norm {
            weights,
            bias: self.floats(hidden, 0.2),
        }
    }

    pub fn embeddings(
        &mut self,
        vocabulary: usize,
        positions: usize,
        hidden: usize,
    ) -> EmbeddingTables {
        EmbeddingTables {
            words: self.floats(vocabulary * hidden, 1.0),
            positions: self.floats(positions * hidden, 0.5),
            norm: self.norm(hidden),
        }
    }

    pub fn layer(&mut self, shape: &EncoderShape) -> LayerWeights {
        let (hidden, intermediate) = (shape.hidden, shape.intermediate);
        LayerWeights {
            query: self.dense(hidden, hidden),
            key: self.dense(hidden, hidden),
            value: self.dense(hidden, hidden),
            attention_output: self.dense(hidden, hidden),
            attention_norm: self.norm(hidden),
            up: self.dense(intermediate, hidden),
            down: self.dense(hidden, intermediate),
            output_norm: self.norm(hidden),
        }
    }
}

fn linear(x: &[f32], inputs: usize, dense: &Dense) -> Vec<f32> {
    let mut out = Vec::new();
    for row in x.chunks_exact(inputs) {
        for (weights, bias) in dense.weights.chunks_exact(inputs).zip(&dense.bias) {
            out.push(row.iter().zip(weights).map(|(a, b)| a * b).sum::<f32>() + bias);
        }
    }
    out
}

fn normalize(x: &mut [f32], norm: &Norm, epsilon: f32) {
    let n = norm.weights.len();
    for row in x.chunks_exact_mut(n) {
        let mean = row.iter().sum::<f32>() / n as f32;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n as f32;
        for (j, v) in row.iter_mut().enumerate() {
            *v = (*v - mean) / (variance + epsilon).sqrt() * norm.weights[j] + norm.bias[j];
        }
    }
}

fn activate(x: f32, activation: Activation) -> f32 {
    // The tanh formula is within 5e-4 of the exact GELU.
    let gelu = 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x.powi(3))).tanh());
    if activation == Activation::Relu {
        x.max(0.0)
    } else {
        gelu
    }
}

fn attention(q: &[f32], k: &[f32], v: &[f32], shape: &EncoderShape) -> Vec<f32> {
    let (hidden, size) = (shape.hidden, shape.hidden / shape.heads);
    let tokens = q.len() / hidden;
    let mut out = vec![0.0; q.len()];
    for head in 0..shape.heads {
        let part = |x: &[f32], token: usize| x[token * hidden + head * size..][..size].to_vec();
        for query in 0..tokens {
            let row = part(q, query);
            let dot = |key: usize| {
                row.iter()
                    .zip(part(k, key))
                    .map(|(a, b)| a * b)
                    .sum::<f32>()
            };
            let scores: Vec<f32> = (0..tokens)
                .map(|key| dot(key) / (size as f32).sqrt())
                .collect();
            let largest = scores.iter().fold(f32::MIN, |a, b| a.max(*b));
            let weights: Vec<f32> = scores.iter().map(|s| (s - largest).exp()).collect();
            let total: f32 = weights.iter().sum();
            for (key, weight) in weights.iter().enumerate() {
                for (j, value) in part(v, key).iter().enumerate() {
                    out[query * hidden + head * size + j] += weight / total * value;
                }
            }
        }
    }
    out
}

/// Token vectors of one text in f32.
pub fn plain_encode(
    shape: &EncoderShape,
    embeddings: &EmbeddingTables,
    layers: &[LayerWeights],
    ids: &[u32],
) -> Vec<f32> {
    let hidden = shape.hidden;
    let mut x = Vec::new();
    for (position, id) in ids.iter().enumerate() {
        let word = &embeddings.words[*id as usize * hidden..][..hidden];
        x.extend(
            word.iter()
                .zip(&embeddings.positions[position * hidden..])
                .map(|(a, b)| a + b),
        );
    }
    normalize(&mut x, &embeddings.norm, shape.norm_epsilon);
    for layer in layers {
        let [q, k, v] =
            [&layer.query, &layer.key, &layer.value].map(|dense| linear(&x, hidden, dense));
        let context = attention(&q, &k, &v, shape);
        let output = linear(&context, hidden, &layer.attention_output);
        x.iter_mut().zip(&output).for_each(|(a, b)| *a += b);
        normalize(&mut x, &layer.attention_norm, shape.norm_epsilon);
        let mut up = linear(&x, hidden, &layer.up);
        up.iter_mut()
            .for_each(|v| *v = activate(*v, shape.activation));
        let down = linear(&up, shape.intermediate, &layer.down);
        x.iter_mut().zip(&down).for_each(|(a, b)| *a += b);
        normalize(&mut x, &layer.output_norm, shape.norm_epsilon);
    }
    x
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
