//! Targets of results: standard output (through a pager if they exceed the
//! terminal), or a file that is written whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use semql_udfs::inference::atomic_file::{parent_folder, sync_folder};
use tempfile::NamedTempFile;

use super::pager::{self, PagerMode};
use super::target::OutputTarget;
use crate::error::{Result, ShellError};

/// Bytes of a result that is paged. Larger results are printed without a pager.
const MAX_PAGED_BYTES: usize = 8 << 20;

/// Output target of the shell.
pub struct Sink(SinkKind);

enum SinkKind {
    Pipe(BufWriter<Stdout>),
    Terminal(PagedOutput),
    File {
        target: PathBuf,
        /// Temporary file in the folder of the target, renamed at the end.
        partial: BufWriter<NamedTempFile>,
    },
    /// A device or a named pipe, which is written in place.
    Device(BufWriter<File>),
}

impl Sink {
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        Self(if out.is_terminal() {
            SinkKind::Terminal(PagedOutput::default())
        } else {
            SinkKind::Pipe(BufWriter::new(out))
        })
    }

    /// File that appears under its name at [`finish`](Self::finish). It replaces an
    /// existing file and keeps its permissions; for a link, it replaces the file
    /// that the link points to. Devices and named pipes are written at once.
    ///
    /// # Errors
    /// A folder that does not exist or is not writable.
    pub fn file(name: &Path) -> Result<Self> {
        let failed = |why: &dyn std::fmt::Display| {
            ShellError::usage(format!("cannot write to {}: {why}", name.display()))
        };
        // A dangling link is replaced.
        let target = name.canonicalize().unwrap_or_else(|_| name.to_path_buf());
        let old = target.metadata().ok();
        if old.as_ref().is_some_and(|old| old.is_dir()) {
            return Err(failed(&"it is a folder"));
        }
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let device = OpenOptions::new().write(true).open(&target);
            let device = device.map_err(|e| failed(&crate::error::io_reason(&e)))?;
            return Ok(Self(SinkKind::Device(BufWriter::new(device))));
        }
        let folder = parent_folder(&target);
        let folder_failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                failed(&format!("folder {} does not exist", folder.display()))
            }
            _ => failed(&crate::error::io_reason(&error)),
        };
        let mut temporary = tempfile::Builder::new();
        temporary.prefix(".semql-").suffix(".part");
        if let Some(permissions) = new_file_permissions() {
            temporary.permissions(permissions);
        }
        let partial = temporary.tempfile_in(folder).map_err(folder_failed)?;
        if let Some(old) = old {
            partial.as_file().set_permissions(old.permissions())?;
        }
        Ok(Self(SinkKind::File {
            target,
            partial: BufWriter::new(partial),
        }))
    }

    pub fn writer(&mut self) -> Result<&mut dyn OutputTarget> {
        Ok(match &mut self.0 {
            SinkKind::Pipe(out) => out,
            SinkKind::Terminal(paged) => paged,
            SinkKind::File { partial, .. } => partial,
            SinkKind::Device(out) => out,
        })
    }

    /// Shows the output so far, on a terminal through the pager. A file appears at
    /// [`finish`](Self::finish).
    pub fn flush(&mut self, mode: PagerMode) -> Result<()> {
        match &mut self.0 {
            SinkKind::Pipe(out) => out.flush()?,
            SinkKind::Terminal(paged) => paged.show(mode)?,
            SinkKind::Device(out) => out.flush()?,
            SinkKind::File { .. } => {}
        }
        Ok(())
    }

    /// Ends the output: a file is renamed to its name.
    pub fn finish(mut self) -> Result<()> {
        self.flush(PagerMode::Off)?;
        if let SinkKind::File { target, partial } = self.0 {
            let file = partial.into_inner().map_err(|e| e.into_error())?;
            file.as_file().sync_all()?;
            let failed = |error: std::io::Error| {
                ShellError::query(format!("cannot write {}: {error}", target.display()))
            };
            file.persist(&target).map_err(|e| failed(e.error))?;
            sync_folder(parent_folder(&target)).map_err(failed)?;
        }
        Ok(())
    }
}

/// Permissions of a new file under the umask; temporary files are private by
/// default.
#[cfg(unix)]
fn new_file_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn new_file_permissions() -> Option<Permissions> {
    None
}

impl<W: Write> OutputTarget for BufWriter<W> {
    fn terminal_width(&self) -> Option<usize> {
        None
    }
}

impl OutputTarget for PagedOutput {
    fn terminal_width(&self) -> Option<usize> {
        Some(usize::from(console::Term::stdout().size().1))
    }
}

/// Buffer of a result until its number of lines is known.
#[derive(Default)]
struct PagedOutput {
    buffer: Vec<u8>,
    /// Whether the result exceeded the buffer and is printed directly.
    streaming: bool,
}

impl PagedOutput {
    fn show(&mut self, mode: PagerMode) -> std::io::Result<()> {
        let text = std::mem::take(&mut self.buffer);
        let streamed = std::mem::take(&mut self.streaming);
        if streamed || !pager::page(&text, mode) {
            std::io::stdout().write_all(&text)?;
        }
        std::io::stdout().flush()
    }
}

impl Write for PagedOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > MAX_PAGED_BYTES {
            self.streaming = true;
            std::io::stdout().write_all(&std::mem::take(&mut self.buffer))?;
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

    fn write(target: &Path, text: &str) -> Sink {
        let mut sink = Sink::file(target).unwrap();
        sink.writer().unwrap().write_all(text.as_bytes()).unwrap();
        sink
    }

    #[test]
    fn a_file_is_replaced_only_when_complete() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        std::fs::write(&target, "old").unwrap();
        drop(write(&target, "half"));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "old");

        write(&target, "new").finish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no temporary file remains");
    }

    #[test]
    fn a_missing_folder_is_reported() {
        let error = Sink::file(Path::new("/nowhere/out.csv")).err().unwrap();
        assert_eq!(
            error.message,
            "cannot write to /nowhere/out.csv: folder /nowhere does not exist"
        );
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_new_files_follow_the_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        std::fs::write(folder.path().join("usual"), "").unwrap();
        write(&folder.path().join("new"), "x").finish().unwrap();
        assert_eq!(mode("new"), mode("usual"));

        let old = folder.path().join("old");
        std::fs::write(&old, "").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o640)).unwrap();
        write(&old, "x").finish().unwrap();
        assert_eq!(mode("old"), 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_are_kept() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write(&link, "new").finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");

        // A named pipe, so that a failure cannot damage a device.
        let pipe = folder.path().join("pipe");
        let status = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(status.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write(&pipe, "rows").finish().unwrap();
        assert_eq!(reader.join().unwrap(), "rows");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
    }
}
