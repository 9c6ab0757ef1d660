//! The engine's state, as the statements of a session plan and run with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use datafusion::execution::{SessionState, TaskContext};
use datafusion::prelude::SessionContext;
use semql_udfs::inference::sync::lock;

/// A copy of the engine's state, which is kept from one statement to the next: it has
/// maps of all functions, and copies of these took a tenth of the time of a short
/// statement. Settings and functions may change; rules and catalogues are those of the
/// session's first statement.
#[derive(Default)]
pub struct StateCopy(Mutex<Option<Arc<SessionState>>>);

impl StateCopy {
    /// The copy, with the present settings. Every change of the settings replaces the
    /// options of the engine, so that a statement that begins has a new start time.
    pub fn of(&self, ctx: &SessionContext) -> Arc<SessionState> {
        let engine = ctx.state_ref();
        let engine = engine.read();
        let mut kept = lock(&self.0);
        if let Some(state) = &mut *kept {
            if Arc::ptr_eq(state.config().options(), engine.config().options()) {
                return Arc::clone(state);
            }
            match Arc::get_mut(state) {
                Some(state) if have_same_functions(state, &engine) => {
                    *state.config_mut() = engine.config().clone();
                    state.mark_start_execution();
                }
                // Another statement uses it, or a setting has replaced functions.
                _ => *kept = None,
            }
        }
        let state = kept.get_or_insert_with(|| {
            let mut state = engine.clone();
            state.mark_start_execution();
            Arc::new(state)
        });
        Arc::clone(state)
    }
}

fn have_same_functions(a: &SessionState, b: &SessionState) -> bool {
    are_same(a.scalar_functions(), b.scalar_functions())
        && are_same(a.higher_order_functions(), b.higher_order_functions())
        && are_same(a.aggregate_functions(), b.aggregate_functions())
        && are_same(a.window_functions(), b.window_functions())
}

/// Whether two maps hold the same values. A copy of a map has its order, so maps in
/// different orders may count as different.
fn are_same<T>(a: &HashMap<String, Arc<T>>, b: &HashMap<String, Arc<T>>) -> bool {
    a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Context of the tasks of a plan. It has no functions by name, since the operators of a
/// plan hold their functions.
pub fn task_context(state: &SessionState) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        state.session_id().to_string(),
        state.config().clone(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        Arc::clone(state.runtime_env()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_kept_and_has_the_present_settings() {
        let ctx = SessionContext::new();
        let copy = StateCopy::default();
        let first = copy.of(&ctx);
        assert!(Arc::ptr_eq(&first, &copy.of(&ctx)));
        let address = Arc::as_ptr(&first);
        let set = |passes| {
            let engine = ctx.state_ref();
            let mut engine = engine.write();
            engine.config_mut().options_mut().optimizer.max_passes = passes;
        };
        let passes = |state: &SessionState| state.config_options().optimizer.max_passes;

        // A statement that runs keeps its state.
        set(7);
        let second = copy.of(&ctx);
        assert_ne!(address, Arc::as_ptr(&second));
        assert_eq!((passes(&second), passes(&first) == 7), (7, false));

        let address = Arc::as_ptr(&second);
        let start = second.execution_props().query_execution_start_time;
        drop(second);
        set(9);
        let third = copy.of(&ctx);
        assert_eq!((Arc::as_ptr(&third), passes(&third)), (address, 9));
        assert!(third.execution_props().query_execution_start_time > start);
        drop(third);

        let function = datafusion::functions::math::abs();
        ctx.register_udf(function.as_ref().clone().with_aliases(["magnitude"]));
        set(9);
        let fourth = copy.of(&ctx);
        assert!(fourth.scalar_functions().contains_key("magnitude"));
        assert!(task_context(&fourth).scalar_functions().is_empty());
        let config = task_context(&fourth).session_config().clone();
        assert_eq!(config.options().optimizer.max_passes, 9);
    }
}
