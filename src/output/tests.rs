use std::io::Write;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};

use super::style::Style;
use super::target::OutputTarget;
use super::testing::{rendered, write_all};

/// Terminal of 30 columns.
struct NarrowTerminal(Vec<u8>);

impl Write for NarrowTerminal {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl OutputTarget for NarrowTerminal {
    fn terminal_width(&self) -> Option<usize> {
        Some(30)
    }
}

#[test]
fn colours_and_terminal_width_apply_to_terminals_only() {
    let text = StringArray::from(vec![Some("a title that is wider than the screen"), None]);
    let batch = RecordBatch::try_from_iter([("title", Arc::new(text) as _)]).unwrap();
    for expanded in [false, true] {
        let style = Style {
            color: true,
            expanded,
            ..Style::default()
        };
        let file = rendered(&batch, &style);
        assert!(!file.contains('\u{1b}'), "{file:?}");
        assert!(file.contains("wider than the screen"), "{file:?}");
        let mut terminal = NarrowTerminal(Vec::new());
        write_all(&batch, &style, &mut terminal);
        let terminal = String::from_utf8(terminal.0).unwrap();
        assert!(terminal.contains('\u{1b}'), "{terminal:?}");
    }
}
