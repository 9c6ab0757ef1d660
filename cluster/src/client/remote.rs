//! Session whose queries run in a cluster.

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK;
use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::NotInSubqueryRewrite;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use semql::{Remote, ShellError};
use semql_udfs::AiOptions;

use super::planner::ClusterPlanner;
use super::scheduler::SchedulerClient;
use crate::codec::Codec;
use crate::handshake::Handshake;
use crate::transport::Transport;

/// Default number of partitions of a query, equal to Ballista's: enough for a
/// cluster of one-task executors, few enough for small queries. `SET
/// datafusion.execution.target_partitions` changes it.
const DEFAULT_PARTITIONS: usize = 16;

/// Client of one scheduler.
#[derive(Debug)]
pub struct RemoteClient {
    scheduler: Arc<SchedulerClient>,
}

impl RemoteClient {
    /// Client of the scheduler at `url`, with the secret of the environment.
    ///
    /// # Errors
    /// `url` is not an address, or the file contains no valid secret.
    pub fn new(url: &str) -> Result<Self, ShellError> {
        let transport = Transport::from_secret_file(None)?;
        Ok(Self {
            scheduler: Arc::new(SchedulerClient::new(url, transport)?),
        })
    }
}

#[async_trait]
impl Remote for RemoteClient {
    fn configured(&self, config: SessionConfig) -> SessionConfig {
        config
            // Turns off what Ballista cannot run.
            .upgrade_for_ballista()
            .with_option_extension(Handshake::local())
            .with_target_partitions(DEFAULT_PARTITIONS)
            // One partition for each task, so that free executors share them; by
            // default the first executor gets one for each of its cores.
            .set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, 1)
    }

    async fn install(&self, ctx: &SessionContext) -> Result<(), ShellError> {
        self.scheduler.check().await?;
        let runtime = semql_udfs::runtime(ctx);
        runtime.set_remote_inference();
        // The codec encodes the settings of each call, not these options.
        let codec = Codec::new(AiOptions::new(Arc::clone(&runtime)));
        let planner = ClusterPlanner::new(Arc::clone(&self.scheduler), codec, runtime);
        let state = ctx.state();
        let mut rules = state.optimizer().rules.clone();
        // Rewrites NOT IN to a join that can be partitioned; after the rule that
        // lifts model calls, which needs the original query.
        rules.insert(1, Arc::new(NotInSubqueryRewrite::new()));
        let state = SessionStateBuilder::new_from_existing(state)
            .with_optimizer_rules(rules)
            .with_query_planner(Arc::new(planner))
            .build();
        *ctx.state_ref().write() = state;
        Ok(())
    }
}
