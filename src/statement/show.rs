//! `DESCRIBE` of a table, a file or a query, `SHOW MODELS` and `SHOW DEVICES`.

use super::context::StatementContext;
use super::outcome::Outcome;
use super::parsed::DescribeSource;
use super::parser::parse_one;
use super::{describe, query};
use crate::error::Result;
use crate::session::Session;

/// Query of `SHOW MODELS`: the columns that fit a screen. `ai_models()` has more.
const MODELS: &str = "SELECT name, dims, on_this_machine, device, source FROM ai_models()";

/// Query of `SHOW DEVICES`.
const DEVICES: &str = "SELECT * FROM ai_devices()";

/// Runs `DESCRIBE`.
///
/// # Errors
/// If there is no such table or file; planning of a query.
pub async fn describe(session: &Session, source: &DescribeSource) -> Result<Outcome> {
    match source {
        DescribeSource::Table(table) => describe::run(session, table).await,
        DescribeSource::Query(query) => {
            let plan = query::plan_query(session, query.clone()).await?;
            describe::query(&plan)
        }
    }
}

/// Runs `SHOW MODELS`.
///
/// # Errors
/// If the folder of models cannot be read.
pub async fn models(context: &StatementContext) -> Result<Outcome> {
    query::run(context, &parse_one(MODELS)?).await
}

/// Runs `SHOW DEVICES`.
///
/// # Errors
/// Those of a query.
pub async fn devices(context: &StatementContext) -> Result<Outcome> {
    query::run(context, &parse_one(DEVICES)?).await
}
