//! Description of an encoder: the names of its weights and how its layers are
//! composed. One builder makes graphs of all of them.

use crate::models::activation::Activation;

/// Parts of an encoder that all layers share.
pub struct Architecture {
    pub embeddings: Embeddings,
    /// Whether layers normalize their inputs, not their outputs.
    pub pre_norm: bool,
    /// Normalization after the last layer.
    pub final_norm: Option<Norm>,
    pub norm_epsilon: f32,
    pub activation: Activation,
    pub relative_bias: Option<RelativeBias>,
    /// The parts of a layer.
    pub layers: Vec<Layer>,
}

/// Weights of the input of the first layer.
pub struct Embeddings {
    pub words: String,
    /// Table of positions, and its row of the first token.
    pub positions: Option<(String, usize)>,
    /// Table of segments. Texts have the first one.
    pub segments: Option<String>,
    pub norm: Norm,
}

/// One layer.
pub struct Layer {
    /// Query, key and value.
    pub attention: [Dense; 3],
    pub attention_output: Dense,
    /// `None` where the attention has no normalization.
    pub attention_norm: Option<Norm>,
    pub up: Dense,
    /// A second projection, whose activation is multiplied with `up`.
    pub gate: Option<Dense>,
    pub down: Dense,
    pub output_norm: Norm,
    /// Base of the rotation of queries and keys.
    pub rotary_base: Option<f64>,
    /// Tokens on each side that a token attends to.
    pub window: Option<usize>,
}

/// Bias of attention scores by the distance of two tokens.
pub struct RelativeBias {
    /// Weights `[buckets, heads]`.
    pub name: String,
    pub buckets: usize,
}

/// Layer normalization.
#[derive(Clone)]
pub struct Norm {
    /// Name of the weights in the checkpoint, without `.weight`.
    pub name: String,
    pub bias: bool,
}

impl Norm {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bias: true,
        }
    }
}

/// Dense layer, whose weights may be a part of a larger matrix.
#[derive(Clone)]
pub struct Dense {
    /// Name of the weights in the checkpoint, without `.weight`.
    pub name: String,
    pub bias: bool,
    /// Which of how many equal parts of the outputs.
    pub part: (usize, usize),
}

impl Dense {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bias: true,
            part: (0, 1),
        }
    }

    /// Part `part` of `parts` of the outputs.
    pub fn part(name: impl Into<String>, part: usize, parts: usize) -> Self {
        Self {
            part: (part, parts),
            ..Self::new(name)
        }
    }

    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Name of the weights in the graph.
    pub fn graph_name(&self) -> String {
        match self.part {
            (0, 1) => self.name.clone(),
            (part, _) => format!("{}[{part}]", self.name),
        }
    }
}
