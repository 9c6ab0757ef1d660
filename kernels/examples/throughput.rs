//! Texts per second, agreement with reference vectors, and time per part.
//!
//! usage: throughput FOLDER [THREADS] [TOKENS_PER_CALL] [RUNS] [ISA]
//!
//! FOLDER holds raw little-endian arrays:
//!
//! | file | content |
//! |---|---|
//! | `shape.u32` | hidden, heads, intermediate, layers, vocabulary, positions, texts |
//! | `weights.f32` | word table; position table with the segment vector added; norm weights and bias; then per layer weights and bias of query, key, value, attention output, attention norm, up, down, output norm. Linear weights are `[outputs, inputs]` |
//! | `lengths.u32` | tokens of each text |
//! | `ids.u32` | token ids, text by text |
//! | `vectors.f32` | `[texts, hidden]`: reference means of the token vectors, length 1 |

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use semql_kernels::{
    Activation, Dense, EmbeddingTables, EncoderError, EncoderShape, Int8Encoder, Isa, LayerWeights,
    Norm, Scratch, Timings,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(
        arguments
            .first()
            .ok_or("usage: throughput FOLDER [THREADS] [TOKENS_PER_CALL] [RUNS] [ISA]")?,
    );
    let number =
        |index: usize, default: usize| arguments.get(index).map_or(Ok(default), |a| a.parse());
    let (threads, tokens_per_call, runs) = (number(1, 1)?, number(2, 2048)?, number(3, 5)?);
    let isa = match arguments.get(4) {
        Some(name) => Isa::available()
            .into_iter()
            .find(|i| i.name() == name)
            .ok_or("instruction set not available")?,
        None => Isa::best(),
    };
    let shape = read_u32(&folder.join("shape.u32"))?;
    let [
        hidden,
        heads,
        intermediate,
        layers,
        vocabulary,
        positions,
        _,
    ] = shape[..]
    else {
        return Err("shape.u32 needs seven values".into());
    };
    let (hidden, layers) = (hidden as usize, layers as usize);
    let shape = EncoderShape {
        hidden,
        heads: heads as usize,
        intermediate: intermediate as usize,
        norm_epsilon: 1e-12,
        activation: Activation::Gelu,
    };
    let encoder = {
        let values = read_f32(&folder.join("weights.f32"))?;
        let mut rest = &values[..];
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head.to_vec()
        };
        let embeddings = EmbeddingTables {
            words: take(vocabulary as usize * hidden),
            positions: take(positions as usize * hidden),
            norm: Norm {
                weights: take(hidden),
                bias: take(hidden),
            },
        };
        let layers = (0..layers).map(|_| Ok::<_, EncoderError>(read_layer(&shape, &mut take)));
        Int8Encoder::with_isa(isa, shape, embeddings, layers)?
    };
    let (lengths, ids) = (
        read_u32(&folder.join("lengths.u32"))?,
        read_u32(&folder.join("ids.u32"))?,
    );
    let reference = read_f32(&folder.join("vectors.f32"))?;
    let mut rest = &ids[..];
    let texts: Vec<&[u32]> = lengths
        .iter()
        .map(|length| {
            let (text, tail) = rest.split_at(*length as usize);
            rest = tail;
            text
        })
        .collect();

    // Least time of the runs, in total and per part: other processes disturb some runs.
    let mut best: Option<(f64, Vec<f32>, Timings)> = None;
    let mut scratches: Vec<Scratch> = (0..threads).map(|_| Scratch::new()).collect();
    for _ in 0..runs {
        let start = Instant::now();
        let (vectors, timings) = run(&encoder, &texts, &mut scratches, tokens_per_call)?;
        let seconds = start.elapsed().as_secs_f64();
        best = Some(match best {
            Some((least, _, parts)) => (seconds.min(least), vectors, least_parts(&parts, &timings)),
            None => (seconds, vectors, timings),
        });
    }
    let (seconds, vectors, timings) = best.ok_or("RUNS must be positive")?;
    report(&encoder, &shape, layers, &texts, seconds, threads, &timings);
    let cosines: Vec<f32> = vectors
        .chunks_exact(hidden)
        .zip(reference.chunks_exact(hidden))
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum())
        .collect();
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    let least = cosines.iter().fold(f32::MAX, |a, b| a.min(*b));
    println!("cosine to the reference: mean {mean:.5}, min {least:.5}");
    Ok(())
}

fn least_parts(a: &Timings, b: &Timings) -> Timings {
    Timings {
        embedding: a.embedding.min(b.embedding),
        linear: a.linear.min(b.linear),
        projections: a.projections.min(b.projections),
        attention: a.attention.min(b.attention),
        activation: a.activation.min(b.activation),
        norm: a.norm.min(b.norm),
    }
}

