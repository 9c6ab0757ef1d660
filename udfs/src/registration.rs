//! Registration of functions, settings and planning in a session.

use std::any::{Any, TypeId};
use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::optimizer::OptimizerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::prelude::SessionContext;

use crate::functions;
use crate::index::SearchByIndex;
use crate::literal_lists::LiteralListPlanner;
use crate::options::AiOptions;
use crate::plan::LiftModelCalls;
use crate::plan::vector_join::JoinByVectors;
use crate::plan::vector_window::PlanVectorWindows;
use crate::query_planner::AiQueryPlanner;
use crate::relations::{RELATIONS, RelationCallPlanner, RelationName};
use crate::runtime::Runtime;

/// Adds the AI functions, the settings `ai.*` and the planning of model calls to a
/// session. Keeps the session's [`Runtime`], or creates one.
///
/// A second call changes nothing. Functions of the host program keep their names;
/// functions of DataFusion that semql computes faster, such as `cosine_distance`, are
/// replaced. The session's query planner is wrapped, and plans everything but semql's
/// nodes.
///
/// # Errors
/// DataFusion refuses a registration.
pub fn register_all(ctx: &SessionContext) -> Result<()> {
    register_with(ctx, runtime(ctx))
}

/// [`register_all`] with a [`Runtime`] that several sessions share. Each model is then in
/// memory once.
///
/// # Errors
/// DataFusion refuses a registration.
pub fn register_with(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    register_functions(ctx, runtime)?;
    register_planning(ctx);
    register_relations(ctx)
}

/// Adds the functions and settings only, and leaves the session's planning as it is. The
/// results are the same. A call is then evaluated wherever, and as often as, its
/// expression is. Existing settings `ai.*` of the session are kept, and so is its token.
///
/// # Errors
/// DataFusion refuses a registration.
pub fn register_functions(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    let mut options = AiOptions::new(runtime);
    options.memory = Some(Arc::clone(&ctx.runtime_env().memory_pool));
    if let Some(existing) = AiOptions::from_session(ctx) {
        options.settings = existing.settings;
        options.cancel = existing.cancel;
    }
    ctx.state_ref()
        .write()
        .config_mut()
        .options_mut()
        .extensions
        .insert(options.clone());
    register_unless_taken(ctx, functions::scalar_functions(&options));
    register_unless_taken(ctx, functions::aggregate_functions(&options));
    register_unless_taken(ctx, functions::window_functions(&options));
    for (name, function) in functions::table_functions(&options) {
        register_table_function(ctx, name, function);
    }
    Ok(())
}

/// The runtime of a session. Before [`register_all`], a new one.
pub fn runtime(ctx: &SessionContext) -> Arc<Runtime> {
    let options = AiOptions::from_session(ctx);
    options.map_or_else(|| Arc::new(Runtime::new()), |options| options.runtime)
}

/// A function of a session: scalar, aggregate or window.
trait SessionFunction: Clone {
    fn names(&self) -> Vec<String>;

    /// Type of the implementation, which identifies the library of a function.
    fn implementation_type(&self) -> TypeId;

    fn registered(state: &SessionState, name: &str) -> Option<Arc<Self>>;

    /// The functions of DataFusion.
    fn defaults() -> Vec<Arc<Self>>;

    fn register(self, ctx: &SessionContext);
}

macro_rules! session_function {
    ($type:ty, $registered:ident, $defaults:ident, $register:ident) => {
        impl SessionFunction for $type {
            fn names(&self) -> Vec<String> {
                let name = std::iter::once(self.name().to_string());
                name.chain(self.aliases().iter().cloned()).collect()
            }

            fn implementation_type(&self) -> TypeId {
                let implementation: &dyn Any = self.inner().as_ref();
                implementation.type_id()
            }

            fn registered(state: &SessionState, name: &str) -> Option<Arc<Self>> {
                state.$registered().get(name).cloned()
            }

            fn defaults() -> Vec<Arc<Self>> {
                SessionStateDefaults::$defaults()
            }

            fn register(self, ctx: &SessionContext) {
                ctx.$register(self);
            }
        }
    };
}

session_function!(
    ScalarUDF,
    scalar_functions,
    default_scalar_functions,
    register_udf
);
session_function!(
    AggregateUDF,
    aggregate_functions,
    default_aggregate_functions,
    register_udaf
);
session_function!(
    WindowUDF,
    window_functions,
    default_window_functions,
    register_udwf
);

