//! Walk over an error and its causes.

use std::error::Error;

use datafusion::error::DataFusionError;

/// Causes of an error, outermost first, without the error itself.
pub fn causes<'a>(error: &'a (dyn Error + 'a)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let next = |cause: &&'a (dyn Error + 'static)| (*cause).source();
    std::iter::successors(error.source(), next)
}

/// First error of type `T` among an error and its causes.
pub fn find_cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::once(error)
        .chain(causes(error))
        .find_map(|layer| match layer.downcast_ref::<DataFusionError>() {
            // `source` of a collection is its first error alone.
            Some(DataFusionError::Collection(all)) => all.iter().find_map(|one| find_cause(one)),
            _ => layer.downcast_ref(),
        })
}
