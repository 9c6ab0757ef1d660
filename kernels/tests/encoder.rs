//! The whole encoder: agreement with f32, independence of the batch, and errors.

mod support;

use semql_kernels::{
    Activation, EmbeddingTables, EncoderError, EncoderShape, Int8Encoder, Isa, LayerWeights,
    Scratch,
};
use support::{Random, cosine, plain_encode};

const VOCABULARY: usize = 50;
const POSITIONS: usize = 140;

/// Hidden size, heads, intermediate size. Head sizes 32, 64, 16, 5, 3 and 1; sizes off every multiple.
const SIZES: [(usize, usize, usize); 6] = [
    (64, 2, 128),
    (128, 2, 96),
    (48, 3, 100),
    (35, 7, 53),
    (9, 3, 17),
    (1, 1, 1),
];

struct Model {
    shape: EncoderShape,
    embeddings: EmbeddingTables,
    layers: Vec<LayerWeights>,
}

fn model(sizes: (usize, usize, usize), activation: Activation) -> Model {
    let (hidden, heads, intermediate) = sizes;
    let mut random = Random(hidden as u64);
    let shape = EncoderShape {
        hidden,
        heads,
        intermediate,
        norm_epsilon: 1e-6,
        activation,
    };
    let embeddings = random.embeddings(VOCABULARY, POSITIONS, hidden);
    let layers = (0..2).map(|_| random.layer(&shape)).collect();
    Model {
        shape,
        embeddings,
        layers,
    }
}

impl Model {
    fn encoder(&self, isa: Isa) -> Int8Encoder {
        let layers = self
            .layers
            .iter()
            .map(|layer| Ok::<_, EncoderError>(layer.clone()));
        Int8Encoder::with_isa(isa, self.shape, self.embeddings.clone(), layers)
            .expect("valid weights")
    }

    fn error(self) -> EncoderError {
        let layers = self.layers.into_iter().map(Ok::<_, EncoderError>);
        Int8Encoder::new(self.shape, self.embeddings, layers)
            .err()
            .expect("invalid weights")
    }
}

fn encode(encoder: &Int8Encoder, texts: &[&[u32]]) -> Vec<f32> {
    let mut out = Vec::new();
    encoder
        .encode(texts, &mut Scratch::new(), &mut out)
        .expect("valid texts");
    out
}

#[test]
fn agrees_with_f32() {
    for sizes in SIZES {
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let model = model(sizes, activation);
            let ids = Random(9).ids(37, VOCABULARY);
            let expected = plain_encode(&model.shape, &model.embeddings, &model.layers, &ids);
            for isa in Isa::available() {
                let found = encode(&model.encoder(isa), &[&ids]);
                let cosine = cosine(&found, &expected);
                assert!(cosine > 0.995, "{sizes:?} {activation:?} {isa:?}: {cosine}");
            }
        }
    }
}

#[test]
fn long_texts_agree_with_f32() {
    let model = model((64, 2, 128), Activation::Gelu);
    let ids = Random(10).ids(POSITIONS, VOCABULARY);
    let expected = plain_encode(&model.shape, &model.embeddings, &model.layers, &ids);
    assert!(cosine(&encode(&model.encoder(Isa::best()), &[&ids]), &expected) > 0.998);
}

#[test]
fn vectors_do_not_depend_on_the_batch() {
    let mut scratch = Scratch::new();
    for sizes in SIZES {
        let model = model(sizes, Activation::Gelu);
        let mut random = Random(11);
        let texts: Vec<Vec<u32>> = [1, 2, 15, 16, 17, 31, 32, 33, 0, 64, 140, 5, 12, 13]
            .map(|n| random.ids(n, VOCABULARY))
            .into();
        for isa in Isa::available() {
            let encoder = model.encoder(isa);
            let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            // The scratch comes from encoders of other sizes.
            let mut together = Vec::new();
            encoder
                .encode(&batch, &mut scratch, &mut together)
                .expect("valid texts");
            let mut alone = Vec::new();
            for text in &batch {
                alone.extend(encode(&encoder, &[text]));
            }
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&together), bits(&alone), "{sizes:?} {isa:?}");
        }
    }
}

#[test]
fn empty_batches_and_texts_have_no_rows() {
    let encoder = model(SIZES[0], Activation::Gelu).encoder(Isa::best());
    assert_eq!(encode(&encoder, &[]), []);
    assert_eq!(encode(&encoder, &[&[], &[]]), []);
    assert_eq!(
        encode(&encoder, &[&[], &[3], &[]]),
        encode(&encoder, &[&[3]])
    );
    let mut out = vec![1.0];
    encoder
        .encode(&[], &mut Scratch::new(), &mut out)
        .expect("an empty batch is valid");
    assert!(out.is_empty());
}

