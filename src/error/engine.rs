//! Conversion of the engine's errors: their layers determine kind, message and line.

use std::error::Error;

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use super::causes::{causes, find_cause};
use super::{ErrorKind, ShellError};

impl From<ArrowError> for ShellError {
    fn from(error: ArrowError) -> Self {
        if let ArrowError::IoError(_, error) = error {
            return error.into();
        }
        DataFusionError::from(error).into()
    }
}

impl From<semql_udfs::Error> for ShellError {
    fn from(error: semql_udfs::Error) -> Self {
        DataFusionError::External(Box::new(error)).into()
    }
}

impl From<DataFusionError> for ShellError {
    fn from(error: DataFusionError) -> Self {
        if let Some(semql_udfs::Error::Interrupted) = semql_udfs::find_error(&error) {
            return Self::interrupted();
        }
        // A layer below may have wrapped a shell error; its message is the most precise.
        if let Some(wrapped) = find_cause::<ShellError>(&error) {
            return Self {
                code: wrapped.code,
                kind: wrapped.kind,
                message: wrapped.message.clone(),
                line: wrapped.line,
                located: wrapped.located,
            };
        }
        let mut message = without_layer_names(&message_of(&error));
        let line = take_line(&mut message).or_else(|| line_of(&error));
        Self {
            line,
            ..Self::of_kind(kind_of(&error), message)
        }
    }
}

/// Kind of an engine's error, by its variant; `Statement` where no layer names a
/// more precise one.
fn kind_of(error: &DataFusionError) -> ErrorKind {
    match semql_udfs::find_error(error) {
        Some(semql_udfs::Error::Setup(_)) => return ErrorKind::Setup,
        Some(semql_udfs::Error::Forbidden(_)) => return ErrorKind::Forbidden,
        _ => {}
    }
    std::iter::once(error as &(dyn Error + 'static))
        .chain(causes(error))
        .find_map(|layer| match layer.downcast_ref::<DataFusionError>() {
            Some(error) => kind_of_layer(error),
            None => kind_of_arrow(layer.downcast_ref::<ArrowError>()?),
        })
        .unwrap_or(ErrorKind::Statement)
}

fn kind_of_arrow(error: &ArrowError) -> Option<ErrorKind> {
    match error {
        ArrowError::MemoryError(_) => Some(ErrorKind::OutOfMemory),
        ArrowError::DivideByZero => Some(ErrorKind::DivisionByZero),
        ArrowError::ArithmeticOverflow(_) => Some(ErrorKind::OutOfRange),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => Some(ErrorKind::InvalidCast),
        _ => None,
    }
}

fn kind_of_layer(error: &DataFusionError) -> Option<ErrorKind> {
    match error {
        DataFusionError::SQL(inner, _) => Some(match inner.as_ref() {
            ParserError::RecursionLimitExceeded => ErrorKind::TooComplex,
            ParserError::TokenizerError(_) | ParserError::ParserError(_) => ErrorKind::Syntax,
        }),
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { .. } => Some(ErrorKind::UndefinedColumn),
            _ => None,
        },
        DataFusionError::ArrowError(inner, _) => kind_of_arrow(inner),
        DataFusionError::NotImplemented(_) => Some(ErrorKind::NotSupported),
        DataFusionError::ResourcesExhausted(_) => Some(ErrorKind::OutOfMemory),
        DataFusionError::Internal(_) | DataFusionError::ExecutionJoin(_) => {
            Some(ErrorKind::Internal)
        }
        _ => None,
    }
}

/// Innermost message, without the layers of "Error during planning: External
/// error:" around it.
fn message_of(error: &(dyn Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        return datafusion_message(error);
    }
    match error.downcast_ref::<ArrowError>() {
        Some(error) => arrow_message(error),
        None => error.to_string(),
    }
}

fn datafusion_message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            datafusion_message(inner)
        }
        DataFusionError::Shared(inner) => datafusion_message(inner),
        DataFusionError::Collection(all) => {
            let all: Vec<String> = all.iter().map(datafusion_message).collect();
            all.join("\n")
        }
        DataFusionError::External(inner) => message_of(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => arrow_message(inner),
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

/// Prefixes that a layer puts in front of another layer's message.
const LAYER_PREFIXES: &[&str] = &[
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "Arrow error: ",
    "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
];

/// Removes the names of the layers from a message.
fn without_layer_names(message: &str) -> String {
    let mut message = message.to_string();
    // A function states why it refuses its arguments. The engine then appends
    // its general message about unknown functions.
    let refused = "user-defined coercion failed with: ";
    if let Some(at) = message.find(refused) {
        message.drain(..at + refused.len());
        if let Some(at) = message.find(" No function matches the given name") {
            message.truncate(at);
        }
    }
    for prefix in LAYER_PREFIXES {
        message = message.replace(prefix, "");
    }
    message
}

fn arrow_message(error: &ArrowError) -> String {
    match error {
        ArrowError::ExternalError(inner) => message_of(inner.as_ref()),
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

/// Removes the parser's "at Line: 3, Column: 7" from a message and returns the
/// line; the shell adds the line of the file.
fn take_line(message: &mut String) -> Option<u64> {
    let start = message.find(" at Line: ")?;
    let position = &message[start + " at Line: ".len()..];
    let digits = position.find(|c: char| !c.is_ascii_digit())?;
    let line = position[..digits].parse().ok()?;
    let rest = position[digits..].strip_prefix(", Column: ")?;
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
    use crate::error::ExitCode;

    #[test]
    fn messages_omit_the_wrapping_layers() {
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
    fn a_coercion_error_is_the_message() {
        let error = DataFusionError::Plan(
            "Execution error: Function 'f' user-defined coercion failed with: Error during planning: \
             argument 1 must be text. No function matches the given name and argument types 'f(Int64)'."
                .into(),
        );
        assert_eq!(ShellError::from(error).message, "argument 1 must be text.");
    }

    #[test]
    fn the_parser_position_becomes_the_line() {
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

    fn external(error: semql_udfs::Error) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }

    #[test]
    fn an_interrupted_model_has_the_exit_code_of_an_interruption() {
        let error = external(semql_udfs::Error::Interrupted).context("running");
        assert_eq!(ShellError::from(error).code, ExitCode::Interrupted);
    }

    #[test]
    fn a_missing_model_is_a_setup_error() {
        let error = external(semql_udfs::Error::Setup("no model".into()));
        let error = ShellError::from(error);
        assert_eq!(
            (error.code, error.kind),
            (ExitCode::Setup, ErrorKind::Setup)
        );
    }

    #[test]
    fn kinds_follow_the_innermost_variant() {
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
    #[test]
    fn a_wrapped_shell_error_keeps_its_kind() {
        let inner = ShellError::of_kind(ErrorKind::ReadOnly, "read only");
        let inner = DataFusionError::External(Box::new(inner)).context("writing");
        let other = DataFusionError::Plan("other".into());
        let error = ShellError::from(DataFusionError::Collection(vec![other, inner]));
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::ReadOnly, "read only")
        );
    }
}
