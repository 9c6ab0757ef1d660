//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file beside `path` and renames it, after both are on the disk. A file
/// that is replaced leaves its permissions to the new one; others get those of
/// any new file.
///
/// # Errors
/// A folder that is missing or not writable, or what `write` fails with.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = create_beside(path)?;
    write(&mut file)?;
    commit(file, path)
}

/// A file beside `path`, to be written and then [committed](commit) to it.
///
/// # Errors
/// A folder that is missing or not writable.
pub(crate) fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the umask takes away.
        temporary.permissions(std::fs::Permissions::from_mode(0o666));
    }
    temporary.tempfile_in(folder_of(path))
}

/// Gives a file its name, after it is on the disk; waits for the name too.
///
/// # Errors
/// A disk that is full, a file that cannot be replaced.
pub(crate) fn commit(file: NamedTempFile, path: &Path) -> io::Result<()> {
    if let Ok(old) = std::fs::metadata(path)
        && old.is_file()
    {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Waits until a folder's entries, and so a rename in it, are on the disk.
///
/// # Errors
/// A folder that cannot be opened.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Other systems do not open folders as files.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_it_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.bin");
        write_whole(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |file| {
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
    fn permissions_are_those_of_the_old_file_or_of_any_new_one() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (path, usual) = (home.path().join("a"), home.path().join("usual"));
        std::fs::write(&usual, "").unwrap();
        write_whole(&path, |file| file.write_all(b"1")).unwrap();
        assert_eq!(mode(&path), mode(&usual));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_whole(&path, |file| file.write_all(b"2")).unwrap();
        assert_eq!(mode(&path), 0o640);
    }
}
