//! Error of one process, encoded for another.
//!
//! Ballista passes errors on as text, and wraps them in several layers. Markers
//! around the encoded error let the client find it in that text.

use std::fmt;

use datafusion::error::DataFusionError;
use semql::ShellError;

const START_MARKER: &str = "[semql|";
const END_MARKER: &str = "|]";

/// Error of a scheduler or an executor.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteError {
    /// Whether the machine lacks something, such as a model.
    pub setup: bool,
    /// Process that failed, such as `executor 10.0.0.2:50051`.
    pub process: String,
    /// What failed, and the next step.
    pub message: String,
}

impl RemoteError {
    pub fn new(process: &str, message: impl Into<String>) -> Self {
        Self {
            setup: false,
            process: process.to_string(),
            message: message.into(),
        }
    }

    /// `error`, with the message that the shell prints for it.
    pub fn from_error(error: &DataFusionError, process: &str) -> Self {
        let message = match semql_udfs::find_error(error) {
            Some(ours) => ours.to_string(),
            None => {
                let plain = DataFusionError::Execution(error.message().into_owned());
                ShellError::from(plain).message
            }
        };
        Self {
            setup: semql_udfs::is_setup_error(error),
            ..Self::new(process, message)
        }
    }

    /// Finds the encoded error in a text.
    pub fn decode(text: &str) -> Option<Self> {
        let encoded = text.split_once(START_MARKER)?.1.split_once(END_MARKER)?.0;
        let mut parts = encoded.split('|');
        let (setup, process, message) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            setup: setup == "setup",
            process: unescape(process)?,
            message: unescape(message)?,
        })
    }

    /// Error that the shell prints.
    pub fn into_error(self) -> DataFusionError {
        let message = format!("{}: {}", self.process, self.message);
        DataFusionError::External(Box::new(match self.setup {
            true => ShellError::setup(message),
            false => ShellError::query(message),
        }))
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.setup { "setup" } else { "query" };
        let (process, message) = (escape(&self.process), escape(&self.message));
        write!(f, "{START_MARKER}{kind}|{process}|{message}{END_MARKER}")
    }
}

/// Equal to `Display`, because Ballista formats errors with `Debug`.
impl fmt::Debug for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RemoteError {}

impl From<RemoteError> for DataFusionError {
    fn from(error: RemoteError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

/// Percent-encodes every byte that quoting could change.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b' ' | b'-' | b'.' | b'_' | b',' | b':' | b'/' | b'(' | b')' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02x}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_decoded_from_the_text_around_it() {
        let error = RemoteError {
            setup: true,
            ..RemoteError::new(
                "executor 10.0.0.2:50051",
                "no model 'x' | in \"/a/b\": run `make setup`;\nthen ein Wörterbuch [sic] at 100%",
            )
        };
        let wrapped = format!("Task failed: {:?}", DataFusionError::from(error.clone()));
        let wrapped = format!("{:?}", format!("Job failed due to {wrapped:?}"));
        assert_eq!(RemoteError::decode(&wrapped), Some(error));
        assert_eq!(RemoteError::decode("Task failed: disk full"), None);
    }
}
