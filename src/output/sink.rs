//! Where results go: standard output (through a pager where they do not fit
//! the screen), or a file that appears whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Place, pager};
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
    /// A device or a named pipe, which is written to and not replaced.
    Device(BufWriter<File>),
}

impl Sink {
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        Self(if out.is_terminal() {
            Kind::Terminal(Paged::default())
        } else {
            Kind::Pipe(BufWriter::new(out))
        })
    }

    /// A file, which is there under its name after [`finish`](Self::finish)
    /// and not before; what stood there until then is replaced, its
    /// permissions stay. A link stays too: the file that it points to is
    /// replaced. Devices and named pipes are written to as the rows come.
    ///
    /// # Errors
    /// A folder that is not there or may not be written to.
    pub fn file(name: &Path) -> Result<Self> {
        let failed = |why: &dyn std::fmt::Display| {
            ShellError::usage(format!("cannot write to {}: {why}", name.display()))
        };
        // A link that leads nowhere is not followed, but replaced.
        let target = name.canonicalize().unwrap_or_else(|_| name.to_path_buf());
        let old = target.metadata().ok();
        if old.as_ref().is_some_and(|old| old.is_dir()) {
            return Err(failed(&"it is a folder"));
        }
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let device = OpenOptions::new().write(true).open(&target);
            let device = device.map_err(|e| failed(&crate::script::plain_io(&e)))?;
            return Ok(Self(Kind::Device(BufWriter::new(device))));
        }
        let folder = folder_of(&target);
        let folder_failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                failed(&format!("there is no folder {}", folder.display()))
            }
            _ => failed(&crate::script::plain_io(&error)),
        };
        let mut temporary = tempfile::Builder::new();
        temporary.prefix(".semql-").suffix(".part");
        if let Some(permissions) = as_other_new_files() {
            temporary.permissions(permissions);
        }
        let partial = temporary.tempfile_in(folder).map_err(folder_failed)?;
        if let Some(old) = old {
            partial.as_file().set_permissions(old.permissions())?;
        }
        Ok(Self(Kind::File {
            target,
            partial: BufWriter::new(partial),
        }))
    }

    pub fn writer(&mut self) -> Result<&mut dyn Place> {
        Ok(match &mut self.0 {
            Kind::Pipe(out) => out,
            Kind::Terminal(paged) => paged,
            Kind::File { partial, .. } => partial,
            Kind::Device(out) => out,
        })
    }

    /// Shows what was written so far; a file waits for its end.
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Kind::Pipe(out) => out.flush()?,
            Kind::Terminal(paged) => paged.show()?,
            Kind::Device(out) => out.flush()?,
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
            let failed = |error: std::io::Error| {
                ShellError::query(format!("cannot write {}: {error}", target.display()))
            };
            file.persist(&target).map_err(|e| failed(e.error))?;
            sync_folder(folder_of(&target)).map_err(failed)?;
        }
        Ok(())
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Waits until a folder's entries, and so a rename in it, are on the disk.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems do not open folders as files.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Temporary files are their owner's alone; results are for whom the umask
/// says.
#[cfg(unix)]
fn as_other_new_files() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn as_other_new_files() -> Option<Permissions> {
    None
}

impl<W: Write> Place for BufWriter<W> {
    fn screen(&self) -> Option<usize> {
        None
    }
}

impl Place for Paged {
    fn screen(&self) -> Option<usize> {
        Some(usize::from(console::Term::stdout().size().1))
    }
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

    fn write(target: &Path, text: &str) -> Sink {
        let mut sink = Sink::file(target).unwrap();
        sink.writer().unwrap().write_all(text.as_bytes()).unwrap();
        sink
    }

    #[test]
    fn a_file_has_its_name_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        std::fs::write(&target, "old").unwrap();
        drop(write(&target, "half"));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "old");

        write(&target, "new").finish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left over");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = Sink::file(Path::new("/nowhere/out.csv")).err().unwrap();
        assert_eq!(
            error.message,
            "cannot write to /nowhere/out.csv: there is no folder /nowhere"
        );
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_new_files_are_as_others_are() {
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
    fn links_and_devices_stay_what_they_are() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write(&link, "new").finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");

        // A pipe of our own: a mistake here must not harm the machine's devices.
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write(&pipe, "rows").finish().unwrap();
        assert_eq!(reader.join().unwrap(), "rows");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
    }
}
