//! Atomic writing of files.

use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a temporary file beside `path`, syncs it and renames it to `path`. A new
/// file has default permissions; a replaced one keeps its permissions.
///
/// # Errors
/// A folder that is missing or not writable, or the error of `write`.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = create_beside(path)?;
    write(&mut file)?;
    commit(file, path)
}

/// Creates a temporary file beside `path`, to be written and then
/// [committed](commit).
///
/// # Errors
/// A folder that is missing or not writable.
pub fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask applies.
        temporary.permissions(std::fs::Permissions::from_mode(0o666));
    }
    temporary.tempfile_in(parent_folder(path))
}

/// Syncs a temporary file, renames it to `path` and syncs the folder.
///
/// # Errors
/// A full disk, or a file that cannot be replaced.
pub fn commit(file: NamedTempFile, path: &Path) -> io::Result<()> {
    if let Ok(old) = std::fs::metadata(path)
        && old.is_file()
    {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(parent_folder(path))
}

/// The folder of a file.
pub fn parent_folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Syncs the entries of a folder, and so a rename in it, to the disk.
///
/// # Errors
/// A folder that cannot be opened.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Does nothing: other systems cannot open folders as files.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.bin");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |file| {
            file.write_all(b"ne")?;
            Err(io::Error::other("stopped"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let names = std::fs::read_dir(home.path()).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_or_default() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (path, plain) = (home.path().join("a"), home.path().join("plain"));
        std::fs::write(&plain, "").unwrap();
        write_atomically(&path, |file| file.write_all(b"1")).unwrap();
        assert_eq!(mode(&path), mode(&plain));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_atomically(&path, |file| file.write_all(b"2")).unwrap();
        assert_eq!(mode(&path), 0o640);
    }
}
