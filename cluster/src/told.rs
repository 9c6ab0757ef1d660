//! What one process has to tell another that went wrong.
//!
//! Ballista passes errors on as text, wrapped in several layers of its own. An
//! error of ours is put into that text with marks around it, so that whoever
//! reads the text finds it again, whole.

use std::fmt;

use datafusion::error::DataFusionError;
use semql::ShellError;

const BEGIN: &str = "[semql|";
const END: &str = "|]";

/// An error, and where it was.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether the machine lacks something, such as a model.
    pub setup: bool,
    /// The process, such as `executor 10.0.0.2:50051`.
    pub place: String,
    /// What happened, and what to do next.
    pub message: String,
}

impl Told {
    pub fn new(place: &str, message: impl Into<String>) -> Self {
        Self {
            setup: false,
            place: place.to_string(),
            message: message.into(),
        }
    }

    /// `error` in the words that the shell has for it.
    pub fn of(error: &DataFusionError, place: &str) -> Self {
        let message = match semql_udfs::find_error(error) {
            Some(ours) => ours.to_string(),
            None => {
                let plain = DataFusionError::Execution(error.message().into_owned());
                ShellError::from(plain).message
            }
        };
        Self {
            setup: semql_udfs::is_setup_error(error),
            ..Self::new(place, message)
        }
    }

    /// The one in a text, if there is one.
    pub fn read(text: &str) -> Option<Self> {
        let inside = text.split_once(BEGIN)?.1.split_once(END)?.0;
        let mut parts = inside.split('|');
        let (setup, place, message) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            setup: setup == "setup",
            place: unescaped(place)?,
            message: unescaped(message)?,
        })
    }

    /// As the shell says it.
    pub fn into_error(self) -> DataFusionError {
        let message = format!("{}: {}", self.place, self.message);
        DataFusionError::External(Box::new(match self.setup {
            true => ShellError::setup(message),
            false => ShellError::query(message),
        }))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.setup { "setup" } else { "query" };
        let (place, message) = (escaped(&self.place), escaped(&self.message));
        write!(f, "{BEGIN}{kind}|{place}|{message}{END}")
    }
}

/// Ballista prints errors for developers.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Told {}

impl From<Told> for DataFusionError {
    fn from(told: Told) -> Self {
        DataFusionError::External(Box::new(told))
    }
}

/// Only what survives being quoted, however often.
fn escaped(text: &str) -> String {
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

fn unescaped(text: &str) -> Option<String> {
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
    fn it_is_found_again_in_whatever_is_put_around_it() {
        let told = Told {
            setup: true,
            ..Told::new(
                "executor 10.0.0.2:50051",
                "no model 'x' | in \"/a/b\": run `make setup`;\nthen ein Wörterbuch [sic] at 100%",
            )
        };
        let wrapped = format!("Task failed: {:?}", DataFusionError::from(told.clone()));
        let wrapped = format!("{:?}", format!("Job failed due to {wrapped:?}"));
        assert_eq!(Told::read(&wrapped), Some(told));
        assert_eq!(Told::read("Task failed: disk full"), None);
    }
}
