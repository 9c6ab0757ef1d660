//! Results of statements, for both protocols.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;

use super::transaction::TransactionEffect;
use crate::error::{ErrorKind, Result, ShellError};
use crate::serve::copy::{CopyResponse, PendingCopy};
use crate::serve::errors;
use crate::serve::rows::{self, ClientRows};
use crate::statement::{Outcome, Statement};

/// Result of a statement.
pub enum Response {
    Rows(ClientRows),
    Copy(CopyResponse),
    /// The client sends the rows.
    CopyIn(Box<PendingCopy>),
    Transaction(TransactionEffect, Tag),
    Done {
        tag: Tag,
        /// A changed setting and its value, for the client.
        report: Option<(&'static str, String)>,
    },
}

impl Response {
    /// Response that has a tag only.
    pub fn done(tag: &str) -> Self {
        Self::Done {
            tag: Tag::new(tag),
            report: None,
        }
    }

    /// Response to a statement that the session has run.
    pub fn of_outcome(statement: &Statement, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Rows { schema, stream } => {
                let schema = rows::named(&schema, &statement.column_names);
                Self::Rows(ClientRows::of(&schema, stream).tagged(statement.tag()))
            }
            Outcome::Done { rows, .. } => Self::Done {
                tag: tag(statement.completion_tag(), rows),
                report: None,
            },
        }
    }

    /// Response to SHOW of a setting of Postgres.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`].
    pub fn shown(name: &str, value: &str) -> PgWireResult<Self> {
        let rows = || -> Result<ClientRows> {
            let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
            let column = Arc::new(StringArray::from(vec![value]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])?;
            Ok(ClientRows::ready_made(schema, vec![batch]).tagged("SHOW"))
        };
        rows().map(Self::Rows).map_err(|error| {
            errors::wire(ShellError {
                kind: ErrorKind::Internal,
                ..error
            })
        })
    }
}

/// Tag in the form of Postgres: `INSERT 0 3`, `COPY 3`, `CREATE TABLE`.
fn tag(tag: &str, rows: Option<u64>) -> Tag {
    let rows = rows.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
    match rows {
        Some(rows) if tag == "INSERT" => Tag::new(tag).with_oid(0).with_rows(rows),
        Some(rows) => Tag::new(tag).with_rows(rows),
        None => Tag::new(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgwire::messages::response::CommandComplete;

    #[test]
    fn tags_count_rows() {
        let of = |name: &str, rows| CommandComplete::from(tag(name, rows)).tag;
        assert_eq!(of("INSERT", Some(1)), "INSERT 0 1");
        assert_eq!(of("COPY", Some(3)), "COPY 3");
        assert_eq!(of("CREATE TABLE", None), "CREATE TABLE");
        assert_eq!(of("SET", None), "SET");
    }
}
