//! Settings of the appearance of results.

use super::format::OutputFormat;
use super::pager::PagerMode;

/// Appearance of results, as the user sets it.
#[derive(Clone, Debug)]
pub struct Style {
    pub format: OutputFormat,
    /// One line for each value instead of one for each row.
    pub expanded: bool,
    /// Text of NULL in tables.
    pub null: String,
    /// Columns of the terminal that a table may take. `None`: the width of the
    /// terminal, and no limit in files and pipes.
    pub width: Option<usize>,
    /// Colours on a terminal; files and pipes have none.
    pub color: bool,
    pub header: bool,
    /// When results on a terminal go through the pager.
    pub pager: PagerMode,
    /// Whether cells of tables are never cut, such as the lines of a plan.
    pub whole_cells: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            format: OutputFormat::Table,
            expanded: false,
            null: "NULL".to_string(),
            width: None,
            color: false,
            header: true,
            pager: PagerMode::default(),
            whole_cells: false,
        }
    }
}