#[test]
fn invalid_texts_are_errors() {
    let encoder = model(SIZES[0], Activation::Gelu).encoder(Isa::best());
    let (mut scratch, mut out) = (Scratch::new(), vec![1.0]);
    let error = encoder.encode(&[&[1], &[2, 50]], &mut scratch, &mut out);
    assert_eq!(
        error,
        Err(EncoderError::UnknownToken {
            text: 1,
            id: 50,
            vocabulary: VOCABULARY
        })
    );
    assert!(
        encoder
            .encode(&[&[u32::MAX]], &mut scratch, &mut out)
            .is_err()
    );
    let long = vec![0; POSITIONS + 1];
    let error = encoder.encode(&[&long], &mut scratch, &mut out);
    assert_eq!(
        error,
        Err(EncoderError::TextTooLong {
            text: 0,
            tokens: 141,
            max_tokens: POSITIONS
        })
    );
    assert!(out.is_empty());
}

#[test]
fn invalid_shapes_are_errors() {
    let with = |change: fn(&mut EncoderShape)| {
        let mut model = model(SIZES[0], Activation::Gelu);
        change(&mut model.shape);
        model.error()
    };
    let changes: [fn(&mut EncoderShape); 9] = [
        |s| s.hidden = 0,
        |s| s.heads = 0,
        |s| s.intermediate = 0,
        |s| s.heads = 3,
        |s| s.hidden = usize::MAX,
        |s| s.hidden = 1 << 20,
        |s| s.intermediate = usize::MAX,
        |s| s.norm_epsilon = f32::NAN,
        |s| s.norm_epsilon = -1.0,
    ];
    for change in changes {
        assert!(matches!(with(change), EncoderError::InvalidShape(_)));
    }
}

#[test]
fn invalid_weights_are_errors() {
    let with = |change: fn(&mut Model)| {
        let mut model = model(SIZES[0], Activation::Gelu);
        change(&mut model);
        model.error()
    };
    let lengths: [fn(&mut Model); 8] = [
        |m| m.embeddings.words.truncate(63),
        |m| m.embeddings.words.clear(),
        |m| m.embeddings.positions.push(0.0),
        |m| m.embeddings.norm.weights.clear(),
        |m| m.layers[1].query.weights.push(0.0),
        |m| m.layers[0].up.bias.truncate(5),
        |m| m.layers[0].down.weights.clear(),
        |m| m.layers[0].output_norm.bias.truncate(1),
    ];
    for change in lengths {
        assert!(matches!(with(change), EncoderError::WrongLength { .. }));
    }
    let values: [fn(&mut Model); 3] = [
        |m| m.embeddings.words[5] = f32::NAN,
        |m| m.layers[1].value.weights[0] = f32::INFINITY,
        |m| m.layers[1].attention_norm.weights[0] = f32::NEG_INFINITY,
    ];
    for change in values {
        assert!(matches!(with(change), EncoderError::NotFinite { .. }));
    }
    assert!(matches!(
        with(|m| m.embeddings.words[0] = 1e6),
        EncoderError::OutOfHalfRange { .. }
    ));
}

#[test]
fn extreme_weights_do_not_panic() {
    for value in [f32::MAX, 1e-40, 0.0] {
        let mut model = model(SIZES[0], Activation::Gelu);
        for layer in &mut model.layers {
            layer.key.weights.fill(value);
            layer.value.weights.fill(value);
            layer.up.weights.fill(value);
            layer.output_norm.weights.fill(value);
        }
        for isa in Isa::available() {
            assert_eq!(encode(&model.encoder(isa), &[&[1, 2, 3]]).len(), 3 * 64);
        }
    }
}

#[test]
fn errors_of_the_loader_come_through() {
    #[derive(Debug, PartialEq)]
    struct Unreadable;
    impl From<EncoderError> for Unreadable {
        fn from(_: EncoderError) -> Self {
            Self
        }
    }
    let model = model(SIZES[0], Activation::Gelu);
    let layers = [Err(Unreadable)];
    assert_eq!(
        Int8Encoder::new(model.shape, model.embeddings, layers).err(),
        Some(Unreadable)
    );
}

#[test]
fn threads_share_an_encoder() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&model(SIZES[0], Activation::Gelu).encoder(Isa::best()));
}
