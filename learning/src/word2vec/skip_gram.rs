//! Skip-gram with negative sampling (Mikolov et al., NIPS 2013).
//!
//! The parameters are those of the authors' program, except that all context
//! words of a word share its negatives.
//!
//! Training runs in rounds. In each round, a fixed number of shards read the next
//! chunks of the texts, and each changes copies of vectors. Then the changes are
//! added in the order of the shards. So the vectors do not depend on the number
//! of cores.

use super::alias_table::AliasTable;
use super::corpus::WordVocabulary;
use super::sigmoid::Sigmoid;
use crate::words::combine_hashes;
use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::random::Random;
use semql_inference::vector::dot;

/// Passes over the texts.
const EPOCHS: usize = 5;

/// Learning rate at the start and at the end.
const INITIAL_RATE: f32 = 0.025;
const FINAL_RATE: f32 = 1e-4;

/// Frequency above which occurrences of a word are subsampled.
const SUBSAMPLING_THRESHOLD: f64 = 1e-3;

/// Negative samples of a word, and the exponent of the frequency by which they
/// are drawn.
const NEGATIVES: usize = 5;
const NEGATIVE_EXPONENT: f64 = 0.75;

/// Number of targets: a word and its negatives.
const TARGETS: usize = NEGATIVES + 1;

/// Shards of a round, and words of a chunk of texts.
const SHARDS: usize = 8;
const CHUNK_WORDS: usize = 512;

/// Options of [`word2vec`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Word2VecOptions {
    /// Values of a vector.
    pub dims: usize,
    /// Context words on either side, at most; 1 or more.
    pub window: usize,
    pub seed: u64,
}

/// Vectors of the words of `vocabulary`: words x dims. Returns `None` once
/// `progress` is cancelled.
pub fn word2vec(
    vocabulary: &WordVocabulary,
    options: Word2VecOptions,
    progress: &dyn ProgressSink,
) -> Option<Vec<f32>> {
    let Word2VecOptions { dims, window, seed } = options;
    let words = vocabulary.words.len();
    let mut model = SkipGram::new(words, dims, seed);
    let task = TrainingTask::new(vocabulary, window);
    let chunks = chunks(vocabulary);
    let mut shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::new(words, dims)).collect();
    let rounds = chunks.len().div_ceil(SHARDS);
    for epoch in 0..EPOCHS {
        for (round, round_chunks) in chunks.chunks(SHARDS).enumerate() {
            if progress.is_cancelled() {
                return None;
            }
            progress.step(
                "word2vec: round",
                epoch * rounds + round + 1,
                EPOCHS * rounds,
            );
            let now = round_chunks.iter().zip(&mut shards).enumerate();
            parallel_for_each(now, |(at, (chunk, shard))| {
                let number = round * SHARDS + at;
                let done = (epoch as f32 + number as f32 / chunks.len() as f32) / EPOCHS as f32;
                let rate = (INITIAL_RATE * (1.0 - done)).max(FINAL_RATE);
                let seed = combine_hashes(combine_hashes(seed, epoch as u64 + 1), number as u64);
                shard.train(chunk.clone(), &task, &model, rate, Random::new(seed));
            });
            let SkipGram {
                context,
                target_vectors,
                ..
            } = &mut model;
            let changed = shards
                .iter_mut()
                .map(|s| (&mut s.context, &mut s.target_vectors));
            let (of_context, of_targets): (Vec<_>, Vec<_>) = changed.unzip();
            let both = [(context, of_context), (target_vectors, of_targets)];
            parallel_for_each(both.into_iter(), |(all, changed)| {
                changed.into_iter().for_each(|changed| changed.add_to(all));
            });
        }
    }
    Some(model.context)
}

/// Vectors of words as context, which are the result, and as targets. Words x
/// dims.
struct SkipGram {
    context: Vec<f32>,
    target_vectors: Vec<f32>,
    dims: usize,
}

impl SkipGram {
    fn new(words: usize, dims: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let value = |_| ((random.unit() - 0.5) / dims as f64) as f32;
        let context: Vec<f32> = (0..words * dims).map(value).collect();
        Self {
            target_vectors: vec![0.0; context.len()],
            context,
            dims,
        }
    }
}

/// Ranges of texts with about [`CHUNK_WORDS`] words each.
fn chunks(vocabulary: &WordVocabulary) -> Vec<std::ops::Range<usize>> {
    let (mut chunks, mut first, mut from) = (Vec::new(), 0, 0);
    for (text, end) in vocabulary.ends.iter().enumerate() {
        if end - from >= CHUNK_WORDS || text + 1 == vocabulary.ends.len() {
            chunks.push(first..text + 1);
            (first, from) = (text + 1, *end);
        }
    }
    chunks
}

