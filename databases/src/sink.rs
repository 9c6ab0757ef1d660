//! Writes rows into a table, in one transaction: all rows or none.

use std::fmt;
use std::sync::Arc;

use adbc_core::options::{IngestMode, OptionConnection, OptionStatement, OptionValue};
use adbc_core::{Connection, Optionable};
use arrow::array::RecordBatchReader;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;

use crate::address::TableName;
use crate::bulk_load::bulk_load;
use crate::database::Database;
use crate::row_channel::{RowReader, row_channel};
use crate::staged_append;
use crate::types::{appends_directly, cast_columns, stored_schema};

/// What happens to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// The table is created; it must not exist.
    Create,
    /// Rows are added; the table must exist.
    Append,
    /// The table is created, in place of one that exists.
    Replace,
}

impl WriteMode {
    /// Names in `OPTIONS (mode '...')`.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("create", Self::Create),
        ("append", Self::Append),
        ("replace", Self::Replace),
    ];

    fn ingest_mode(self) -> IngestMode {
        match self {
            Self::Create => IngestMode::Create,
            Self::Append => IngestMode::Append,
            Self::Replace => IngestMode::Replace,
        }
    }
}

/// Sink of rows.
#[derive(Debug)]
pub struct DatabaseSink {
    database: Database,
    table: TableName,
    mode: WriteMode,
    schema: SchemaRef,
    stored: SchemaRef,
}

impl DatabaseSink {
    /// Sink of rows with the columns of `schema`.
    ///
    /// # Errors
    /// A type that no column of a table holds.
    pub fn new(
        database: Database,
        table: TableName,
        mode: WriteMode,
        schema: SchemaRef,
    ) -> crate::error::Result<Self> {
        let stored = stored_schema(&schema)?;
        Ok(Self {
            database,
            table,
            mode,
            schema,
            stored,
        })
    }
}

impl DisplayAs for DatabaseSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let (address, table) = (self.database.address(), &self.table);
        write!(
            f,
            "DatabaseSink(database={address}, table={table}, mode={:?})",
            self.mode
        )
    }
}

#[async_trait]
impl DataSink for DatabaseSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        mut data: SendableRecordBatchStream,
        _: &Arc<TaskContext>,
    ) -> Result<u64> {
        let (sender, reader) = row_channel(Arc::clone(&self.stored));
        let (database, table, mode) = (self.database.clone(), self.table.clone(), self.mode);
        let writing = SpawnedTask::spawn_blocking(move || write(&database, &table, mode, reader));
        let mut rows = 0;
        let mut failed = None;
        while let Some(batch) = data.next().await {
            let batch = batch.and_then(|batch| Ok(cast_columns(&batch, &self.stored)?));
            match batch {
                Ok(batch) => {
                    rows += batch.num_rows() as u64;
                    if !sender.send(batch).await {
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match &failed {
            Some(_) => {
                sender
                    .fail(ArrowError::ExternalError("the query failed".into()))
                    .await
            }
            None => sender.finish().await,
        }
        let written = writing
            .join_unwind()
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        // The error of the query explains that of the driver.
        match failed {
            Some(error) => Err(error),
            None => written.map(|()| rows).map_err(DataFusionError::from),
        }
    }
}

/// Writes all rows of `reader`, and commits. Blocks.
fn write(
    database: &Database,
    table: &TableName,
    mode: WriteMode,
    reader: RowReader,
) -> crate::error::Result<()> {
    let failed = |error| database.error(&format!("write the table {table} of"), error);
    let mut connection = database.connect()?;
    connection
        .set_option(
            OptionConnection::AutoCommit,
            OptionValue::String("false".to_string()),
        )
        .map_err(failed)?;
    let driver = database.address().driver;
    let stored = reader.schema();
    let written = (|| {
        let staged = driver.exact_append && mode == WriteMode::Append && {
            let columns =
                connection.get_table_schema(None, table.schema.as_deref(), &table.table)?;
            !appends_directly(&stored, &columns)
        };
        if staged {
            let dialect = (driver.dialect)();
            return staged_append::append(&mut connection, dialect.as_ref(), table, reader);
        }
        let schema = table.schema.clone();
        let options = [
            (OptionStatement::IngestMode, mode.ingest_mode().into()),
            (OptionStatement::TargetTable, table.table.clone()),
        ];
        let in_schema = schema.map(|schema| (OptionStatement::TargetDbSchema, schema));
        bulk_load(
            &mut connection,
            options.into_iter().chain(in_schema),
            reader,
        )
    })();
    match written.and_then(|()| connection.commit()) {
        Ok(()) => Ok(()),
        Err(error) => {
            // Closing the connection would roll back too.
            let _ = connection.rollback();
            Err(failed(error))
        }
    }
}
