//! Backend on semql's int8 kernels for the CPU.

use semql_kernels::{Int8Encoder, Scratch};

use super::session_pool::run_pieces;
use super::{Backend, batches};
use crate::error::{Error, Result};
use crate::models::PoolingMode;
use crate::vector::normalize;

/// Tokens of one piece, which one thread computes.
const PIECE_TOKENS: usize = 1024;

/// Pieces of each thread in a full batch: a slow one does not leave the other
/// cores idle for long.
const PIECES_PER_THREAD: usize = 4;

/// int8 encoder on the threads of the CPU, which share its weights.
pub struct Int8Backend {
    encoder: Int8Encoder,
    pooling: PoolingMode,
    threads: Vec<ThreadBuffers>,
    note: Option<String>,
}

#[derive(Default)]
struct ThreadBuffers {
    scratch: Scratch,
    /// Vectors of the tokens of a piece.
    tokens: Vec<f32>,
}

impl Int8Backend {
    /// A backend with `threads` threads; 0 is one per core.
    pub fn new(encoder: Int8Encoder, pooling: PoolingMode, threads: usize) -> Self {
        let threads = super::session::threads(threads);
        Self {
            encoder,
            pooling,
            threads: (0..threads).map(|_| ThreadBuffers::default()).collect(),
            note: None,
        }
    }

    /// The same backend with a note for [`Backend::placement`].
    pub fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }
}

impl Backend for Int8Backend {
    fn device(&self) -> &str {
        "cpu"
    }

    fn precision(&self) -> &'static str {
        "int8"
    }

    fn placement(&self) -> Option<String> {
        self.note.clone()
    }

    fn batch_tokens(&self) -> usize {
        PIECE_TOKENS * PIECES_PER_THREAD * self.threads.len()
    }

    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        let tokens: usize = texts.iter().map(|ids| ids.len()).sum();
        let of_thread = tokens.div_ceil(self.threads.len());
        let pieces = batches::by_tokens(texts, of_thread.min(PIECE_TOKENS));
        let (encoder, pooling) = (&self.encoder, self.pooling);
        let done = run_pieces(&mut self.threads, pieces.len(), |buffers, piece| {
            let texts = &texts[pieces[piece].clone()];
            let ThreadBuffers { scratch, tokens } = buffers;
            encoder
                .encode(texts, scratch, tokens)
                .map_err(|error| Error::Failed(format!("inference failed: {error}")))?;
            Ok::<_, Error>(pool(texts, tokens, encoder.hidden(), pooling, dims))
        })?;
        vectors.extend(done.into_iter().flatten());
        Ok(tokens)
    }
}

/// The unit vectors of texts from those of their tokens. A text without tokens has
/// a vector of zeros.
fn pool(
    texts: &[&[u32]],
    tokens: &[f32],
    hidden: usize,
    pooling: PoolingMode,
    dims: usize,
) -> Vec<f32> {
    let mut vectors = vec![0.0; texts.len() * dims];
    let mut rest = tokens;
    for (ids, vector) in texts.iter().zip(vectors.chunks_exact_mut(dims)) {
        let (of_text, after) = rest.split_at(ids.len() * hidden);
        rest = after;
        let rows = match pooling {
            PoolingMode::Cls => of_text.get(..hidden).unwrap_or_default(),
            _ => of_text,
        };
        // The sum has the direction of the mean, and the length does not matter.
        for row in rows.chunks_exact(hidden) {
            vector
                .iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
        normalize(vector);
    }
    vectors
}
