//! Attention by position: bias by distance, windows, and rotary positions.

use super::architecture::{Layer, RelativeBias};
use super::encoder::EncoderBuilder;
use super::proto::{AttributeProto, FLOAT};
use crate::models::ModelError;

/// Distance from which all tokens share a bucket.
const MAX_DISTANCE: f64 = 128.0;

/// Score of tokens that are not attended to. It is finite in 16 bits, and
/// exp(-30000) is 0.
pub(super) const MASKED_SCORE: f32 = -30000.0;

impl EncoderBuilder<'_> {
    /// What is added to the scores of `layer`: `[1, heads or 1, tokens, tokens]`.
    ///
    /// # Errors
    /// A missing weight, or one of another shape.
    pub fn position_bias(&mut self, layer: &Layer) -> Result<Option<String>, ModelError> {
        let relative = match &self.architecture.relative_bias {
            Some(bias) => Some(self.relative_bias(bias)?),
            None => None,
        };
        let window = layer.window.map(|window| self.window_bias(window));
        Ok(match (relative, window) {
            (Some(relative), Some(window)) => {
                Some(self.graph.op("Add", &[&relative, &window], &[]))
            }
            (relative, window) => relative.or(window),
        })
    }

    /// The bias of each pair of tokens by their distance.
    fn relative_bias(&mut self, bias: &RelativeBias) -> Result<String, ModelError> {
        if let Some(name) = &self.positions.relative {
            return Ok(name.clone());
        }
        let heads = self.spec.config.num_attention_heads;
        let weights = self.tensor(&bias.name, &[bias.buckets, heads])?.data;
        // One column for each offset, the lowest first.
        let longest = self.spec.max_tokens.max(1);
        let offsets = 1 - longest as i64..longest as i64;
        let columns: Vec<usize> = offsets.map(|offset| bucket(offset, bias.buckets)).collect();
        let table: Vec<f32> = (0..heads)
            .flat_map(|head| columns.iter().map(move |bucket| (bucket, head)))
            .map(|(bucket, head)| weights[bucket * heads + head])
            .collect();
        let table = self
            .graph
            .weights("relative", &[heads, columns.len()], &table);
        let offsets = self.offsets();
        let first = self.graph.ints(&[longest as i64 - 1]);
        let index = self.graph.op("Add", &[&offsets, &first], &[]);
        let axis = AttributeProto::int("axis", 1);
        let gathered = self.graph.op("Gather", &[&table, &index], &[axis]);
        let zero = self.graph.ints(&[0]);
        let name = self.graph.op("Unsqueeze", &[&gathered, &zero], &[]);
        self.positions.relative = Some(name.clone());
        Ok(name)
    }

    /// 0 within `window` tokens on each side, a low score beyond.
    fn window_bias(&mut self, window: usize) -> String {
        if let Some(name) = self.positions.windows.get(&window) {
            return name.clone();
        }
        let offsets = self.offsets();
        let distance = self.graph.op("Abs", &[&offsets], &[]);
        let limit = self.graph.ints(&[window as i64]);
        let beyond = self.graph.op("Greater", &[&distance, &limit], &[]);
        let to = AttributeProto::int("to", FLOAT.into());
        let beyond = self.graph.op("Cast", &[&beyond], &[to]);
        let masked = self.graph.floats("masked", &[], &[MASKED_SCORE]);
        let scores = self.graph.op("Mul", &[&beyond, &masked], &[]);
        let scores = self.cast_as_weights(&scores);
        let axes = self.graph.ints(&[0, 1]);
        let name = self.graph.op("Unsqueeze", &[&scores, &axes], &[]);
        self.positions.windows.insert(window, name.clone());
        name
    }

    /// `key - query` of the positions of all pairs of tokens.
    fn offsets(&mut self) -> String {
        if let Some(name) = &self.positions.offsets {
            return name.clone();
        }
        let positions = self.token_positions();
        let (zero, one) = (self.graph.ints(&[0]), self.graph.ints(&[1]));
        let keys = self.graph.op("Unsqueeze", &[&positions, &zero], &[]);
        let queries = self.graph.op("Unsqueeze", &[&positions, &one], &[]);
        let name = self.graph.op("Sub", &[&keys, &queries], &[]);
        self.positions.offsets = Some(name.clone());
        name
    }

    /// Positions of the tokens, from 0: `[tokens]`.
    fn token_positions(&mut self) -> String {
        let count = self.token_count();
        let zero = self.graph.ints(&[0]);
        let count = self.graph.op("Squeeze", &[&count, &zero], &[]);
        let start = self.graph.integer(0);
        let step = self.graph.integer(1);
        self.graph.op("Range", &[&start, &count, &step], &[])
    }

    /// Rotates each half-dimension pair of `x` `[batch, tokens, hidden]` by an angle
    /// that grows with the position.
    pub fn rotate(&mut self, x: &str, base: f64) -> String {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let size = hidden / heads;
        let (cosine, sine) = self.rotation(base, size);
        let split = self.graph.ints(&[0, 0, heads as i64, size as i64]);
        let merge = self.graph.ints(&[0, 0, hidden as i64]);
        let last = self.graph.ints(&[3]);
        let (zero, half) = (self.graph.ints(&[0]), self.graph.ints(&[size as i64 / 2]));
        let end = self.graph.ints(&[size as i64]);
        let x = self.graph.op("Reshape", &[x, &split], &[]);
        let first = self.graph.op("Slice", &[&x, &zero, &half, &last], &[]);
        let second = self.graph.op("Slice", &[&x, &half, &end, &last], &[]);
        let negative = self.graph.op("Neg", &[&second], &[]);
        let axis = AttributeProto::int("axis", -1);
        let turned = self.graph.op("Concat", &[&negative, &first], &[axis]);
        let straight = self.graph.op("Mul", &[&x, &cosine], &[]);
        let turned = self.graph.op("Mul", &[&turned, &sine], &[]);
        let sum = self.graph.op("Add", &[&straight, &turned], &[]);
        self.graph.op("Reshape", &[&sum, &merge], &[])
    }

    /// Cosine and sine of all angles: `[1, tokens, 1, size]`.
    fn rotation(&mut self, base: f64, size: usize) -> (String, String) {
        if let Some(names) = self.positions.rotations.get(&base.to_bits()) {
            return names.clone();
        }
        let speeds = (0..size / 2).map(|pair| base.powf(-2.0 * pair as f64 / size as f64));
        let speeds: Vec<f32> = speeds.map(|speed| speed as f32).collect();
        let both = [speeds.clone(), speeds].concat();
        let name = format!("rotation{base}");
        let speeds = self.graph.floats(&name, &[1, 1, both.len()], &both);
        let positions = self.token_positions();
        let to = AttributeProto::int("to", FLOAT.into());
        let positions = self.graph.op("Cast", &[&positions], &[to]);
        let axes = self.graph.ints(&[1, 2]);
        let positions = self.graph.op("Unsqueeze", &[&positions, &axes], &[]);
        let angles = self.graph.op("Mul", &[&positions, &speeds], &[]);
        let zero = self.graph.ints(&[0]);
        let names = ["Cos", "Sin"].map(|op| {
            let values = self.graph.op(op, &[&angles], &[]);
            let values = self.cast_as_weights(&values);
            self.graph.op("Unsqueeze", &[&values, &zero], &[])
        });
        let [cosine, sine] = names;
        let names = (cosine, sine);
        self.positions
            .rotations
            .insert(base.to_bits(), names.clone());
        names
    }
}

/// Bucket of the offset `key - query`: small distances have their own, larger ones
/// share them logarithmically. Half of the buckets are of later keys.
fn bucket(offset: i64, buckets: usize) -> usize {
    let half = buckets / 2;
    let exact = half / 2;
    let distance = offset.unsigned_abs() as usize;
    let within = if distance < exact {
        distance
    } else {
        let range = (MAX_DISTANCE / exact as f64).ln();
        let scaled = (distance as f64 / exact as f64).ln() / range * (half - exact) as f64;
        (exact + scaled as usize).min(half - 1)
    };
    if offset > 0 { half + within } else { within }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_exact_nearby_and_logarithmic_beyond() {
        let of = |offsets: &[i64]| -> Vec<usize> {
            offsets.iter().map(|offset| bucket(*offset, 32)).collect()
        };
        assert_eq!(of(&[0, -1, -7, -8, -127, -10_000]), [0, 1, 7, 8, 15, 15]);
        assert_eq!(of(&[1, 7, 8, 12, 127, 10_000]), [17, 23, 24, 25, 31, 31]);
    }
}
