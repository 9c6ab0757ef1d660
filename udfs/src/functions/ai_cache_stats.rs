//! `ai_cache_stats()`: statistics of the cache of vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_inference::cache::CacheStats;

use super::memory_table::{check_no_arguments, memory_table};
use super::planning;
use crate::error::to_datafusion;
use crate::options::AiOptions;

#[derive(Debug)]
pub struct AiCacheStats {
    options: AiOptions,
}

impl AiCacheStats {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

impl TableFunctionImpl for AiCacheStats {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        check_no_arguments("ai_cache_stats", args.exprs())?;
        let options = planning::session_options(args.session().config_options(), &self.options);
        let stats = match options
            .runtime
            .cache(&options.settings)
            .map_err(to_datafusion)?
        {
            Some(cache) => cache.stats(),
            None => CacheStats {
                location: "off".to_string(),
                ..CacheStats::default()
            },
        };
        memory_table(batch(&stats)?)
    }
}

fn batch(stats: &CacheStats) -> Result<RecordBatch> {
    let number = |n: u64| Arc::new(Int64Array::from(vec![n as i64])) as ArrayRef;
    let location = StringArray::from(vec![stats.location.as_str()]);
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("location", Arc::new(location) as ArrayRef, false),
        ("models", number(stats.models), false),
        ("entries", number(stats.entries), false),
        ("bytes", number(stats.bytes), false),
        ("limit_bytes", number(stats.limit), false),
        ("hits", number(stats.hits), false),
        ("misses", number(stats.misses), false),
        ("writes", number(stats.writes), false),
        ("skipped_batches", number(stats.skipped), false),
    ])?)
}
