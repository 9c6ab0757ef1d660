//! Interfaces between the writers of results and the targets they write to.

use std::io::Write;

use arrow::array::RecordBatch;

use crate::error::Result;

/// Target of results: a terminal, a file or a pipe.
pub trait OutputTarget: Write {
    /// Width of the terminal in columns; `None` for a file or a pipe.
    fn terminal_width(&self) -> Option<usize>;
}

/// Writer of the batches of one result in one format.
pub trait ResultWriter {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Writes the rows that are held back and the end of the format.
    fn finish(&mut self) -> Result<()>;
}

#[cfg(test)]
impl OutputTarget for Vec<u8> {
    fn terminal_width(&self) -> Option<usize> {
        None
    }
}
