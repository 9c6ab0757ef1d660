//! Messages to the client that both protocols send.

use std::fmt::Debug;

use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::ClientInfo;
use pgwire::api::query::send_execution_response;
use pgwire::api::results::{QueryResponse, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::ParameterStatus;

use crate::serve::cancel::CancelToken;
use crate::serve::copy::CopyResponse;
use crate::serve::execute::transaction::TransactionEffect;

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

/// Confirms a transaction statement and sets the transaction status.
///
/// # Errors
/// A client that has gone.
pub async fn transaction<C>(client: &mut C, effect: TransactionEffect, tag: Tag) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    send_execution_response(client, tag).await?;
    client.set_transaction_status(effect.apply(client.transaction_status()));
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
    let tag = Tag::new(tag).with_rows(rows);
    client
        .feed(PgWireBackendMessage::CommandComplete(tag.into()))
        .await?;
    Ok(())
}
