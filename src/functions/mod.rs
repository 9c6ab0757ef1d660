//! SQL functions of Postgres that the engine lacks, or whose results differ there.

pub mod array_text;
mod arrays;
mod bytes_of_text;
mod checked_text;
mod exact_sum;
mod formats;
mod formatted_function;
mod integer_arithmetic;
mod json;
mod json_access;
mod json_document;
mod json_path;
mod nearest_integer;
mod number_functions;
mod number_text;
mod operators;
mod patterns;
mod quoting;
mod regexp_split;
mod registration;
mod row_fraction;
mod session_functions;
mod sql_function;
mod text;
pub mod times;
mod value_text;

pub use registration::register_functions;
pub use row_fraction::row_fraction;
