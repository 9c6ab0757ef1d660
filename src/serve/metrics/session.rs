//! Metrics of models and memory, which the session of the server counts.

use std::fmt::{self, Error};
use std::sync::Arc;

use datafusion::execution::memory_pool::MemoryLimit;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::reading::{Reading, ReadingValue, encode_all};
use crate::session::Session;

/// Reads the counters of a session at each scrape.
pub struct SessionCollector(pub Arc<Session>);

impl fmt::Debug for SessionCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCollector").finish_non_exhaustive()
    }
}

impl SessionCollector {
    fn readings(&self) -> Vec<Reading> {
        let progress = self.0.ai.progress();
        let pool = &self.0.ctx.runtime_env().memory_pool;
        let mut readings = vec![
            Reading::counter(
                "texts_encoded",
                "Texts that models have encoded.",
                progress.texts_done,
            ),
            Reading::counter(
                "tokens_encoded",
                "Tokens that models have encoded, without padding.",
                progress.tokens_done,
            ),
            Reading::seconds(
                "model",
                "Computing time of models.",
                ReadingValue::SecondsCounter(progress.model_time.as_secs_f64()),
            ),
            Reading::counter(
                "texts_truncated",
                "Texts cut at the limit of a model.",
                progress.truncated,
            ),
            Reading::counter(
                "texts_failed",
                "Texts on which a model failed.",
                progress.failed,
            ),
            Reading::gauge(
                "texts_queued",
                "Texts in the queues of models now.",
                progress.texts_queued,
            ),
            Reading::gauge(
                "models_loaded",
                "Models in memory now.",
                self.0.ai.loaded().len() as u64,
            ),
            Reading::bytes(
                "memory_reserved",
                "Memory that queries have reserved now.",
                pool.reserved() as u64,
            ),
        ];
        if let MemoryLimit::Finite(limit) = pool.memory_limit() {
            readings.push(Reading::bytes(
                "memory_limit",
                "Maximum memory of all queries together.",
                limit as u64,
            ));
        }
        readings
    }
}

impl Collector for SessionCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encode_all(encoder, &self.readings())
    }
}
