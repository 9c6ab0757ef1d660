//! `ai_cache_stats()`: how the cache of vectors is doing.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use super::planning;
use crate::inference::cache::Stats;
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
        if !args.exprs().is_empty() {
            return plan_err!("ai_cache_stats takes no arguments");
        }
        let options = planning::options(args.session().config_options(), &self.options);
        let stats = match options.runtime.cache(&options.settings)? {
            Some(cache) => cache.stats(),
            None => Stats {
                location: "off".to_string(),
                ..Stats::default()
            },
        };
        let batch = batch(&stats)?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        Ok(Arc::new(table))
    }
}

fn batch(stats: &Stats) -> Result<RecordBatch> {
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
