//! Options of an endpoint.

use std::time::Duration;

use semql_inference::{Error, Result};
use url::Url;

use crate::http::{AddressPurpose, is_loopback, parse_address};

const LOCATION: AddressPurpose = AddressPurpose {
    subject: "the location of a language model",
    credentials: "use api_key_env",
    advice: "write the address of its API, such as 'http://127.0.0.1:11434/v1'",
};

/// Most requests at a time.
const MAX_CONCURRENCY: usize = 64;

/// Tokens of an answer: enough for values and labels, and a bound for models that do not
/// end.
const DEFAULT_MAX_TOKENS: u32 = 1024;

/// Longest timeout of a request.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Whether the server accepts a JSON schema for its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaSupport {
    /// Asks with a schema, and without one once the server refuses it.
    #[default]
    Auto,
    On,
    Off,
}

/// Options of an endpoint. They never contain a key, only the name of its variable.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointOptions {
    pub name: String,
    /// Address of the API, such as `http://127.0.0.1:11434/v1`.
    pub location: Url,
    pub model: String,
    /// Environment variable with the key.
    pub api_key_env: Option<String>,
    /// Requests at a time.
    pub concurrency: usize,
    /// Time for one request.
    pub timeout: Duration,
    /// Tokens of an answer; `None` for the limit of the server.
    pub max_tokens: Option<u32>,
    pub temperature: f32,
    /// Repetitions of a request that fails for a reason that may pass.
    pub max_retries: u32,
    /// Characters of a text that are sent.
    pub max_input_chars: usize,
    pub json_schema: SchemaSupport,
}

/// Parsed option: its key, and how it is set.
type OptionSpec = (
    &'static str,
    fn(&mut EndpointOptions, &str) -> std::result::Result<(), String>,
);

const OPTION_SPECS: &[OptionSpec] = &[
    ("model", |options, value| {
        options.model = value.to_string();
        Ok(())
    }),
    ("api_key_env", |options, value| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if value.is_empty() || !value.chars().all(is_name) {
            return Err("is not the name of an environment variable".to_string());
        }
        options.api_key_env = Some(value.to_string());
        Ok(())
    }),
    ("concurrency", |options, value| {
        options.concurrency = number(value, 1, MAX_CONCURRENCY)?;
        Ok(())
    }),
    ("timeout", |options, value| {
        options.timeout = duration(value)?;
        Ok(())
    }),
    ("max_tokens", |options, value| {
        options.max_tokens = Some(number(value, 1, 1 << 20)? as u32);
        Ok(())
    }),
    ("temperature", |options, value| {
        let temperature = value.parse().ok();
        let temperature = temperature.filter(|value: &f32| (0.0..=2.0).contains(value));
        options.temperature = temperature.ok_or("is not a number from 0 to 2")?;
        Ok(())
    }),
    ("max_retries", |options, value| {
        options.max_retries = number(value, 0, 20)? as u32;
        Ok(())
    }),
    ("max_input_chars", |options, value| {
        options.max_input_chars = number(value, 1, 10_000_000)?;
        Ok(())
    }),
    ("json_schema", |options, value| {
        options.json_schema = match value.to_ascii_lowercase().as_str() {
            "auto" => SchemaSupport::Auto,
            "on" | "true" => SchemaSupport::On,
            "off" | "false" => SchemaSupport::Off,
            _ => return Err("is none of 'auto', 'on' and 'off'".to_string()),
        };
        Ok(())
    }),
];

