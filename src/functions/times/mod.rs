//! Dates, times, intervals and zones.

pub mod calendar;
pub mod formatted;
pub mod interval_functions;
pub mod interval_text;
pub mod literal_parts;
pub mod time_zone;
pub mod timestamp_text;
pub mod zones;