fn report(
    encoder: &Int8Encoder,
    shape: &EncoderShape,
    layers: usize,
    texts: &[&[u32]],
    seconds: f64,
    threads: usize,
    timings: &Timings,
) {
    let tokens: usize = texts.iter().map(|t| t.len()).sum();
    println!(
        "{}: {:.1} texts/s with {threads} threads ({} texts of {} tokens in {seconds:.3} s)",
        encoder.isa().name(),
        texts.len() as f64 / seconds,
        texts.len(),
        tokens / texts.len().max(1)
    );
    let per_token =
        2 * layers * (4 * shape.hidden * shape.hidden + 2 * shape.hidden * shape.intermediate);
    let operations = (tokens * per_token) as f64;
    let rate = operations / timings.linear.as_secs_f64() / 1e9;
    println!(
        "linear layers: {rate:.0} GOP/s per thread; {:.0} GOP/s overall",
        operations / seconds / 1e9
    );
    let parts = [
        ("linear layers", timings.linear),
        ("attention", timings.attention),
        ("activation", timings.activation),
        ("norm", timings.norm),
        ("projections", timings.projections),
        ("embedding", timings.embedding),
    ];
    let total: Duration = parts.iter().map(|(_, time)| *time).sum();
    for (name, time) in parts {
        let (share, per_text) = (
            100.0 * time.as_secs_f64() / total.as_secs_f64(),
            time / texts.len().max(1) as u32,
        );
        println!("  {name:13} {share:5.1}%  {per_text:?} per text");
    }
}

/// Encodes all texts, one thread per scratch. Threads take groups of up to `tokens_per_call` tokens.
/// Returns means of length 1.
fn run(
    encoder: &Int8Encoder,
    texts: &[&[u32]],
    scratches: &mut [Scratch],
    tokens_per_call: usize,
) -> Result<(Vec<f32>, Timings), EncoderError> {
    let (mut groups, mut tokens) = (Vec::<Range<usize>>::new(), 0);
    for (index, text) in texts.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if tokens + text.len() <= tokens_per_call => group.end = index + 1,
            _ => {
                groups.push(index..index + 1);
                tokens = 0;
            }
        }
        tokens += text.len();
    }
    let next = AtomicUsize::new(0);
    let hidden = encoder.hidden();
    let work = |scratch: &mut Scratch| {
        let (mut rows, mut done) = (Vec::new(), Vec::new());
        while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            let texts = &texts[group.clone()];
            encoder.encode(texts, scratch, &mut rows)?;
            let mut rest = &rows[..];
            for (index, text) in group.clone().zip(texts) {
                let (own, tail) = rest.split_at(text.len() * hidden);
                rest = tail;
                done.push((index, unit_mean(own, hidden)));
            }
        }
        Ok((done, scratch.take_timings()))
    };
    let mut vectors = vec![0.0; texts.len() * hidden];
    let mut sum = Timings::default();
    let results: Vec<Result<_, EncoderError>> = std::thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = scratches
            .iter_mut()
            .map(|scratch| scope.spawn(move || work(scratch)))
            .collect();
        handles
            .into_iter()
            .map(|h| h.join().expect("encoder thread panicked"))
            .collect()
    });
    for result in results {
        let (done, timings) = result?;
        for (index, vector) in done {
            vectors[index * hidden..][..hidden].copy_from_slice(&vector);
        }
        sum.embedding += timings.embedding;
        sum.linear += timings.linear;
        sum.projections += timings.projections;
        sum.attention += timings.attention;
        sum.activation += timings.activation;
        sum.norm += timings.norm;
    }
    Ok((vectors, sum))
}

fn unit_mean(rows: &[f32], hidden: usize) -> Vec<f32> {
    let mut mean = vec![0.0f32; hidden];
    for row in rows.chunks_exact(hidden) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
    }
    let length = mean.iter().map(|v| v * v).sum::<f32>().sqrt();
    mean.iter_mut().for_each(|v| *v /= length);
    mean
}

fn read_layer(shape: &EncoderShape, take: &mut impl FnMut(usize) -> Vec<f32>) -> LayerWeights {
    let (hidden, intermediate) = (shape.hidden, shape.intermediate);
    let mut dense = |outputs: usize, inputs: usize| Dense {
        weights: take(outputs * inputs),
        bias: take(outputs),
    };
    let (query, key, value) = (
        dense(hidden, hidden),
        dense(hidden, hidden),
        dense(hidden, hidden),
    );
    let attention_output = dense(hidden, hidden);
    let attention_norm = Norm {
        weights: take(hidden),
        bias: take(hidden),
    };
    let mut dense = |outputs: usize, inputs: usize| Dense {
        weights: take(outputs * inputs),
        bias: take(outputs),
    };
    let (up, down) = (dense(intermediate, hidden), dense(hidden, intermediate));
    let output_norm = Norm {
        weights: take(hidden),
        bias: take(hidden),
    };
    LayerWeights {
        query,
        key,
        value,
        attention_output,
        attention_norm,
        up,
        down,
        output_norm,
    }
}

fn read_u32(path: &Path) -> std::io::Result<Vec<u32>> {
    Ok(std::fs::read(path)?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect())
}

fn read_f32(path: &Path) -> std::io::Result<Vec<f32>> {
    Ok(std::fs::read(path)?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect())
}
