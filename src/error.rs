//! What can go wrong in the shell, in words for the person at the keyboard.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

/// How the process ends. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    Success = 0,
    /// A statement or command failed.
    Query = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The machine lacks something: a model, a library, a dictionary.
    Setup = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

/// An error that ends a statement, with the exit code it means for a batch.
#[derive(Debug)]
pub struct ShellError {
    pub code: ExitCode,
    /// What happened, where, and what to do next.
    pub message: String,
    /// The line within the statement, from 1, where the engine knows it.
    pub line: Option<u64>,
    /// Whether the message names file and line already.
    pub placed: bool,
}

pub type Result<T, E = ShellError> = std::result::Result<T, E>;

impl ShellError {
    fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            line: None,
            placed: false,
        }
    }

    pub fn query(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Query, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    pub fn setup(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Setup, message)
    }

    pub fn interrupted() -> Self {
        Self::new(ExitCode::Interrupted, "interrupted")
    }

    /// Standard output has no reader any more, as with `| head`. That is a
    /// wish to stop, not a failure.
    pub fn closed_output() -> Self {
        Self::new(ExitCode::Success, "")
    }

    pub fn is_closed_output(&self) -> bool {
        self.code == ExitCode::Success
    }
}

impl fmt::Display for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ShellError {}

impl From<std::io::Error> for ShellError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::closed_output();
        }
        Self::query(error.to_string())
    }
}

impl From<ArrowError> for ShellError {
    fn from(error: ArrowError) -> Self {
        if let ArrowError::IoError(_, error) = error {
            return error.into();
        }
        DataFusionError::from(error).into()
    }
}

impl From<DataFusionError> for ShellError {
    fn from(error: DataFusionError) -> Self {
        if let Some(semql_udfs::Error::Interrupted) = semql_udfs::find_error(&error) {
            return Self::interrupted();
        }
        // A layer below may have wrapped one of ours; its words are the best.
        if let Some(ours) = find_ours(&error) {
            return Self {
                code: ours.code,
                message: ours.message.clone(),
                line: ours.line,
                placed: ours.placed,
            };
        }
        let code = if semql_udfs::is_setup_error(&error) {
            ExitCode::Setup
        } else {
            ExitCode::Query
        };
        let mut message = tidy(&readable(&error));
        let line = line_in_message(&mut message).or_else(|| line_of(&error));
        Self {
            code,
            message,
            line,
            placed: false,
        }
    }
}

fn find_ours(error: &DataFusionError) -> Option<&ShellError> {
    match error {
        DataFusionError::External(inner) => inner
            .downcast_ref::<ShellError>()
            .or_else(|| find_ours(inner.downcast_ref::<DataFusionError>()?)),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            find_ours(inner)
        }
        DataFusionError::Shared(inner) => find_ours(inner),
        DataFusionError::Collection(all) => all.iter().find_map(find_ours),
        _ => None,
    }
}

/// The innermost message, without the layers of "Error during planning:
/// External error:" that lie around it.
fn readable(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            readable(inner)
        }
        DataFusionError::Shared(inner) => readable(inner),
        DataFusionError::Collection(all) => {
            let all: Vec<String> = all.iter().map(readable).collect();
            all.join("\n")
        }
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => readable(inner),
            None => match inner.downcast_ref::<ArrowError>() {
                Some(inner) => arrow(inner),
                None => inner.to_string(),
            },
        },
        DataFusionError::ArrowError(inner, _) => arrow(inner),
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
                format!("syntax error: {message}")
            }
            ParserError::RecursionLimitExceeded => {
                "the statement is nested too deeply (SET datafusion.sql_parser.recursion_limit)"
                    .to_string()
            }
        },
        DataFusionError::Plan(message)
        | DataFusionError::Configuration(message)
        | DataFusionError::Execution(message) => message.clone(),
        DataFusionError::NotImplemented(message) => format!("not supported: {message}"),
        DataFusionError::ResourcesExhausted(message) => format!(
            "out of memory: {message}\nAllow more with --memory-limit, or make the query smaller"
        ),
        DataFusionError::IoError(inner) => inner.to_string(),
        DataFusionError::ParquetError(inner) => {
            format!("damaged or unsupported Parquet data: {inner}")
        }
        DataFusionError::ObjectStore(inner) => inner.to_string(),
        DataFusionError::SchemaError(inner, _) => inner.to_string(),
        DataFusionError::ExecutionJoin(inner) => {
            format!("a part of the query ended unexpectedly: {inner}")
        }
        DataFusionError::Internal(message) => format!("internal error: {message}"),
        other => other.to_string(),
    }
}

