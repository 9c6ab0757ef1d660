//! One request.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::http::{BodyError, innermost_cause, read_body};
use crate::one_line::one_line;
use crate::options::EndpointOptions;
use crate::prompt::Prompt;
use crate::response_format::ResponseFormat;

/// Bytes of the largest response.
const MAX_RESPONSE_BYTES: usize = 8 << 20;

/// Characters of an invalid answer that are sent back.
const MAX_CORRECTED: usize = 2000;

/// Longest delay that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Text of an answer, and the tokens by the count of the server.
#[derive(Debug)]
pub struct ServerAnswer {
    pub text: String,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Whether a limit of tokens ended the answer.
    pub is_cut: bool,
}

/// Reason of a request without an answer.
#[derive(Debug)]
pub enum AttemptError {
    /// The server could not be reached.
    Connection(String),
    /// The response is something else than a chat completion.
    NoCompletion,
    /// The server is busy, failed, or sent something else than an answer.
    Temporary {
        message: String,
        retry_after: Option<Duration>,
    },
    /// The server refuses the request; the same request fails again.
    Refused { status: StatusCode, message: String },
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct AttemptBody<'a> {
    pub prompt: &'a Prompt,
    /// Schema of the answer; `None` for free text.
    pub schema: Option<&'a Value>,
    pub format: ResponseFormat,
    /// The invalid answer before, and what is wrong with it.
    pub correction: Option<&'a (String, String)>,
}

/// Sends a request, and reads the answer.
///
/// # Errors
/// See [`AttemptError`]. Messages never contain the key.
pub async fn attempt(
    client: &Client,
    options: &EndpointOptions,
    key: Option<&str>,
    body: AttemptBody<'_>,
) -> Result<ServerAnswer, AttemptError> {
    let mut request = client
        .post(options.completions_url())
        .timeout(options.timeout)
        .header(CONTENT_TYPE, "application/json")
        .body(request_body(options, body).to_string());
    if let Some(key) = key {
        let value = HeaderValue::try_from(format!("Bearer {key}"));
        let mut value = value.map_err(|_| AttemptError::Refused {
            status: StatusCode::UNAUTHORIZED,
            message: "the key has characters that HTTP does not allow".to_string(),
        })?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let response = request
        .send()
        .await
        .map_err(|e| connection_error(&e, options))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(AttemptError::Refused {
            status,
            message: "the server redirects; use the address that it redirects to".to_string(),
        });
    }
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|value| value.trim().parse().ok());
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    let body = read_body(response, MAX_RESPONSE_BYTES).await;
    let bytes = body.map_err(|e| body_error(&e, options))?;
    if status.is_success() {
        let answer = parse_answer(&bytes);
        return answer.ok_or(AttemptError::NoCompletion);
    }
    let message = format!("{status}: {}", server_message(&bytes, key));
    match status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        ) {
        // 501 is about the request.
        true if status != StatusCode::NOT_IMPLEMENTED => Err(AttemptError::Temporary {
            message,
            retry_after,
        }),
        _ => Err(AttemptError::Refused { status, message }),
    }
}

fn request_body(options: &EndpointOptions, body: AttemptBody<'_>) -> Value {
    let mut messages = Vec::new();
    if let Some(system) = &body.prompt.system {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.push(json!({"role": "user", "content": body.prompt.user}));
    if let Some((answer, why)) = body.correction {
        let start: String = answer.chars().take(MAX_CORRECTED).collect();
        messages.push(json!({"role": "assistant", "content": start}));
        let again = format!("That is not valid: {why}. Answer again.");
        messages.push(json!({"role": "user", "content": again}));
    }
    let mut request = json!({
        "model": options.model,
        "messages": messages,
        "temperature": options.temperature,
        "stream": false,
    });
    if let Some(max_tokens) = options.max_tokens {
        request["max_tokens"] = max_tokens.into();
    }
    if let Some(format) = body.schema.and_then(|schema| body.format.field(schema)) {
        request["response_format"] = format;
    }
    request
}

fn connection_error(error: &reqwest::Error, options: &EndpointOptions) -> AttemptError {
    // A connection may also time out. A body that ends too early is none of this kind.
    let is_connection = error.is_connect();
    if error.is_timeout() && !is_connection {
        return AttemptError::Temporary {
            message: format!("no answer within {:?}", options.timeout),
            retry_after: None,
        };
    }
    let message = innermost_cause(error);
    match is_connection {
        true => AttemptError::Connection(message),
        false => AttemptError::Temporary {
            message: format!("the connection was lost ({message})"),
            retry_after: None,
        },
    }
}

fn body_error(error: &BodyError, options: &EndpointOptions) -> AttemptError {
    match error {
        BodyError::TooLong => AttemptError::Temporary {
            message: format!("the response has more than {MAX_RESPONSE_BYTES} bytes"),
            retry_after: None,
        },
        BodyError::Connection(error) => connection_error(error, options),
    }
}

fn parse_answer(bytes: &[u8]) -> Option<ServerAnswer> {
    let response: Value = serde_json::from_slice(bytes).ok()?;
    let choice = response.get("choices")?.get(0)?;
    let message = choice.get("message")?;
    let tokens = |name: &str| {
        let usage = response.get("usage").and_then(|usage| usage.get(name));
        usage.and_then(Value::as_u64).unwrap_or(0)
    };
    Some(ServerAnswer {
        text: match message.get("content")? {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            _ => return None,
        },
        prompt_tokens: tokens("prompt_tokens"),
        completion_tokens: tokens("completion_tokens"),
        is_cut: choice.get("finish_reason").and_then(Value::as_str) == Some("length"),
    })
}

/// The message of an error response on one line, without the key.
fn server_message(bytes: &[u8], key: Option<&str>) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64 << 10)]);
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let error = value.as_ref().and_then(|value| value.get("error"));
    let message = error.and_then(|error| error.get("message").or(Some(error)));
    let message = match message.and_then(Value::as_str) {
        Some(message) => message.to_string(),
        None => text.to_string(),
    };
    let message = match key.filter(|key| !key.is_empty()) {
        Some(key) => message.replace(key, "***"),
        None => message,
    };
    one_line(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_servers_have_one_line_and_no_key() {
        let body = br#"{"error": {"message": "the key s3cret\n is\u001b wrong"}}"#;
        assert_eq!(server_message(body, Some("s3cret")), "the key *** is wrong");
        assert_eq!(
            server_message(b"<html>\n\xff</html>", None),
            "<html> \u{fffd}</html>"
        );
        assert!(server_message(&[b'a'; 9999], None).len() < 300);
    }

    #[test]
    fn other_json_is_no_answer() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"choices": []}"#,
            r#"{"choices": [{"message": 3}]}"#,
        ] {
            assert!(parse_answer(body.as_bytes()).is_none(), "{body}");
        }
        let answer = parse_answer(
            br#"{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1}}"#,
        );
        assert_eq!(answer.unwrap().prompt_tokens, 0);
    }
}
