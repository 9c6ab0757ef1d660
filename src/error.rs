//! What can go wrong in the shell, in words for the person at the keyboard.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
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

/// Kind of an error, on which front ends decide; messages may be reworded
/// freely. Each has one SQLSTATE (`serve::errors`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorKind {
    /// The statement itself is wrong in a way that no other kind names.
    #[default]
    Statement,
    Syntax,
    /// Expressions nested more deeply, or a statement larger, than is planned.
    TooComplex,
    UndefinedTable,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    /// A setting or parameter cannot have this value.
    InvalidValue,
    NotSupported,
    /// The statement would write, and the policy allows reading only.
    ReadOnly,
    /// The policy does not allow it: a path, a host, a setting, a model.
    Forbidden,
    OutOfMemory,
    /// The machine lacks a model, a library or a file of the dictionary.
    Setup,
    /// The user cancelled the statement.
    Canceled,
    /// A defect: a panic, or an internal error of the engine.
    Internal,
}

/// An error that ends a statement, with the exit code it means for a batch.
#[derive(Debug)]
pub struct ShellError {
    pub code: ExitCode,
    pub kind: ErrorKind,
    /// What happened, where, and what to do next.
    pub message: String,
    /// The line within the statement, from 1, where the engine knows it.
    pub line: Option<u64>,
    /// Whether the message names file and line already.
    pub placed: bool,
}

pub type Result<T, E = ShellError> = std::result::Result<T, E>;

impl ShellError {
    fn new(code: ExitCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
            line: None,
            placed: false,
        }
    }

    pub fn query(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Query, ErrorKind::Statement, message)
    }

    /// An error of a statement, of a kind that front ends tell apart.
    pub fn of_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        let code = match kind {
            ErrorKind::Setup => ExitCode::Setup,
            ErrorKind::Canceled => ExitCode::Interrupted,
            _ => ExitCode::Query,
        };
        Self::new(code, kind, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, ErrorKind::Statement, message)
    }

    pub fn setup(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Setup, ErrorKind::Setup, message)
    }

    pub fn interrupted() -> Self {
        Self::new(ExitCode::Interrupted, ErrorKind::Canceled, "interrupted")
    }

    /// Standard output has no reader any more, as with `| head`. That is a
    /// wish to stop, not a failure.
    pub fn closed_output() -> Self {
        Self::new(ExitCode::Success, ErrorKind::Statement, "")
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
                kind: ours.kind,
                message: ours.message.clone(),
                line: ours.line,
                placed: ours.placed,
            };
        }
        let mut message = tidy(&readable(&error));
        let line = line_in_message(&mut message).or_else(|| line_of(&error));
        Self {
            line,
            ..Self::of_kind(kind_of(&error), message)
        }
    }
}

/// Kind of an engine's error, by its variant; `Statement` where the engine says
/// no more than that planning or execution failed.
fn kind_of(error: &DataFusionError) -> ErrorKind {
    match semql_udfs::find_error(error) {
        Some(semql_udfs::Error::Setup(_)) => return ErrorKind::Setup,
        Some(semql_udfs::Error::Forbidden(_)) => return ErrorKind::Forbidden,
        _ => {}
    }
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            kind_of(inner)
        }
        DataFusionError::Shared(inner) => kind_of(inner),
        DataFusionError::Collection(all) => all.first().map_or(ErrorKind::Statement, kind_of),
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => kind_of(inner),
            None => ErrorKind::Statement,
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => inner
                .downcast_ref::<DataFusionError>()
                .map_or(ErrorKind::Statement, kind_of),
            ArrowError::MemoryError(_) => ErrorKind::OutOfMemory,
            _ => ErrorKind::Statement,
        },
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::RecursionLimitExceeded => ErrorKind::TooComplex,
            ParserError::TokenizerError(_) | ParserError::ParserError(_) => ErrorKind::Syntax,
        },
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { .. } => ErrorKind::UndefinedColumn,
            _ => ErrorKind::Statement,
        },
        DataFusionError::NotImplemented(_) => ErrorKind::NotSupported,
        DataFusionError::ResourcesExhausted(_) => ErrorKind::OutOfMemory,
        DataFusionError::Internal(_) | DataFusionError::ExecutionJoin(_) => ErrorKind::Internal,
        _ => ErrorKind::Statement,
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
        DataFusionError::ObjectStore(inner) => ours_below(inner.as_ref()),
        _ => None,
    }
}

/// The shell's error among the sources of another one.
pub fn ours_below<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a ShellError> {
    let mut source = Some(error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref() {
            return Some(ours);
        }
        source = inner.source();
    }
    None
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
                "the statement is nested too deeply; make views or tables of its inner queries"
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
        let error = ShellError::from(error);
        assert_eq!(
            (error.code, error.kind),
            (ExitCode::Setup, ErrorKind::Setup)
        );
    }

    #[test]
    fn kinds_come_from_variants_through_layers() {
        let kind = |error: DataFusionError| ShellError::from(error.context("planning")).kind;
        assert_eq!(
            kind(DataFusionError::ResourcesExhausted("full".into())),
            ErrorKind::OutOfMemory
        );
        assert_eq!(
            kind(DataFusionError::NotImplemented("x".into())),
            ErrorKind::NotSupported
        );
        assert_eq!(
            kind(DataFusionError::Plan("x".into())),
            ErrorKind::Statement
        );
        let parser = ParserError::RecursionLimitExceeded;
        assert_eq!(
            kind(DataFusionError::SQL(Box::new(parser), None)),
            ErrorKind::TooComplex
        );
    }
}
