//! Handlers of the messages of one connection.

use std::sync::Arc;

use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::copy::CopyHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};

use super::cancel::CancelRegistry;
use super::connection::Connection;
use super::protocol::{CopyMessages, ExtendedQueries, NamedPortals, SimpleQueries};
use super::startup::Authenticator;

/// Handlers of one connection.
pub struct Handlers {
    authenticator: Arc<Authenticator>,
    simple: Arc<SimpleQueries>,
    extended: Arc<ExtendedQueries>,
    copies: Arc<CopyMessages>,
    cancels: Arc<CancelRegistry>,
}

impl Handlers {
    pub fn of(connection: &Arc<Connection>) -> Self {
        let connection = || Arc::clone(connection);
        let portals = Arc::new(NamedPortals::default());
        Self {
            authenticator: Arc::new(Authenticator::new(connection())),
            simple: Arc::new(SimpleQueries::new(connection(), Arc::clone(&portals))),
            extended: Arc::new(ExtendedQueries::new(connection(), portals)),
            copies: Arc::new(CopyMessages::new(connection())),
            cancels: Arc::clone(&connection().server.cancels),
        }
    }
}

impl PgWireServerHandlers for Handlers {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.authenticator)
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.simple)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.extended)
    }

    fn copy_handler(&self) -> Arc<impl CopyHandler> {
        Arc::clone(&self.copies)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.cancels)
    }
}
