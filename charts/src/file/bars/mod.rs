//! Bars: one for each label, or for each bin of a histogram, in one or more
//! coloured parts.

mod bar;
mod bins;
mod drawing;
mod rows;

pub use bar::Bars;
pub use bins::histogram_bars;
pub use rows::row_bars;
