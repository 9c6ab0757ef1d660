//! `COPY` with the client, as text, CSV or in binary.
//!
//! `output` sends the rows of `COPY ... TO STDOUT`, which `text_output` writes. `input`
//! collects those of `COPY ... FROM STDIN`, which
//! `text_input`, `csv_input` and `binary_input` read; a `pending` copy waits for them.

mod binary_input;
mod csv_input;
mod input;
mod output;
mod pending;
mod text_input;
mod text_output;

pub use input::CopyInput;
pub use output::CopyResponse;
pub use pending::PendingCopy;
