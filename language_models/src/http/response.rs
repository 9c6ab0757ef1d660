//! Bodies and failures of responses.

use reqwest::Response;

use crate::one_line::one_line;

/// Reason of a body that was not read.
#[derive(Debug)]
pub enum BodyError {
    /// The body is longer than the limit.
    TooLong,
    /// The connection failed.
    Connection(reqwest::Error),
}

/// Reads the body of a response, up to `max_bytes`.
///
/// # Errors
/// See [`BodyError`].
pub async fn read_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Connection)? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The innermost cause of a failed request on one line, without the URL.
pub fn innermost_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}
