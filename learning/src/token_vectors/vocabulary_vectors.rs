//! Vectors of the tokens of an encoder's vocabulary: the encoder embeds each
//! token alone.
//!
//! They are stored in a file, because computing them takes seconds.

use std::path::{Path, PathBuf};

use half::f16;

use semql_inference::Result;
use semql_inference::atomic_file::write_atomically;
use semql_inference::encoding::{EncodeContext, Encoder};
use semql_inference::models::home;
use semql_inference::vector::{add_scaled, mean, subtract};

/// First bytes of a file; a change of layout changes the version.
const MAGIC: &[u8; 16] = b"semql tokens v1\n";

/// Token vectors minus their mean.
pub struct TokenVectors {
    pub dims: usize,
    /// Mean of the vectors that the encoder gives.
    pub mean: Vec<f32>,
    /// Tokens x dims.
    data: Vec<f32>,
}

impl TokenVectors {
    /// Token vectors of an encoder, from their file or from the encoder. `None`
    /// for an encoder without a vocabulary.
    ///
    /// # Errors
    /// Those of the model. A failure to write the file is ignored: the next call
    /// computes the vectors again.
    pub fn of(encoder: &Encoder, context: &EncodeContext) -> Result<Option<Self>> {
        let Some(tokens) = encoder.tokenizer.vocab_size() else {
            return Ok(None);
        };
        let dims = encoder.dims;
        let path = path(&encoder.fingerprint()?.to_string());
        let data = match read(&path, tokens * dims) {
            Some(data) => data,
            None => {
                let data = encoder.token_vectors(tokens, context)?;
                let _ = write(&path, &data);
                // Round as the file does, so that all queries use the same vectors.
                data.iter().map(|v| f16::from_f32(*v).to_f32()).collect()
            }
        };
        Ok(Some(Self::centred(data, dims)))
    }

    fn centred(mut data: Vec<f32>, dims: usize) -> Self {
        let mean = mean(&data, dims);
        subtract(&mut data, &mean);
        Self { dims, mean, data }
    }

    /// Adds the mean of the vectors of `tokens`, multiplied by `weight`, to `out`. Returns
    /// whether any of them has a vector.
    pub fn add_mean(&self, tokens: &[u32], weight: f32, out: &mut [f32]) -> bool {
        let mut found = false;
        for vector in tokens.iter().filter_map(|token| self.get(*token)) {
            add_scaled(out, vector, weight / tokens.len() as f32);
            found = true;
        }
        found
    }

    /// These vectors under a linear map, which gets and returns row-major vectors.
    pub fn mapped(&self, map: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        let (data, mean) = (map(&self.data), map(&self.mean));
        Self {
            dims: mean.len(),
            mean,
            data,
        }
    }

    /// Vector of a token; `None` for a token outside the vocabulary.
    pub fn get(&self, token: u32) -> Option<&[f32]> {
        let start = token as usize * self.dims;
        self.data.get(start..start + self.dims)
    }
}

fn path(fingerprint: &str) -> PathBuf {
    home().join("tokens").join(format!("{fingerprint}.f16"))
}

fn read(path: &Path, values: usize) -> Option<Vec<f32>> {
    let bytes = std::fs::read(path).ok()?;
    let (magic, rest) = bytes.split_first_chunk::<16>()?;
    let (digest, values_read) = rest.split_first_chunk::<32>()?;
    let sound = magic == MAGIC
        && values_read.len() == 2 * values
        && blake3::hash(values_read).as_bytes() == digest;
    let value = |two: &[u8]| f16::from_le_bytes([two[0], two[1]]).to_f32();
    sound.then(|| values_read.chunks_exact(2).map(value).collect())
}

fn write(path: &Path, data: &[f32]) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let bytes: Vec<u8> = data
        .iter()
        .flat_map(|v| f16::from_f32(*v).to_le_bytes())
        .collect();
    write_atomically(path, |file| {
        file.write_all(MAGIC)?;
        file.write_all(blake3::hash(&bytes).as_bytes())?;
        file.write_all(&bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_vectors_are_read_and_damaged_files_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens").join("a.f16");
        let data = [0.5, -1.0, 0.25, 2.0];
        assert_eq!(read(&path, 4), None);
        write(&path, &data).unwrap();
        assert_eq!(read(&path, 4), Some(data.to_vec()));
        assert_eq!(read(&path, 6), None, "another vocabulary");
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path, 4), None);
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert_eq!(read(&path, 4), None);
    }

    #[test]
    fn the_mean_is_subtracted() {
        let vectors = TokenVectors::centred(vec![1.0, 2.0, 3.0, 6.0], 2);
        assert_eq!(vectors.get(0), Some(&[-1.0, -2.0][..]));
        assert_eq!(vectors.get(1), Some(&[1.0, 2.0][..]));
        assert_eq!(vectors.get(2), None);
        assert_eq!(vectors.mean, [2.0, 4.0]);
        let doubled = vectors.mapped(|values| values.iter().map(|v| 2.0 * v).collect());
        assert_eq!(doubled.get(0), Some(&[-2.0, -4.0][..]));
        assert_eq!(doubled.mean, [4.0, 8.0]);
    }

    #[test]
    fn tokens_outside_the_vocabulary_count_as_zeros() {
        let vectors = TokenVectors::centred(vec![1.0, 2.0, 3.0, 6.0], 2);
        let mut sum = [1.0, 1.0];
        assert!(vectors.add_mean(&[1, 7], 3.0, &mut sum));
        assert_eq!(sum, [2.5, 4.0]);
        assert!(!vectors.add_mean(&[7], 3.0, &mut sum));
        assert!(!vectors.add_mean(&[], 3.0, &mut sum));
        assert_eq!(sum, [2.5, 4.0]);
    }
}
