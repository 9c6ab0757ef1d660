//! `semql --cluster URL`: the shell, whose queries run in a cluster.

mod exec;
mod job;
mod planner;
mod scheduler;
mod spread;

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK;
use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::NotInSubqueryRewrite;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use semql::{Remote, ShellError};
use semql_udfs::AiOptions;

use crate::codec::Codec;
use crate::handshake::Handshake;
use crate::transport::Transport;
use planner::ClusterPlanner;
use scheduler::Scheduler;

/// Parts that a query is cut into (Ballista's own number): enough for a cluster
/// whose executors take one at a time, few enough for small queries. `SET
/// datafusion.execution.target_partitions` changes it.
const PARTITIONS: usize = 16;

/// The client of one scheduler.
#[derive(Debug)]
pub struct Client {
    scheduler: Arc<Scheduler>,
}

impl Client {
    /// The client of the scheduler at `url`, with the secret of the environment.
    ///
    /// # Errors
    /// If `url` names no scheduler, or the file of the secret is not fit for one.
    pub fn new(url: &str) -> Result<Self, ShellError> {
        let transport = Transport::from_secret_file(None)?;
        Ok(Self {
            scheduler: Arc::new(Scheduler::new(url, transport)?),
        })
    }
}

#[async_trait]
impl Remote for Client {
    fn configured(&self, config: SessionConfig) -> SessionConfig {
        config
            // What Ballista cannot run is turned off.
            .upgrade_for_ballista()
            .with_option_extension(Handshake::own())
            .with_target_partitions(PARTITIONS)
            // A part is given to whoever is free, rather than as many at once
            // as the first has cores.
            .set_usize(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, 1)
    }

    async fn install(&self, ctx: &SessionContext) -> Result<(), ShellError> {
        self.scheduler.check().await?;
        let runtime = semql_udfs::runtime(ctx);
        runtime.infer_elsewhere();
        // What the codec writes are the settings of each call.
        let codec = Codec::new(AiOptions::new(Arc::clone(&runtime)));
        let planner = ClusterPlanner::new(Arc::clone(&self.scheduler), codec, runtime);
        let state = ctx.state();
        let mut rules = state.optimizer().rules.clone();
        // NOT IN as a join that can be cut into parts; after the rule that lifts
        // model calls, which sees the query as it was written.
        rules.insert(1, Arc::new(NotInSubqueryRewrite::new()));
        let state = SessionStateBuilder::new_from_existing(state)
            .with_optimizer_rules(rules)
            .with_query_planner(Arc::new(planner))
            .build();
        *ctx.state_ref().write() = state;
        Ok(())
    }
}
