//! Quantities of a text: numbers with units, ranges, dimensions and pack sizes.
//!
//! | file | purpose |
//! |---|---|
//! | `unit.rs`, `unit_table.rs`, `unit_lookup.rs` | Units, their spellings and factors |
//! | `quantity.rs` | Quantities and their normalized form |
//! | `number.rs`, `number_start.rs` | Numbers: separators, fractions; numbers among words |
//! | `quotes.rs` | Quotation marks and inch marks |
//! | `text_around.rs` | Characters and words next to a place |
//! | `unit_reader.rs`, `unit_plausibility.rs` | The unit after a number |
//! | `measure.rs`, `axis_words.rs` | A number or range with its unit and axis |
//! | `dimensions.rs`, `pack.rs` | Chains such as `30 x 40 cm` and `6 x 330 ml`; pack sizes |
//! | `parser.rs` | All quantities of a text |

mod axis_words;
mod dimensions;
mod measure;
mod number;
mod number_start;
mod pack;
mod parser;
mod quantity;
mod quotes;
mod text_around;
mod unit;
mod unit_lookup;
mod unit_plausibility;
mod unit_reader;
mod unit_table;

pub use number::read_number;
pub use parser::parse_quantities;
pub use quantity::{Amount, Axis, Quantity};
pub use unit::{Dimension, Unit};
pub use unit_lookup::find_unit;