/// Input of all shards.
struct TrainingTask<'a> {
    vocabulary: &'a WordVocabulary,
    window: usize,
    /// By word: the probability that an occurrence is kept.
    keep: Vec<f64>,
    negatives: AliasTable,
    sigmoid: Sigmoid,
}

impl<'a> TrainingTask<'a> {
    fn new(vocabulary: &'a WordVocabulary, window: usize) -> Self {
        let words = &vocabulary.words;
        let all: u64 = words.iter().map(|(_, count)| count).sum();
        let threshold = SUBSAMPLING_THRESHOLD * all as f64;
        let keep = words.iter().map(|(_, count)| {
            let count = *count as f64;
            ((count / threshold).sqrt() + 1.0) * threshold / count
        });
        let weights = words
            .iter()
            .map(|(_, count)| (*count as f64).powf(NEGATIVE_EXPONENT));
        Self {
            vocabulary,
            window,
            keep: keep.collect(),
            negatives: AliasTable::new(&weights.collect::<Vec<_>>()),
            sigmoid: Sigmoid::new(),
        }
    }
}

/// Copies of the vectors that a shard changes.
struct ChangedVectors {
    dims: usize,
    /// By word: 1 + the position of its copy; 0 without a copy.
    positions: Vec<u32>,
    words: Vec<u32>,
    values: Vec<f32>,
}