impl EndpointOptions {
    /// Names of the options.
    pub const KEYS: &'static [&'static str] = &[
        "model",
        "api_key_env",
        "concurrency",
        "timeout",
        "max_tokens",
        "temperature",
        "max_retries",
        "max_input_chars",
        "json_schema",
    ];

    /// The options of the model called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is not HTTP or carries credentials, an
    /// unknown option, an invalid value, a missing `model`.
    pub fn parse(name: &str, location: &str, options: &[(String, String)]) -> Result<Self> {
        let mut parsed = Self {
            name: name.to_string(),
            location: parse_address(&LOCATION, location)?,
            model: String::new(),
            api_key_env: None,
            concurrency: 8,
            timeout: Duration::from_secs(60),
            max_tokens: Some(DEFAULT_MAX_TOKENS),
            temperature: 0.0,
            max_retries: 5,
            max_input_chars: 24_000,
            json_schema: SchemaSupport::Auto,
        };
        for (key, value) in options {
            if key == "api_key" {
                return Err(Error::Invalid(
                    "api_key would store a key in the statement: put the key into an environment variable, and its \
                     name into api_key_env"
                        .to_string(),
                ));
            }
            let Some((_, set)) = OPTION_SPECS.iter().find(|(known, _)| known == key) else {
                return Err(Error::Invalid(format!(
                    "unknown option '{key}'; the options are {}",
                    Self::KEYS.join(", ")
                )));
            };
            set(&mut parsed, value.trim()).map_err(|why| {
                Error::Invalid(match key.as_str() {
                    // The value may be the key itself.
                    "api_key_env" => format!("{key} {why}"),
                    _ => format!("{key} '{value}' {why}"),
                })
            })?;
        }
        match parsed.model.is_empty() {
            true => Err(Error::Invalid(
                "the option model is missing: the name of the model at the endpoint".to_string(),
            )),
            false => Ok(parsed),
        }
    }

    /// Whether a key would cross a network without encryption.
    pub fn sends_key_in_clear(&self) -> bool {
        self.api_key_env.is_some()
            && self.location.scheme() == "http"
            && !is_loopback(&self.location)
    }

    /// Address of the chat completions.
    pub fn completions_url(&self) -> String {
        format!(
            "{}/chat/completions",
            self.location.as_str().trim_end_matches('/')
        )
    }
}

fn number(value: &str, min: usize, max: usize) -> std::result::Result<usize, String> {
    let number = value.parse().ok();
    let number = number.filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("is not a whole number from {min} to {max}"))
}

fn duration(value: &str) -> std::result::Result<Duration, String> {
    let invalid = || "is not a duration such as '60s', '500ms' or '2m'".to_string();
    let split = value
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(split);
    let number: f64 = digits.trim().parse().map_err(|_| invalid())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" | "" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(invalid()),
    };
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| invalid())?;
    match duration.is_zero() || duration > MAX_TIMEOUT {
        true => Err("is not between 1ms and 60m".to_string()),
        false => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(location: &str, options: &[(&str, &str)]) -> Result<EndpointOptions> {
        let options: Vec<_> = options
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        EndpointOptions::parse("m", location, &options)
    }

    #[test]
    fn options_are_checked() {
        let local = "http://127.0.0.1:11434/v1/";
        let options = parse(
            local,
            &[("model", "x"), ("timeout", "500ms"), ("api_key_env", "KEY")],
        );
        let options = options.unwrap();
        assert_eq!(options.timeout, Duration::from_millis(500));
        assert_eq!(
            options.completions_url(),
            "http://127.0.0.1:11434/v1/chat/completions"
        );
        assert!(!options.sends_key_in_clear());
        let remote = parse(
            "http://example.com/v1",
            &[("model", "x"), ("api_key_env", "KEY")],
        );
        assert!(remote.unwrap().sends_key_in_clear());
        for (location, options, expected) in [
            (local, vec![], "model is missing"),
            (
                local,
                vec![("model", "x"), ("api_key", "secret")],
                "api_key_env",
            ),
            (
                local,
                vec![("model", "x"), ("api_key_env", "sk-secret")],
                "name of an environment variable",
            ),
            (local, vec![("model", "x"), ("concurrency", "0")], "1 to 64"),
            (local, vec![("model", "x"), ("timeout", "soon")], "duration"),
            (local, vec![("model", "x"), ("timeout", "-1s")], "duration"),
            (
                local,
                vec![("model", "x"), ("temperature", "NaN")],
                "0 to 2",
            ),
            (
                local,
                vec![("model", "x"), ("speed", "1")],
                "unknown option",
            ),
            ("ftp://example.com", vec![("model", "x")], "HTTP"),
            (
                "http://user:word@example.com",
                vec![("model", "x")],
                "credentials",
            ),
            ("http://example.com?key=1", vec![("model", "x")], "query"),
            ("nowhere", vec![("model", "x")], "URL"),
        ] {
            let message = parse(location, &options).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let keys: Vec<&str> = OPTION_SPECS.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, EndpointOptions::KEYS);
    }
}
