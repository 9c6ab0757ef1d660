//! Messages of `COPY ... FROM STDIN`.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::ClientInfo;
use pgwire::api::copy::CopyHandler;
use pgwire::api::query::send_execution_response;
use pgwire::api::results::Tag;
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyFail};

use crate::serve::connection::Connection;
use crate::serve::errors::{self, SqlState};
use semql_udfs::inference::sync::lock;

/// Handler of the data of one connection.
pub struct CopyMessages(Arc<Connection>);

impl CopyMessages {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self(connection)
    }
}

#[async_trait]
impl CopyHandler for CopyMessages {
    async fn on_copy_data<C>(&self, _: &mut C, data: CopyData) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.0.add_to_copy(&data.data)
    }

    async fn on_copy_done<C>(&self, client: &mut C, _: CopyDone) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let copy = lock(&self.0.copy).take();
        let copy = copy.ok_or_else(|| {
            errors::error(SqlState::ProtocolViolation, "no COPY waits for its end")
        })?;
        let text = copy.text.clone();
        let log = self.0.log("COPY", &text);
        let token = self.0.begin();
        match self.0.finish_copy(copy, &token).await {
            Ok(rows) => {
                send_execution_response(client, Tag::new("COPY").with_rows(rows)).await?;
                log.done(rows);
                Ok(())
            }
            Err(error) => Err(log.failed(error)),
        }
    }

    async fn on_copy_fail<C>(&self, _: &mut C, fail: CopyFail) -> PgWireError
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let copy = lock(&self.0.copy).take();
        let text = copy.map(|copy| copy.text).unwrap_or_default();
        self.0.log("COPY", &text).failed(errors::error(
            SqlState::Canceled,
            format!("the client has cancelled COPY: {}", fail.message),
        ))
    }
}
