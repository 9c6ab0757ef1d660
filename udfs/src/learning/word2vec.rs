//! Vectors of words from the words around them: skip-gram with negative
//! sampling (Mikolov et al., NIPS 2013), with the choices of the authors' own
//! program, but that all words around a word share its negatives.
//!
//! The texts are learnt from in rounds. In each round a fixed number of shards
//! read the next pieces of the texts, each changing a copy of the vectors that
//! it touches; then all changes are added up in the order of the shards. How
//! many cores work the shards off makes no difference to the vectors.

use super::corpus::Vocabulary;
use super::random::Random;
use crate::shares::each_share;
use crate::vector::dot;
use crate::waiting::Watch;
use crate::words::pair;

/// Passes over the texts.
const EPOCHS: usize = 5;

/// The learning rate at first and at last.
const FIRST_RATE: f32 = 0.025;
const LAST_RATE: f32 = 1e-4;

/// Words that are more frequent than this share are left out now and then.
const FREQUENT: f64 = 1e-3;

/// Words that are not near, for each that is; they are drawn by their
/// frequency to this power.
const NEGATIVES: usize = 5;
const POWER: f64 = 0.75;

/// A word and its negatives.
const TARGETS: usize = NEGATIVES + 1;

/// Pieces of the texts that are learnt from at the same time, and words in one.
const SHARDS: usize = 8;
const PIECE: usize = 512;

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choices {
    /// Values in a vector.
    pub dims: usize,
    /// Words to either side that count as near, at most.
    pub window: usize,
    pub seed: u64,
}

/// Words x dims. `None` once nobody waits.
pub fn word2vec(vocabulary: &Vocabulary, choices: Choices, watch: &dyn Watch) -> Option<Vec<f32>> {
    let Choices { dims, window, seed } = choices;
    let words = vocabulary.words.len();
    let mut model = Model::new(words, dims, seed);
    let teaching = Teaching::new(vocabulary, window);
    let pieces = pieces(vocabulary);
    let mut shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::new(words, dims)).collect();
    let rounds = pieces.len().div_ceil(SHARDS);
    for epoch in 0..EPOCHS {
        for (round, pieces_now) in pieces.chunks(SHARDS).enumerate() {
            if watch.halted() {
                return None;
            }
            watch.step(
                "word2vec: round",
                epoch * rounds + round + 1,
                EPOCHS * rounds,
            );
            let now = pieces_now.iter().zip(&mut shards).enumerate();
            each_share(now, |(at, (piece, shard))| {
                let number = round * SHARDS + at;
                let done = (epoch as f32 + number as f32 / pieces.len() as f32) / EPOCHS as f32;
                let rate = (FIRST_RATE * (1.0 - done)).max(LAST_RATE);
                let chance = pair(pair(seed, epoch as u64 + 1), number as u64);
                shard.learn(piece.clone(), &teaching, &model, rate, Random::new(chance));
            });
            let Model { near, far, .. } = &mut model;
            let changed = shards.iter_mut().map(|s| (&mut s.near, &mut s.far));
            let (of_near, of_far): (Vec<_>, Vec<_>) = changed.unzip();
            let both = [(near, of_near), (far, of_far)];
            each_share(both.into_iter(), |(all, changed)| {
                changed.into_iter().for_each(|changed| changed.add_to(all));
            });
        }
    }
    Some(model.near)
}

/// The vectors of words as those that are near others, which are the answer,
/// and as those that others are near to. Words x dims.
struct Model {
    near: Vec<f32>,
    far: Vec<f32>,
    dims: usize,
}

impl Model {
    fn new(words: usize, dims: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let value = |_| ((random.unit() - 0.5) / dims as f64) as f32;
        let near: Vec<f32> = (0..words * dims).map(value).collect();
        Self {
            far: vec![0.0; near.len()],
            near,
            dims,
        }
    }
}

/// Ranges of texts of about as many words each.
fn pieces(vocabulary: &Vocabulary) -> Vec<std::ops::Range<usize>> {
    let (mut pieces, mut first, mut from) = (Vec::new(), 0, 0);
    for (text, end) in vocabulary.ends.iter().enumerate() {
        if end - from >= PIECE || text + 1 == vocabulary.ends.len() {
            pieces.push(first..text + 1);
            (first, from) = (text + 1, *end);
        }
    }
    pieces
}

/// What is the same for all shards.
struct Teaching<'a> {
    vocabulary: &'a Vocabulary,
    window: usize,
    /// Per word, how likely an occurrence of it is read.
    read: Vec<f64>,
    negatives: Draw,
    sigmoid: Sigmoid,
}

