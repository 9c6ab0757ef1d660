//! A session over a folder of its own, for the unit tests of this part.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::Dictionary;

/// A context that reads files by name and knows the dictionary in `folder`.
pub async fn context(folder: &Path) -> (SessionContext, Arc<Dictionary>) {
    let path = folder.join("data_dict.yaml");
    let dictionary = if path.exists() {
        Dictionary::load(&path).unwrap()
    } else {
        Dictionary::empty()
    };
    let dictionary = Arc::new(dictionary);
    let mut config = SessionConfig::new().with_information_schema(true);
    config.options_mut().execution.parquet.skip_metadata = false;
    let ctx =
        crate::sources::install(SessionContext::new_with_config(config), Arc::default()).unwrap();
    super::register(&ctx, &dictionary).await.unwrap();
    (ctx, dictionary)
}

/// Runs statements and gives the last one's rows as a table.
pub async fn rows(ctx: &SessionContext, sql: &str) -> String {
    let batches: Vec<RecordBatch> = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}