/// Registers functions under the names that no function of the host program has.
fn register_unless_taken<F: SessionFunction>(ctx: &SessionContext, functions: Vec<F>) {
    let (state, defaults) = (ctx.state(), F::defaults());
    for function in functions {
        let of_host = |name: &String| {
            let registered = F::registered(&state, name)?;
            let default = defaults
                .iter()
                .find(|default| default.names().contains(name));
            let default = default.map(|default| default.implementation_type());
            let replaceable = [Some(function.implementation_type()), default];
            let is_replaceable = replaceable.contains(&Some(registered.implementation_type()));
            (!is_replaceable).then_some(registered)
        };
        let names = function.names();
        if of_host(&names[0]).is_some() {
            continue;
        }
        let taken_aliases: Vec<Arc<F>> = names[1..].iter().filter_map(of_host).collect();
        function.register(ctx);
        for host in taken_aliases {
            Arc::unwrap_or_clone(host).register(ctx);
        }
    }
}

/// Registers a table function, unless the host program has one with the name.
fn register_table_function(
    ctx: &SessionContext,
    name: &'static str,
    function: Arc<dyn TableFunctionImpl>,
) {
    let type_of = |function: &Arc<dyn TableFunctionImpl>| {
        let implementation: &dyn Any = function.as_ref();
        implementation.type_id()
    };
    let state = ctx.state();
    let registered = state.table_functions().get(name);
    if registered.is_none_or(|it| type_of(it.function()) == type_of(&function)) {
        ctx.register_udtf(name, function);
    }
}

/// Adds the optimizer rules and the query planner, unless the session has them.
fn register_planning(ctx: &SessionContext) {
    let state = ctx.state();
    let mut rules = state.optimizer().rules.clone();
    let lift: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(LiftModelCalls);
    // Rules have no type to compare, only a name.
    let has = |rules: &[Arc<dyn OptimizerRule + Send + Sync>], name: &str| {
        rules.iter().any(|rule| rule.name() == name)
    };
    if !has(&rules, lift.name()) {
        // First, while the plan has the shape of the query: later rules move filters and
        // limits below the node.
        rules.insert(0, lift);
    }
    let last: [Arc<dyn OptimizerRule + Send + Sync>; 2] =
        [Arc::new(JoinByVectors), Arc::new(SearchByIndex)];
    for rule in last {
        // Last, after conditions have reached their joins.
        if !has(&rules, rule.name()) {
            rules.push(rule);
        }
    }
    let mut physical_rules = state.physical_optimizers().to_vec();
    let windows: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(PlanVectorWindows);
    if physical_rules
        .iter()
        .all(|rule| rule.name() != windows.name())
    {
        // First: later rules give it one partition, and the choice of columns above it.
        physical_rules.insert(0, windows);
    }
    let planner = Arc::clone(state.query_planner());
    let any: &dyn Any = planner.as_ref();
    let planner: Arc<dyn QueryPlanner + Send + Sync> = match any.is::<AiQueryPlanner>() {
        true => planner,
        false => Arc::new(AiQueryPlanner::wrap(planner)),
    };
    let expr_planners = LiteralListPlanner::add_to(state.expr_planners());
    let state = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical_rules)
        .with_query_planner(planner)
        .with_expr_planners(expr_planners)
        .build();
    *ctx.state_ref().write() = state;
}

