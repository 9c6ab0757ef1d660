//! `DESCRIBE` of a table, a file or a query, and `SHOW MODELS`.

use super::parsed::Source;
use super::parser::parse_one;
use super::{Outcome, describe, query};
use crate::error::Result;
use crate::session::Session;

/// Query behind `SHOW MODELS`: the columns that fit a screen. The table function
/// has more.
const MODELS: &str = "SELECT name, dims, on_this_machine, device, source FROM ai_models()";

/// Runs `DESCRIBE what`.
///
/// # Errors
/// If there is no such table or file; planning of a query.
pub async fn describe(session: &Session, what: &Source) -> Result<Outcome> {
    match what {
        Source::Table(table) => describe::run(session, table).await,
        Source::Query(query) => {
            let plan = query::plan_query(session, query.clone()).await?;
            describe::query(&plan)
        }
    }
}

/// Runs `SHOW MODELS`.
///
/// # Errors
/// If the folder of models cannot be read.
pub async fn models(session: &Session) -> Result<Outcome> {
    query::run(session, &parse_one(MODELS)?).await
}