impl<'a> Teaching<'a> {
    fn new(vocabulary: &'a Vocabulary, window: usize) -> Self {
        let words = &vocabulary.words;
        let all: u64 = words.iter().map(|(_, count)| count).sum();
        let often = FREQUENT * all as f64;
        let read = words.iter().map(|(_, count)| {
            let count = *count as f64;
            ((count / often).sqrt() + 1.0) * often / count
        });
        let weights = words.iter().map(|(_, count)| (*count as f64).powf(POWER));
        Self {
            vocabulary,
            window,
            read: read.collect(),
            negatives: Draw::new(&weights.collect::<Vec<_>>()),
            sigmoid: Sigmoid::new(),
        }
    }
}

/// Draws numbers by their weights (Walker's alias method).
struct Draw {
    /// Per number, the chance that it stays, in 2^32 parts, and otherwise what
    /// it gives way to.
    stays: Vec<(u32, u32)>,
}

impl Draw {
    fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut stays: Vec<(u32, u32)> = (0..weights.len() as u32)
            .map(|number| (u32::MAX, number))
            .collect();
        let (mut rich, mut poor): (Vec<usize>, Vec<usize>) =
            (0..shares.len()).partition(|number| shares[*number] >= 1.0);
        while let (Some(giver), Some(taker)) = (rich.last().copied(), poor.pop()) {
            let chance = shares[taker] * f64::from(u32::MAX);
            stays[taker] = (chance as u32, giver as u32);
            shares[giver] -= 1.0 - shares[taker];
            if shares[giver] < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
        Self { stays }
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let number = random.below(self.stays.len());
        let (chance, other) = self.stays[number];
        match (random.bits() >> 32) as u32 <= chance {
            true => number as u32,
            false => other,
        }
    }
}

/// 1 / (1 + e^-x) from a table.
struct Sigmoid(Vec<f32>);

impl Sigmoid {
    const STEPS: usize = 1_024;
    /// Beyond this it is 0 or 1.
    const FARTHEST: f32 = 6.0;

    fn new() -> Self {
        let value = |step: usize| {
            let x = (step as f32 + 0.5) / Self::STEPS as f32 * 2.0 - 1.0;
            1.0 / (1.0 + (-x * Self::FARTHEST).exp())
        };
        Self((0..Self::STEPS).map(value).collect())
    }

    fn of(&self, x: f32) -> f32 {
        if x >= Self::FARTHEST {
            return 1.0;
        }
        if x <= -Self::FARTHEST {
            return 0.0;
        }
        let step = (x / Self::FARTHEST + 1.0) / 2.0 * Self::STEPS as f32;
        self.0[(step as usize).min(Self::STEPS - 1)]
    }
}

/// Copies of the vectors that a shard has touched.
struct Touched {
    dims: usize,
    /// Per word, 1 more than where its copy is among the copies; 0 where there
    /// is none.
    places: Vec<u32>,
    words: Vec<u32>,
    values: Vec<f32>,
}