/// Adds the relations and their planner, unless the session has them.
fn register_relations(ctx: &SessionContext) -> Result<()> {
    let names = || RELATIONS.iter().map(|relation| relation.signature().name);
    let state = ctx.state();
    if !names().any(|name| RelationName::is_registered(&state, name)) {
        ctx.register_relation_planner(Arc::new(RelationCallPlanner::new(ctx)))?;
    }
    for name in names() {
        register_table_function(ctx, name, Arc::new(RelationName(name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use async_trait::async_trait;
    use datafusion::arrow::datatypes::DataType;
    use datafusion::catalog::Session;
    use datafusion::common::DFSchemaRef;
    use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
    use datafusion::logical_expr::{
        ColumnarValue, Expr, Extension, LogicalPlan, UserDefinedLogicalNode,
        UserDefinedLogicalNodeCore, Volatility, create_udf,
    };
    use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
    use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

    use super::*;
    use crate::functions::cosine_measure;

    /// A node of a host program, which returns the rows of its input.
    #[derive(Debug, PartialEq, Eq, Hash, PartialOrd)]
    struct HostNode {
        input: LogicalPlan,
    }

    impl UserDefinedLogicalNodeCore for HostNode {
        fn name(&self) -> &str {
            "HostNode"
        }

        fn inputs(&self) -> Vec<&LogicalPlan> {
            vec![&self.input]
        }

        fn schema(&self) -> &DFSchemaRef {
            self.input.schema()
        }

        fn expressions(&self) -> Vec<Expr> {
            Vec::new()
        }

        fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("HostNode")
        }

        fn with_exprs_and_inputs(
            &self,
            _: Vec<Expr>,
            mut inputs: Vec<LogicalPlan>,
        ) -> Result<Self> {
            let input = inputs.swap_remove(0);
            Ok(Self { input })
        }
    }

    struct HostNodePlanner;

    #[async_trait]
    impl ExtensionPlanner for HostNodePlanner {
        async fn plan_extension(
            &self,
            _: &dyn PhysicalPlanner,
            node: &dyn UserDefinedLogicalNode,
            _: &[&LogicalPlan],
            inputs: &[Arc<dyn ExecutionPlan>],
            _: &dyn Session,
            _: &PhysicalPlanningContext,
        ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
            let is_own = node.as_any().is::<HostNode>();
            Ok(is_own.then(|| Arc::clone(&inputs[0])))
        }
    }

    /// The query planner of a host program, which counts its calls.
    #[derive(Debug, Default)]
    struct HostPlanner {
        calls: AtomicUsize,
    }

    #[async_trait]
    impl QueryPlanner for HostPlanner {
        async fn create_physical_plan(
            &self,
            plan: &LogicalPlan,
            session: &dyn Session,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            self.calls.fetch_add(1, Relaxed);
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(HostNodePlanner)])
                .create_physical_plan(plan, session)
                .await
        }
    }

    #[test]
    fn a_second_registration_changes_nothing() {
        let ctx = SessionContext::new();
        register_all(&ctx).unwrap();
        let once = ctx.state();
        let runtime_once = runtime(&ctx);
        register_all(&ctx).unwrap();
        let twice = ctx.state();
        let names = |state: &SessionState| -> Vec<String> {
            let rules = state.optimizer().rules.iter();
            rules.map(|rule| rule.name().to_string()).collect()
        };
        assert_eq!(names(&once), names(&twice));
        assert!(Arc::ptr_eq(once.query_planner(), twice.query_planner()));
        assert_eq!(
            once.relation_planners().len(),
            twice.relation_planners().len()
        );
        assert_eq!(
            once.scalar_functions().len(),
            twice.scalar_functions().len()
        );
        assert!(Arc::ptr_eq(&runtime_once, &runtime(&ctx)));
    }

    #[test]
    fn functions_of_datafusion_are_replaced_and_those_of_the_host_are_not() {
        let distance =
            |ctx: &SessionContext| Arc::clone(&ctx.state().scalar_functions()["cosine_distance"]);
        let ctx = SessionContext::new();
        assert!(cosine_measure(&distance(&ctx)).is_none());
        register_all(&ctx).unwrap();
        assert!(cosine_measure(&distance(&ctx)).is_some());

        let ctx = SessionContext::new();
        let own = create_udf(
            "cosine_distance",
            vec![DataType::Float64],
            DataType::Float64,
            Volatility::Immutable,
            Arc::new(|args: &[ColumnarValue]| Ok(args[0].clone())),
        );
        ctx.register_udf(own);
        register_all(&ctx).unwrap();
        assert!(cosine_measure(&distance(&ctx)).is_none());
    }

    #[tokio::test]
    async fn the_query_planner_of_the_host_plans_its_own_nodes() {
        let host = Arc::new(HostPlanner::default());
        let state = SessionStateBuilder::new_with_default_features()
            .with_query_planner(Arc::clone(&host) as Arc<dyn QueryPlanner + Send + Sync>)
            .build();
        let ctx = SessionContext::new_with_state(state);
        register_all(&ctx).unwrap();
        ctx.sql("SELECT 1").await.unwrap().collect().await.unwrap();
        assert_eq!(host.calls.load(Relaxed), 1);

        ctx.sql("SET ai.model = 'deterministic'").await.unwrap();
        let sql = "SELECT embed(t) AS v FROM (VALUES ('a'), ('b')) AS texts(t)";
        let input = ctx.sql(sql).await.unwrap().into_unoptimized_plan();
        let node = Arc::new(HostNode { input });
        let plan = LogicalPlan::Extension(Extension { node });
        let plan = ctx.state().create_physical_plan(&plan).await.unwrap();
        assert_eq!(host.calls.load(Relaxed), 2);
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert!(shown.contains("InferExec"), "{shown}");
        let batches = collect(plan, ctx.task_ctx()).await.unwrap();
        assert_eq!(
            batches.iter().map(|batch| batch.num_rows()).sum::<usize>(),
            2
        );
    }
}