/// What a layer put in front of another layer's message.
const WRAPPERS: &[&str] = &[
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "Arrow error: ",
    "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
];

/// The same message without the names of the layers it went through.
fn tidy(message: &str) -> String {
    let mut message = message.to_string();
    // A function that refuses its arguments says why; the engine then adds
    // what it would say if it did not know why.
    let refused = "user-defined coercion failed with: ";
    if let Some(at) = message.find(refused) {
        message.drain(..at + refused.len());
        if let Some(at) = message.find(" No function matches the given name") {
            message.truncate(at);
        }
    }
    for wrapper in WRAPPERS {
        message = message.replace(wrapper, "");
    }
    message
}

fn arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => readable(inner),
            None => inner.to_string(),
        },
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::SchemaError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::CsvError(message)
        | ArrowError::JsonError(message)
        | ArrowError::InvalidArgumentError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Takes the parser's "at Line: 3, Column: 7" out of a message; the shell
/// names the line itself, counted in the file.
fn line_in_message(message: &mut String) -> Option<u64> {
    let start = message.find(" at Line: ")?;
    let place = &message[start + " at Line: ".len()..];
    let digits = place.find(|c: char| !c.is_ascii_digit())?;
    let line = place[..digits].parse().ok()?;
    let rest = place[digits..].strip_prefix(", Column: ")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let tail = rest[end..].to_string();
    message.truncate(start);
    message.push_str(&tail);
    Some(line)
}

fn line_of(error: &DataFusionError) -> Option<u64> {
    let span = error.diagnostic()?.span?;
    (span.start.line > 0).then_some(span.start.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_of_wrapping_are_taken_off() {
        let inner = DataFusionError::Plan("no such thing".into());
        let error = DataFusionError::External(Box::new(DataFusionError::ArrowError(
            Box::new(ArrowError::ExternalError(Box::new(
                inner.context("analysing"),
            ))),
            None,
        )));
        assert_eq!(ShellError::from(error).message, "no such thing");
    }

    #[test]
    fn a_function_that_refuses_its_arguments_is_heard() {
        let error = DataFusionError::Plan(
            "Execution error: Function 'f' user-defined coercion failed with: Error during planning: \
             argument 1 must be text. No function matches the given name and argument types 'f(Int64)'."
                .into(),
        );
        assert_eq!(ShellError::from(error).message, "argument 1 must be text.");
    }

    #[test]
    fn the_parsers_place_becomes_a_line() {
        let error = DataFusionError::SQL(
            Box::new(ParserError::ParserError(
                "Expected: x, found: y at Line: 3, Column: 7".into(),
            )),
            None,
        );
        let error = ShellError::from(error);
        assert_eq!(error.line, Some(3));
        assert_eq!(error.message, "syntax error: Expected: x, found: y");
    }

    #[test]
    fn an_interrupted_model_is_an_interruption() {
        let error = DataFusionError::from(semql_udfs::Error::Interrupted).context("running");
        assert_eq!(ShellError::from(error).code, ExitCode::Interrupted);
    }

    #[test]
    fn a_missing_model_is_a_set_up_error() {
        let error = DataFusionError::from(semql_udfs::Error::Setup("no model".into()));
        assert_eq!(ShellError::from(error).code, ExitCode::Setup);
    }
}