impl Touched {
    fn new(words: usize, dims: usize) -> Self {
        Self {
            dims,
            places: vec![0; words],
            words: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Where the copy of a word's vector begins.
    fn place(&mut self, word: u32, all: &[f32]) -> usize {
        let place = &mut self.places[word as usize];
        if *place == 0 {
            self.words.push(word);
            *place = self.words.len() as u32;
            let vector = &all[word as usize * self.dims..][..self.dims];
            self.values.extend_from_slice(vector);
        }
        (*place as usize - 1) * self.dims
    }

    /// Leaves of each copy how it differs.
    fn subtract(&mut self, all: &[f32]) {
        let copies = self.values.chunks_exact_mut(self.dims);
        for (copy, word) in copies.zip(&self.words) {
            let vector = &all[*word as usize * self.dims..][..self.dims];
            copy.iter_mut().zip(vector).for_each(|(c, v)| *c -= v);
        }
    }

    /// Adds the differences to the vectors, and forgets them.
    fn add_to(&mut self, all: &mut [f32]) {
        let differences = self.values.chunks_exact(self.dims);
        for (difference, word) in differences.zip(self.words.drain(..)) {
            let vector = &mut all[word as usize * self.dims..][..self.dims];
            vector.iter_mut().zip(difference).for_each(|(v, d)| *v += d);
            self.places[word as usize] = 0;
        }
        self.values.clear();
    }
}

/// One of those that learn at the same time.
struct Shard {
    near: Touched,
    far: Touched,
    /// The words of a text that are read.
    text: Vec<u32>,
    /// The vectors of a word and its negatives.
    targets: Vec<f32>,
    /// A vector before it moved.
    before: Vec<f32>,
}

impl Shard {
    fn new(words: usize, dims: usize) -> Self {
        Self {
            near: Touched::new(words, dims),
            far: Touched::new(words, dims),
            text: Vec::new(),
            targets: Vec::new(),
            before: vec![0.0; dims],
        }
    }

    /// Learns from the texts of a piece; what is left are the differences.
    fn learn(
        &mut self,
        piece: std::ops::Range<usize>,
        teaching: &Teaching<'_>,
        model: &Model,
        rate: f32,
        mut random: Random,
    ) {
        let Vocabulary { tokens, ends, .. } = teaching.vocabulary;
        let mut first = piece.start.checked_sub(1).map_or(0, |before| ends[before]);
        for end in &ends[piece] {
            self.text.clear();
            for word in &tokens[first..*end] {
                if random.unit() < teaching.read[*word as usize] {
                    self.text.push(*word);
                }
            }
            first = *end;
            for at in 0..self.text.len() {
                self.learn_word(at, teaching, model, rate, &mut random);
            }
        }
        self.near.subtract(&model.near);
        self.far.subtract(&model.far);
    }

    /// Learns that the words around the one at `at` are near it.
    fn learn_word(
        &mut self,
        at: usize,
        teaching: &Teaching<'_>,
        model: &Model,
        rate: f32,
        random: &mut Random,
    ) {
        let reach = teaching.window - random.below(teaching.window);
        let around = at.saturating_sub(reach)..(at + reach + 1).min(self.text.len());
        if around.len() < 2 {
            return;
        }
        let mut targets = [self.text[at]; TARGETS];
        let mut count = 1;
        for _ in 0..NEGATIVES {
            let negative = teaching.negatives.draw(random);
            if !targets[..count].contains(&negative) {
                targets[count] = negative;
                count += 1;
            }
        }
        let places = targets.map(|target| self.far.place(target, &model.far));
        self.targets.clear();
        for place in &places[..count] {
            let vector = &self.far.values[*place..][..model.dims];
            self.targets.extend_from_slice(vector);
        }
        for other in around.filter(|other| *other != at) {
            let place = self.near.place(self.text[other], &model.near);
            let near = &mut self.near.values[place..][..model.dims];
            self.before.copy_from_slice(near);
            let targets = self.targets.chunks_exact_mut(model.dims);
            for (at, target) in targets.enumerate() {
                let wanted = if at == 0 { 1.0 } else { 0.0 };
                let product = dot(&self.before, target);
                let step = (wanted - teaching.sigmoid.of(product)) * rate;
                approach(near, target, &self.before, step);
            }
        }
        let vectors = self.targets.chunks_exact(model.dims);
        for (place, vector) in places.iter().zip(vectors) {
            self.far.values[*place..][..model.dims].copy_from_slice(vector);
        }
    }
}

/// `near += step * target`, and `target += step * before`.
fn approach(near: &mut [f32], target: &mut [f32], before: &[f32], step: f32) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { approach_with_avx2(near, target, before, step) };
    }
    go(near, target, before, |a, sum| sum + step * a);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn approach_with_avx2(near: &mut [f32], target: &mut [f32], before: &[f32], step: f32) {
    go(near, target, before, |a, sum| a.mul_add(step, sum));
}

#[inline(always)]
fn go(near: &mut [f32], target: &mut [f32], before: &[f32], add: impl Fn(f32, f32) -> f32) {
    for ((near, target), before) in near.iter_mut().zip(target).zip(before) {
        *near = add(*target, *near);
        *target = add(*before, *target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::corpus::Corpus;

    const CHOICES: Choices = Choices {
        dims: 20,
        window: 3,
        seed: 0,
    };

    /// Fruit is eaten, shoes are worn.
    fn vocabulary() -> Vocabulary {
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
    fn words_that_stand_in_the_same_places_come_near() {
        let vocabulary = vocabulary();
        let vectors = word2vec(&vocabulary, CHOICES, &|| false).unwrap();
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
    fn a_seed_gives_the_same_vectors_and_another_others() {
        let vocabulary = vocabulary();
        let vectors = word2vec(&vocabulary, CHOICES, &|| false);
        assert_eq!(vectors, word2vec(&vocabulary, CHOICES, &|| false));
        let other = Choices { seed: 1, ..CHOICES };
        assert_ne!(vectors, word2vec(&vocabulary, other, &|| false));
        assert_eq!(word2vec(&vocabulary, CHOICES, &|| true), None);
    }

    #[test]
    fn no_texts_make_no_vectors() {
        let none = Corpus::default().vocabulary(1);
        assert_eq!(word2vec(&none, CHOICES, &|| false), Some(vec![]));
    }

    #[test]
    fn numbers_are_drawn_by_their_weights() {
        let draw = Draw::new(&[1.0, 0.0, 6.0, 3.0]);
        let (mut random, mut counts) = (Random::new(2), [0i32; 4]);
        (0..10_000).for_each(|_| counts[draw.draw(&mut random) as usize] += 1);
        for (count, expected) in counts.iter().zip([1_000, 0, 6_000, 3_000]) {
            assert!((*count - expected).abs() < 200, "{counts:?}");
        }
    }
}
