//! Values in the two forms of the protocol, text and binary, both ways.
//!
//! `wire_type` maps the types of Arrow to those of Postgres and back. `columns` brings
//! a column into one of a few representations. `encode` writes its values: `lists` those
//! of arrays and records, `text` and `binary` the scalars in them, with `numeric` and
//! `temporal` for decimals and times. `decode` reads values of clients, with
//! `from_text`, `from_binary`, `interval_text` and `scalars`.

mod binary;
mod columns;
mod decode;
mod encode;
mod from_binary;
mod from_text;
mod interval_text;
mod lists;
mod numeric;
mod scalars;
mod temporal;
mod text;
mod wire_type;

pub use decode::decode;
pub use encode::RowEncoder;
pub use wire_type::{WIRE_TYPE_KEY, parameter_type, type_modifier, type_size, wire_type};
