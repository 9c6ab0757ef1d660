//! `CREATE MODEL`: syntax, and training on the rows of the query.

mod create;
mod statement;

pub use create::create;
pub use statement::CreateModel;
