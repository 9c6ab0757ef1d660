//! Messages of error responses.

use semql_udfs::language_models::one_line;
use serde::Deserialize;

/// Bytes of an error response that are read as text.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// Error response of MLflow.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub struct ServerMessage {
    /// Such as `RESOURCE_DOES_NOT_EXIST`; empty without one.
    #[serde(rename = "error_code", default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

impl ServerMessage {
    /// The message in a response, on one line and without `secrets`.
    pub fn of(body: &[u8], secrets: &[&str]) -> Self {
        let parsed: Option<Self> = serde_json::from_slice(body).ok();
        let mut message = parsed.unwrap_or_else(|| Self {
            code: String::new(),
            message: String::from_utf8_lossy(&body[..body.len().min(MAX_TEXT_BYTES)]).into_owned(),
        });
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            message.message = message.message.replace(secret, "***");
        }
        message.message = one_line(&message.message);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_one_line_and_no_secrets() {
        let body = br#"{"error_code": "BAD", "message": "not\n s3cret\u001b, not dTpz"}"#;
        let message = ServerMessage::of(body, &["s3cret", "dTpz", ""]);
        assert_eq!(message.code, "BAD");
        assert_eq!(message.message, "not ***, not ***");
        for body in [
            b"<html>\n\xff</html>".as_slice(),
            b"",
            b"[1]",
            b"{\"message\": 3}",
        ] {
            let message = ServerMessage::of(body, &[]);
            assert_eq!(message.code, "", "{message:?}");
        }
        assert!(ServerMessage::of(&[b'a'; 99_999], &[]).message.len() < 300);
    }
}
