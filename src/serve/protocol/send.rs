//! Messages to the client that both protocols send.

use std::fmt::Debug;

use arrow::datatypes::Schema;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::portal::Format;
use pgwire::api::query::send_execution_response;
use pgwire::api::results::{QueryResponse, Tag};
use pgwire::api::{ClientInfo, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::CopyInResponse;
use pgwire::messages::data::{NoData, ParameterDescription, RowDescription};
use pgwire::messages::startup::ParameterStatus;

use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::copy::{CopyResponse, PendingCopy};
use crate::serve::execute::transaction::TransactionEffect;
use crate::serve::rows;
use semql_udfs::inference::sync::lock;

/// Sends the types of the parameters of a statement.
///
/// # Errors
/// A client that has gone.
pub async fn parameter_types<C>(client: &mut C, types: &[Type]) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let types = types.iter().map(Type::oid).collect();
    let description = ParameterDescription::new(types);
    client
        .feed(PgWireBackendMessage::ParameterDescription(description))
        .await?;
    Ok(())
}

/// Describes the columns of rows, or that there are no rows.
///
/// # Errors
/// A client that has gone.
pub async fn description<C>(
    client: &mut C,
    schema: Option<&Schema>,
    format: &Format,
) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let message = match schema {
        Some(schema) => {
            let fields = rows::fields(schema, format)?;
            let fields = fields.iter().map(Into::into).collect();
            PgWireBackendMessage::RowDescription(RowDescription::new(fields))
        }
        None => PgWireBackendMessage::NoData(NoData::new()),
    };
    client.feed(message).await?;
    Ok(())
}

/// Sends the rows of COPY ... TO STDOUT and gives their number.
///
/// # Errors
/// Those of the query; a client that has gone.
pub async fn copy<C>(client: &mut C, copy: CopyResponse, token: &CancelToken) -> PgWireResult<usize>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let (tag, rows) = token.unless_cancelled(copy.send(client)).await?;
    send_execution_response(client, tag).await?;
    Ok(rows)
}

/// Asks the client for the rows of a copy, and keeps the copy for them.
///
/// # Errors
/// A client that has gone.
pub async fn copy_in<C>(
    client: &mut C,
    connection: &Connection,
    copy: PendingCopy,
    is_extended: bool,
) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let columns = copy.input.column_count();
    let code = i8::from(copy.input.is_binary());
    *lock(&connection.copy) = Some(copy);
    let codes = vec![i16::from(code); columns];
    let request = CopyInResponse::new(code, columns as i16, codes);
    client
        .send(PgWireBackendMessage::CopyInResponse(request))
        .await?;
    client.set_state(PgWireConnectionState::CopyInProgress(is_extended));
    Ok(())
}

/// Ends a transaction, confirms the statement and sets the transaction status.
///
/// # Errors
/// A COMMIT that other connections prevent; a client that has gone.
pub async fn transaction<C>(
    client: &mut C,
    connection: &Connection,
    effect: TransactionEffect,
    tag: Tag,
) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let status = client.transaction_status();
    let ended = connection.end_transaction(effect, status, tag).await;
    client.set_transaction_status(effect.apply(status));
    send_execution_response(client, ended?).await?;
    Ok(())
}

/// Confirms a statement without rows, and reports the setting that it changed.
///
/// # Errors
/// A client that has gone.
pub async fn done<C>(
    client: &mut C,
    tag: Tag,
    changed: Option<(&'static str, String)>,
) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    if let Some((name, value)) = changed {
        let status = ParameterStatus::new(name.to_string(), value);
        client
            .feed(PgWireBackendMessage::ParameterStatus(status))
            .await?;
    }
    send_execution_response(client, tag).await
}

/// Sends up to `max_rows` rows of a response, or all for 0. Gives their number,
/// and whether there may be more.
///
/// # Errors
/// Those of the query; a client that has gone.
pub async fn rows<C>(
    client: &mut C,
    response: &mut QueryResponse,
    max_rows: usize,
) -> PgWireResult<(usize, bool)>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let mut count = 0;
    while max_rows == 0 || count < max_rows {
        let Some(row) = response.data_rows().next().await else {
            return Ok((count, false));
        };
        client.feed(PgWireBackendMessage::DataRow(row?)).await?;
        count += 1;
    }
    Ok((count, true))
}

/// Sends the command tag after `rows` rows.
///
/// # Errors
/// A client that has gone.
pub async fn complete<C>(client: &mut C, tag: &str, rows: usize) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let tag = match tag {
        "INSERT" => Tag::new(tag).with_oid(0).with_rows(rows),
        other => Tag::new(other).with_rows(rows),
    };
    client
        .feed(PgWireBackendMessage::CommandComplete(tag.into()))
        .await?;
    Ok(())
}
