//! `COPY table FROM STDIN`: an INSERT of the rows that the client sends.

use std::sync::Arc;

use pgwire::error::PgWireResult;

use crate::error::{ErrorKind, ShellError};
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::copy::{CopyInput, PendingCopy};
use crate::serve::errors;
use crate::serve::parameters::wire_types;
use crate::statement::parsed::CopyIn;
use crate::statement::{Statement, copy_format, parser};
use semql_udfs::inference::sync::lock;

impl Connection {
    /// Prepares to receive the rows of a copy.
    ///
    /// # Errors
    /// Options that are not supported; a table that does not exist; a server that only
    /// reads.
    pub(super) async fn begin_copy(
        &self,
        copy: &CopyIn,
        text: &str,
        token: &CancelToken,
    ) -> PgWireResult<PendingCopy> {
        let format =
            copy_format::format(&copy.options, &copy.legacy_options).map_err(errors::wire)?;
        let not_planned = || errors::internal();
        let columns = self.prepare_plan(&copy.columns, Vec::new(), token).await?;
        let columns = columns.ok_or_else(not_planned)?;
        let fields = columns.plan().schema().fields().iter();
        let names: Vec<String> = fields.map(|field| field.name().clone()).collect();
        let insert = insert_of(copy, &names).map_err(errors::wire)?;
        let plan = self.prepare_plan(&insert, Vec::new(), token).await?;
        let plan = Arc::new(plan.ok_or_else(not_planned)?);
        let wire = wire_types(plan.parameters(), &[]);
        let pool = &self.session()?.ctx.runtime_env().memory_pool.clone();
        Ok(PendingCopy {
            input: CopyInput::new(format, &names, wire, plan.parameters(), pool),
            insert,
            plan,
            text: text.to_string(),
        })
    }

    /// Gives bytes of the client to its copy. The copy ends with the first error.
    ///
    /// # Errors
    /// Rows that do not fit the table.
    pub fn add_to_copy(&self, bytes: &[u8]) -> PgWireResult<()> {
        let mut pending = lock(&self.copy);
        let Some(copy) = &mut *pending else {
            return Ok(());
        };
        copy.input.add(bytes).map_err(|error| {
            *pending = None;
            errors::wire(error)
        })
    }

    /// Inserts the rows of a copy, and gives their number.
    ///
    /// # Errors
    /// Rows that do not fit the table; those of the INSERT.
    pub async fn finish_copy(&self, copy: PendingCopy, token: &CancelToken) -> PgWireResult<usize> {
        let (schema, batches) = copy.input.finish().map_err(errors::wire)?;
        self.run_rows(&copy.insert, copy.plan, schema, batches, token)
            .await
    }
}

/// `INSERT INTO table (columns) VALUES ($1, ...)`.
fn insert_of(copy: &CopyIn, names: &[String]) -> crate::error::Result<Statement> {
    if names.is_empty() {
        return Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!("COPY: the table {} has no columns", copy.table),
        ));
    }
    let columns = names
        .iter()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let parameters = (1..=names.len()).map(|number| format!("${number}"));
    parser::parse_one(&format!(
        "INSERT INTO {} ({}) VALUES ({})",
        copy.table,
        columns.collect::<Vec<_>>().join(", "),
        parameters.collect::<Vec<_>>().join(", ")
    ))
}
