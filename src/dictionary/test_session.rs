//! Session over a folder, for unit tests of the dictionary.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::{Dictionary, load_dictionary};

/// Context that reads files by name, with the dictionary in `folder`.
pub async fn context(folder: &Path) -> (SessionContext, Arc<Dictionary>) {
    let path = folder.join("data_dict.yaml");
    let dictionary = if path.exists() {
        load_dictionary(&path).unwrap()
    } else {
        Dictionary::default()
    };
    let dictionary = Arc::new(dictionary);
    let mut config = SessionConfig::new().with_information_schema(true);
    config.options_mut().execution.parquet.skip_metadata = false;
    let ctx =
        crate::sources::install(SessionContext::new_with_config(config), Arc::default()).unwrap();
    super::register(&ctx, &dictionary).await.unwrap();
    (ctx, dictionary)
}

/// Runs a statement, and returns its rows as a table.
pub async fn rows(ctx: &SessionContext, sql: &str) -> String {
    let batches: Vec<RecordBatch> = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}
