//! Addition of a scaled vector.

/// `out += scale * vector`, over the shorter length.
pub fn add_scaled(out: &mut [f32], vector: &[f32], scale: f32) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has the features of the function.
        return unsafe { with_avx2(out, vector, scale) };
    }
    plain(out, vector, scale);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(out: &mut [f32], vector: &[f32], scale: f32) {
    for (o, v) in out.iter_mut().zip(vector) {
        *o = v.mul_add(scale, *o);
    }
}

fn plain(out: &mut [f32], vector: &[f32], scale: f32) {
    for (o, v) in out.iter_mut().zip(vector) {
        *o += scale * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scaled_vector_is_added() {
        for len in [0, 1, 8, 17, 384] {
            let vector: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let (mut out, mut same) = (vec![1.0; len], vec![1.0; len]);
            add_scaled(&mut out, &vector, 2.0);
            plain(&mut same, &vector, 2.0);
            assert_eq!(out, same);
            assert!(
                out.iter()
                    .enumerate()
                    .all(|(i, o)| *o == 1.0 + 2.0 * i as f32)
            );
        }
    }
}
