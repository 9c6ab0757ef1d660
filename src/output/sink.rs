//! Where results go: standard output (through a pager where they do not fit
//! the screen), or a file that appears whole or not at all.

use std::io::{BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::pager;
use crate::error::{Result, ShellError};

/// A result larger than this goes straight to the terminal, as it comes.
const MOST_PAGED: usize = 8 << 20;

/// The place that results are written to.
pub struct Sink(Kind);

enum Kind {
    Pipe(BufWriter<Stdout>),
    Terminal(Paged),
    File {
        target: PathBuf,
        /// Beside the target, so that the last step is a rename.
        partial: BufWriter<NamedTempFile>,
    },
}

impl Sink {
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        Self(if out.is_terminal() { Kind::Terminal(Paged::default()) } else { Kind::Pipe(BufWriter::new(out)) })
    }

    /// A file, which is there under its name after [`finish`](Self::finish)
    /// and not before; what stood there until then is replaced.
    ///
    /// # Errors
    /// A folder that is not there or may not be written to.
    pub fn file(target: &Path) -> Result<Self> {
        let failed = |why: &dyn std::fmt::Display| {
            ShellError::usage(format!("cannot write to {}: {why}", target.display()))
        };
        if target.is_dir() {
            return Err(failed(&"it is a folder"));
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let partial = tempfile::Builder::new()
            .prefix(".semql-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|e| failed(&crate::script::plain_io(&e)))?;
        Ok(Self(Kind::File { target: target.to_path_buf(), partial: BufWriter::new(partial) }))
    }

    pub fn writer(&mut self) -> Result<&mut dyn Write> {
        Ok(match &mut self.0 {
            Kind::Pipe(out) => out,
            Kind::Terminal(paged) => paged,
            Kind::File { partial, .. } => partial,
        })
    }

    /// Shows what was written so far; a file waits for its end.
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Kind::Pipe(out) => out.flush()?,
            Kind::Terminal(paged) => paged.show()?,
            Kind::File { .. } => {}
        }
        Ok(())
    }

    /// The end of the output: a file gets its name.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        if let Kind::File { target, partial } = self.0 {
            let file = partial.into_inner().map_err(|e| e.into_error())?;
            file.as_file().sync_all()?;
            readable_as_usual(&file)?;
            file.persist(&target)
                .map_err(|e| ShellError::query(format!("cannot write {}: {}", target.display(), e.error)))?;
        }
        Ok(())
    }
}

/// Temporary files are their owner's alone; results are as other new files are.
#[cfg(unix)]
fn readable_as_usual(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_as_usual(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

/// Holds a result back until it is known whether it fits the screen.
#[derive(Default)]
struct Paged {
    held: Vec<u8>,
    /// It grew too large to hold, so it is being printed.
    passing: bool,
}

impl Paged {
    fn show(&mut self) -> std::io::Result<()> {
        let text = std::mem::take(&mut self.held);
        let passed = std::mem::take(&mut self.passing);
        if passed || !pager::page(&text) {
            std::io::stdout().write_all(&text)?;
        }
        std::io::stdout().flush()
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() > MOST_PAGED {
            self.passing = true;
            std::io::stdout().write_all(&std::mem::take(&mut self.held))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        std::fs::write(&target, "old").unwrap();

        let mut given_up = Sink::file(&target).unwrap();
        given_up.writer().unwrap().write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "old");

        let mut sink = Sink::file(&target).unwrap();
        sink.writer().unwrap().write_all(b"new").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = Sink::file(Path::new("/nowhere/out.csv")).err().unwrap();
        assert!(error.message.contains("/nowhere/out.csv"), "{error}");
    }
}
