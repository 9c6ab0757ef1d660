//! Execution of a client's statement. `dispatch` passes transactions, cursors
//! and COPY to `command`, settings of Postgres to the connection, and the rest
//! to `run`, which runs it in the client's session.

mod command;
mod copy_input;
mod dispatch;
pub mod response;
mod run;
pub mod transaction;
