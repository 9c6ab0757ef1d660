//! Formats of `to_char`, `to_timestamp`, `to_date` and `to_number`.

pub mod date_template;
pub mod number_template;
pub mod read_date;
pub mod read_number;
mod text_reader;
pub mod write_date;
pub mod write_number;
