//! The encoder behind a trained model.

use serde::{Deserialize, Serialize};

/// Encoder at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderIdentity {
    pub model: String,
    pub revision: String,
}
