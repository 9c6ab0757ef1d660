//! Charts of text for a terminal.

mod bar;
mod chart;
mod hist;
mod plot;

pub use chart::TerminalChart;
