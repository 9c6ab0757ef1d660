//! The form in which a server accepts the schema of an answer.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use reqwest::StatusCode;
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

/// Words of errors about the form.
const FORMAT_WORDS: [&str; 3] = ["format", "schema", "grammar"];

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

/// The form that a server has accepted, or the strictest.
#[derive(Debug)]
pub struct AcceptedFormat {
    position: AtomicU8,
    /// Whether the server has answered in the form at `position`.
    is_accepted: AtomicBool,
    may_fall_back: bool,
}

impl AcceptedFormat {
    pub fn new(support: SchemaSupport) -> Self {
        Self {
            position: AtomicU8::new(match support {
                SchemaSupport::Auto | SchemaSupport::On => 0,
                SchemaSupport::Off => 2,
            }),
            is_accepted: AtomicBool::new(false),
            may_fall_back: support == SchemaSupport::Auto,
        }
    }

    /// The form of the next request.
    pub fn current(&self) -> ResponseFormat {
        FORMATS[usize::from(self.position.load(Relaxed)).min(FORMATS.len() - 1)]
    }

    /// Records that the server answered in a form. A stricter one is not used again.
    pub fn accept(&self, format: ResponseFormat) {
        self.position.fetch_max(format as u8, Relaxed);
        self.is_accepted.store(true, Relaxed);
    }

    /// Whether the server may have refused the form rather than the row. Once it has
    /// answered in a form, its error has to mention it.
    pub fn may_be_refusal(
        &self,
        format: ResponseFormat,
        status: StatusCode,
        message: &str,
    ) -> bool {
        let is_of_request = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::NOT_IMPLEMENTED
        );
        let is_known = self.is_accepted.load(Relaxed) && format >= self.current();
        let message = message.to_lowercase();
        is_of_request && (!is_known || FORMAT_WORDS.iter().any(|word| message.contains(word)))
    }

    /// The form for the same request after a refusal; `None` if none is left. The refusal
    /// itself is not recorded: the row may be the reason.
    pub fn weaker(&self, refused: ResponseFormat) -> Option<ResponseFormat> {
        if !self.may_fall_back {
            return None;
        }
        let next = *FORMATS.get(refused as usize + 1)?;
        // Another request may have found the form meanwhile.
        let current = self.current();
        Some(if current > next { current } else { next })
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseFormat::{JsonObject, JsonSchema, Unspecified};
    use super::*;

    #[test]
    fn a_refused_form_gives_way_to_a_weaker_one() {
        let format = AcceptedFormat::new(SchemaSupport::Auto);
        assert_eq!(format.weaker(JsonSchema), Some(JsonObject));
        assert_eq!(format.weaker(JsonObject), Some(Unspecified));
        assert_eq!(format.weaker(Unspecified), None);
        // None of them was the reason of the refusal.
        assert_eq!(format.current(), JsonSchema);
        format.accept(JsonObject);
        assert_eq!(format.current(), JsonObject);
        format.accept(JsonSchema);
        assert_eq!(format.current(), JsonObject);
        assert_eq!(
            AcceptedFormat::new(SchemaSupport::On).weaker(JsonSchema),
            None
        );
        let off = AcceptedFormat::new(SchemaSupport::Off);
        assert_eq!(off.current(), Unspecified);
    }

    #[test]
    fn an_accepted_form_is_refused_by_name_alone() {
        let format = AcceptedFormat::new(SchemaSupport::Auto);
        let refuses = |form, message| format.may_be_refusal(form, StatusCode::BAD_REQUEST, message);
        assert!(refuses(JsonSchema, "the text is too long"));
        assert!(!format.may_be_refusal(JsonSchema, StatusCode::UNAUTHORIZED, "format"));
        format.accept(JsonSchema);
        assert!(!refuses(JsonSchema, "the text is too long"));
        assert!(refuses(JsonSchema, "invalid JSON Schema"));
        format.accept(JsonObject);
        assert!(refuses(JsonSchema, "no"));
        assert!(!refuses(JsonObject, "no"));
    }
}
