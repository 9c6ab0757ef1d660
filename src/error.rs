//! Error type of the shell, its kinds and exit codes.

mod causes;
mod engine;

use std::fmt;

pub use causes::{causes, find_cause};

/// Exit code of the process. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    Success = 0,
    /// A statement or command failed.
    Query = 1,
    /// The command line is invalid.
    Usage = 2,
    /// The machine lacks something: a model, a library, a dictionary.
    Setup = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Kind of an error, for decisions of front ends; messages may be reworded
/// freely. Each has one SQLSTATE (`serve::errors`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorKind {
    /// The statement is invalid, and no other kind applies.
    #[default]
    Statement,
    Syntax,
    /// Nesting or length of the statement exceeds the planner's limits.
    TooComplex,
    UndefinedTable,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    UndefinedSchema,
    UndefinedSavepoint,
    UndefinedPreparedStatement,
    DuplicatePreparedStatement,
    DuplicateTable,
    DuplicateColumn,
    DuplicateSchema,
    /// Other objects depend on the one to be changed.
    DependentObjects,
    NotNullViolation,
    UniqueViolation,
    CheckViolation,
    /// A text is longer than its column allows.
    TooLong,
    DivisionByZero,
    /// A number is too large for its type.
    OutOfRange,
    /// A text or another value is not one of the type it is cast to.
    InvalidCast,
    /// Another session has changed what a transaction changes.
    ConcurrentChange,
    /// A setting or parameter cannot have this value.
    InvalidValue,
    NotSupported,
    /// The statement would write, and the policy allows reading only.
    ReadOnly,
    /// The policy forbids a path, a host, a setting or a model.
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
    /// What failed, on what, why, and the next step.
    pub message: String,
    /// Line within the statement, from 1, if the engine reports it.
    pub line: Option<u64>,
    /// Whether the message names file and line already.
    pub located: bool,
}

pub type Result<T, E = ShellError> = std::result::Result<T, E>;

impl ShellError {
    fn new(code: ExitCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
            line: None,
            located: false,
        }
    }

    pub fn query(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Query, ErrorKind::Statement, message)
    }

    /// Error of a statement with a kind; the kind determines the exit code.
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

    /// The reader of standard output closed it, as `| head` does. Ends the run
    /// without a failure.
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

/// Reason of an I/O error, without the operating system's error number.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        _ => error.to_string(),
    }
}
