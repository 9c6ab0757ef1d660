//! The form in which a server accepts the schema of an answer.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::options::SchemaSupport;

/// Forms, from the strictest to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum ResponseFormat {
    JsonSchema,
    JsonObject,
    Unspecified,
}

const FORMATS: [ResponseFormat; 3] = [
    ResponseFormat::JsonSchema,
    ResponseFormat::JsonObject,
    ResponseFormat::Unspecified,
];

impl ResponseFormat {
    /// The field `response_format` of a request; `None` without one.
    pub fn field(self, schema: &Value) -> Option<Value> {
        match self {
            Self::JsonSchema => Some(json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": true, "schema": schema},
            })),
            Self::JsonObject => Some(json!({"type": "json_object"})),
            Self::Unspecified => None,
        }
    }
}

/// The strictest form that a server has not refused.
#[derive(Debug)]
pub struct AcceptedFormat {
    position: AtomicU8,
    may_fall_back: bool,
}

impl AcceptedFormat {
    pub fn new(support: SchemaSupport) -> Self {
        Self {
            position: AtomicU8::new(match support {
                SchemaSupport::Auto | SchemaSupport::On => 0,
                SchemaSupport::Off => 2,
            }),
            may_fall_back: support == SchemaSupport::Auto,
        }
    }

    pub fn current(&self) -> ResponseFormat {
        FORMATS[usize::from(self.position.load(Relaxed)).min(FORMATS.len() - 1)]
    }

    /// Records that the server refused a form. Returns whether a weaker one is left.
    pub fn refuse(&self, refused: ResponseFormat) -> bool {
        if !self.may_fall_back || refused == ResponseFormat::Unspecified {
            return false;
        }
        // Requests at the same time may report the same refusal.
        let next = refused as u8 + 1;
        self.position.fetch_max(next, Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_form_gives_way_to_a_weaker_one() {
        let format = AcceptedFormat::new(SchemaSupport::Auto);
        assert!(format.refuse(ResponseFormat::JsonSchema));
        assert!(format.refuse(ResponseFormat::JsonSchema));
        assert_eq!(format.current(), ResponseFormat::JsonObject);
        assert!(format.refuse(ResponseFormat::JsonObject));
        assert!(!format.refuse(format.current()));
        assert!(!AcceptedFormat::new(SchemaSupport::On).refuse(ResponseFormat::JsonSchema));
        assert_eq!(
            AcceptedFormat::new(SchemaSupport::Off).current(),
            ResponseFormat::Unspecified
        );
    }
}