impl ChangedVectors {
    fn new(words: usize, dims: usize) -> Self {
        Self {
            dims,
            positions: vec![0; words],
            words: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Offset of the copy of a word's vector, which it makes if necessary.
    fn copy_offset(&mut self, word: u32, all: &[f32]) -> usize {
        let position = &mut self.positions[word as usize];
        if *position == 0 {
            self.words.push(word);
            *position = self.words.len() as u32;
            let vector = &all[word as usize * self.dims..][..self.dims];
            self.values.extend_from_slice(vector);
        }
        (*position as usize - 1) * self.dims
    }

    /// Replaces the copies by their changes.
    fn subtract(&mut self, all: &[f32]) {
        let copies = self.values.chunks_exact_mut(self.dims);
        for (copy, word) in copies.zip(&self.words) {
            let vector = &all[*word as usize * self.dims..][..self.dims];
            copy.iter_mut().zip(vector).for_each(|(c, v)| *c -= v);
        }
    }

    /// Adds the changes to the vectors, and clears them.
    fn add_to(&mut self, all: &mut [f32]) {
        let differences = self.values.chunks_exact(self.dims);
        for (difference, word) in differences.zip(self.words.drain(..)) {
            let vector = &mut all[word as usize * self.dims..][..self.dims];
            vector.iter_mut().zip(difference).for_each(|(v, d)| *v += d);
            self.positions[word as usize] = 0;
        }
        self.values.clear();
    }
}

/// One of the parallel workers of a round.
struct Shard {
    context: ChangedVectors,
    target_vectors: ChangedVectors,
    /// Words of the current text after subsampling.
    text: Vec<u32>,
    /// Vectors of a word and its negatives.
    targets: Vec<f32>,
    /// Copy of a context vector before its update.
    before: Vec<f32>,
}

impl Shard {
    fn new(words: usize, dims: usize) -> Self {
        Self {
            context: ChangedVectors::new(words, dims),
            target_vectors: ChangedVectors::new(words, dims),
            text: Vec::new(),
            targets: Vec::new(),
            before: vec![0.0; dims],
        }
    }

    /// Trains on the texts of a chunk, and leaves the changes of the vectors.
    fn train(
        &mut self,
        chunk: std::ops::Range<usize>,
        task: &TrainingTask<'_>,
        model: &SkipGram,
        rate: f32,
        mut random: Random,
    ) {
        let WordVocabulary { tokens, ends, .. } = task.vocabulary;
        let mut first = chunk.start.checked_sub(1).map_or(0, |before| ends[before]);
        for end in &ends[chunk] {
            self.text.clear();
            for word in &tokens[first..*end] {
                if random.unit() < task.keep[*word as usize] {
                    self.text.push(*word);
                }
            }
            first = *end;
            for at in 0..self.text.len() {
                self.train_word(at, task, model, rate, &mut random);
            }
        }
        self.context.subtract(&model.context);
        self.target_vectors.subtract(&model.target_vectors);
    }

    /// Trains on the word at `at` and its context.
    fn train_word(
        &mut self,
        at: usize,
        task: &TrainingTask<'_>,
        model: &SkipGram,
        rate: f32,
        random: &mut Random,
    ) {
        let reach = task.window - random.below(task.window);
        let around = at.saturating_sub(reach)..(at + reach + 1).min(self.text.len());
        if around.len() < 2 {
            return;
        }
        let mut targets = [self.text[at]; TARGETS];
        let mut count = 1;
        for _ in 0..NEGATIVES {
            let negative = task.negatives.draw(random);
            if !targets[..count].contains(&negative) {
                targets[count] = negative;
                count += 1;
            }
        }
        let offsets = targets.map(|target| {
            self.target_vectors
                .copy_offset(target, &model.target_vectors)
        });
        self.targets.clear();
        for offset in &offsets[..count] {
            let vector = &self.target_vectors.values[*offset..][..model.dims];
            self.targets.extend_from_slice(vector);
        }
        for other in around.filter(|other| *other != at) {
            let offset = self.context.copy_offset(self.text[other], &model.context);
            let context = &mut self.context.values[offset..][..model.dims];
            self.before.copy_from_slice(context);
            let targets = self.targets.chunks_exact_mut(model.dims);
            for (at, target) in targets.enumerate() {
                let expected = if at == 0 { 1.0 } else { 0.0 };
                let product = dot(&self.before, target);
                let step = (expected - task.sigmoid.at(product)) * rate;
                update(context, target, &self.before, step);
            }
        }
        let vectors = self.targets.chunks_exact(model.dims);
        for (offset, vector) in offsets.iter().zip(vectors) {
            self.target_vectors.values[*offset..][..model.dims].copy_from_slice(vector);
        }
    }
}

/// `context += step * target`, and `target += step * before`.
fn update(context: &mut [f32], target: &mut [f32], before: &[f32], step: f32) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has the features of the function.
        return unsafe { update_with_avx2(context, target, before, step) };
    }
    update_by(context, target, before, |a, sum| sum + step * a);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn update_with_avx2(context: &mut [f32], target: &mut [f32], before: &[f32], step: f32) {
    update_by(context, target, before, |a, sum| a.mul_add(step, sum));
}

#[inline(always)]
fn update_by(
    context: &mut [f32],
    target: &mut [f32],
    before: &[f32],
    add: impl Fn(f32, f32) -> f32,
) {
    for ((context, target), before) in context.iter_mut().zip(target).zip(before) {
        *context = add(*target, *context);
        *target = add(*before, *target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word2vec::corpus::Corpus;

    const OPTIONS: Word2VecOptions = Word2VecOptions {
        dims: 20,
        window: 3,
        seed: 0,
    };

    /// Texts on fruit and on shoes.
    fn vocabulary() -> WordVocabulary {
        let mut corpus = Corpus::default();
        let mut random = Random::new(1);
        for _ in 0..20_000 {
            let mut one = |words: &[&'static str]| words[random.below(words.len())];
            let (fruit, shoe) = (
                one(&["apple", "pear", "plum"]),
                one(&["boot", "sandal", "sneaker"]),
            );
            let (eaten, worn) = (one(&["ripe", "sweet", "juicy"]), one(&["leather", "laced"]));
            corpus.add(&format!("{eaten} {fruit} {}", one(&["fresh", "organic"])));
            corpus.add(&format!("{worn} {shoe} {}", one(&["waterproof", "black"])));
        }
        corpus.vocabulary(5)
    }

    #[test]
    fn words_in_the_same_contexts_have_near_vectors() {
        let vocabulary = vocabulary();
        let vectors = word2vec(&vocabulary, OPTIONS, &|| false).unwrap();
        let vector = |wanted: &str| {
            let at = vocabulary.words.iter().position(|(word, _)| word == wanted);
            &vectors[at.unwrap() * 20..][..20]
        };
        let cosine = |a: &str, b: &str| {
            let (a, b) = (vector(a), vector(b));
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        for (word, near, far) in [
            ("apple", "pear", "boot"),
            ("sandal", "sneaker", "plum"),
            ("ripe", "juicy", "leather"),
        ] {
            let (near, far) = (cosine(word, near), cosine(word, far));
            assert!(near > far + 0.02, "{word}: {near} {far}");
        }
    }

    #[test]
    fn vectors_depend_on_the_seed_alone() {
        let vocabulary = vocabulary();
        let vectors = word2vec(&vocabulary, OPTIONS, &|| false);
        assert_eq!(vectors, word2vec(&vocabulary, OPTIONS, &|| false));
        let other = Word2VecOptions { seed: 1, ..OPTIONS };
        assert_ne!(vectors, word2vec(&vocabulary, other, &|| false));
        assert_eq!(word2vec(&vocabulary, OPTIONS, &|| true), None);
    }

    #[test]
    fn an_empty_vocabulary_has_no_vectors() {
        let none = Corpus::default().vocabulary(1);
        assert_eq!(word2vec(&none, OPTIONS, &|| false), Some(vec![]));
    }
}
