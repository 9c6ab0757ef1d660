//! Hidden folder beside a target, for writing it before it is renamed into place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use datafusion::execution::cache::cache_manager::TableScopedPath;
use datafusion::execution::context::SessionState;
use semql_udfs::inference::atomic_file::sync_folder;
use tempfile::TempDir;

use crate::error::{Result, ShellError};

/// Part of the names of these folders.
const MARK: &str = ".semql-";

/// File that the writer of such a folder holds a lock on.
const LOCK: &str = "lock";

/// Time in which a new folder gets its lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum length of the target's name in the name of such a folder, in bytes. File
/// systems allow 255.
const MAX_NAME_BYTES: usize = 200;

/// Hidden folder beside a target. It is removed when this value is dropped.
pub struct Staging {
    pub target: PathBuf,
    folder: Option<TempDir>,
    /// Marks the folder as in use.
    lock: Option<File>,
    /// Folders above the target that this run created, the outermost first.
    made: Vec<PathBuf>,
}

impl Staging {
    /// Creates the folder.
    ///
    /// # Errors
    /// A target that must not be replaced; a folder that cannot be written.
    pub fn beside(path: &Path, folder: bool) -> Result<Self> {
        let target = absolute(path)?;
        check_target(path, &target, folder)?;
        let (Some(parent), Some(name)) = (
            target.parent(),
            target.file_name().and_then(|name| name.to_str()),
        ) else {
            return Err(ShellError::query(format!(
                "'{}' is not the name of a file",
                path.display()
            )));
        };
        let fail = |error: std::io::Error| failure(path, &error);
        let made: Vec<PathBuf> = parent
            .ancestors()
            .take_while(|folder| !folder.exists())
            .map(Path::to_path_buf)
            .collect();
        let mut staging = Self {
            target: target.clone(),
            folder: None,
            lock: None,
            made: made.into_iter().rev().collect(),
        };
        fs::create_dir_all(parent).map_err(fail)?;
        let prefix = prefix(name);
        sweep(parent, &prefix);
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(fail)?;
        let lock = File::create(folder.path().join(LOCK)).map_err(fail)?;
        // Without file locks, leftovers stay; nothing else depends on the lock.
        let _ = lock.try_lock();
        staging.folder = Some(folder);
        staging.lock = Some(lock);
        Ok(staging)
    }

    /// Path of the folder.
    pub fn folder(&self) -> Result<&Path> {
        self.folder
            .as_ref()
            .map(TempDir::path)
            .ok_or_else(|| ShellError::query("the temporary folder is gone"))
    }

    pub fn failure(&self, error: &std::io::Error) -> ShellError {
        failure(&self.target, error)
    }

    /// Renames the written file or folder to the target, and syncs it to disk. The
    /// permissions of a replaced file stay.
    pub fn commit(&mut self, written: &Path) -> Result<()> {
        self.replace(written).map_err(|error| self.failure(&error))
    }

    fn replace(&mut self, written: &Path) -> std::io::Result<()> {
        make_durable(written)?;
        if let Ok(old) = fs::metadata(&self.target)
            && old.is_file()
        {
            fs::set_permissions(written, old.permissions())?;
        }
        fs::rename(written, &self.target)?;
        // The parent of a new folder holds its entry.
        let made = std::mem::take(&mut self.made);
        for entry in made.iter().chain([&self.target]) {
            if let Some(folder) = entry.parent() {
                sync_folder(folder)?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.lock.take();
        if let Some(folder) = self.folder.take() {
            // A writer that stops may still add a file.
            let path = folder.keep();
            for _ in 0..10 {
                match fs::remove_dir_all(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    _ => break,
                }
            }
        }
        for folder in self.made.iter().rev() {
            // Fails if the folder is not empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn prefix(name: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}{MARK}", &name[..end])
}

/// The absolute path of a target. Links to files are followed.
fn absolute(path: &Path) -> Result<PathBuf> {
    let fail = |error: std::io::Error| failure(path, &error);
    if path.is_symlink() && path.exists() {
        return fs::canonicalize(path).map_err(fail);
    }
    std::path::absolute(path).map_err(fail)
}

fn check_target(path: &Path, target: &Path, folder: bool) -> Result<()> {
    let Ok(metadata) = fs::metadata(target) else {
        return Ok(());
    };
    let path = path.display();
    let filled = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    if folder && !metadata.is_dir() {
        return Err(ShellError::query(format!(
            "'{path}' is a file, and this COPY writes a folder; name another one"
        )));
    }
    if folder && filled() {
        return Err(ShellError::query(format!(
            "the folder '{path}' is not empty; remove it first or name another one"
        )));
    }
    if !folder && metadata.is_dir() {
        return Err(ShellError::query(format!(
            "'{path}' is a folder, and this COPY writes a file; add a name"
        )));
    }
    if !folder && !metadata.is_file() {
        return Err(ShellError::query(format!(
            "'{path}' is not a plain file; a query writes to it with -o, or to the standard output"
        )));
    }
    Ok(())
}

fn failure(path: &Path, error: &std::io::Error) -> ShellError {
    ShellError::query(format!("cannot write '{}': {error}", path.display()))
}

/// Removes the folders of killed runs. Errors are ignored.
fn sweep(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(prefix));
        if ours && abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let changed = fs::metadata(folder).and_then(|metadata| metadata.modified());
            changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LOCK_TIMEOUT))
        }
    }
}

/// Syncs a file, or all files of a folder, to disk.
fn make_durable(path: &Path) -> std::io::Result<()> {
    if !path.is_dir() {
        return File::open(path)?.sync_all();
    }
    for entry in fs::read_dir(path)? {
        make_durable(&entry?.path())?;
    }
    sync_folder(path)
}

/// Removes a replaced file from the caches of the engine.
pub fn invalidate_caches(state: &SessionState, target: &Path) {
    let caches = &state.runtime_env().cache_manager;
    let Ok(path) = object_store::path::Path::from_absolute_path(target) else {
        return;
    };
    caches.get_file_metadata_cache().remove(&path);
    if let Some(statistics) = caches.get_file_statistic_cache() {
        statistics.remove(&TableScopedPath { table: None, path });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_run_leaves_no_files() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a/b/x.csv");
        let staging = Staging::beside(&target, false).unwrap();
        fs::write(staging.folder().unwrap().join("data.csv"), "half").unwrap();
        assert_eq!(names(&home.path().join("a/b")).len(), 1);
        drop(staging);
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn commit_replaces_the_target() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("x.csv");
        fs::write(&target, "old").unwrap();
        let mut staging = Staging::beside(&target, false).unwrap();
        let written = staging.folder().unwrap().join("data.csv");
        fs::write(&written, "new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        staging.commit(&written).unwrap();
        drop(staging);
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(names(home.path()), ["x.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn replaced_files_keep_permissions_and_new_files_have_the_default() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let write = |target: &Path| {
            let mut staging = Staging::beside(target, false).unwrap();
            let written = staging.folder().unwrap().join("data.csv");
            fs::write(&written, "new").unwrap();
            staging.commit(&written).unwrap();
        };
        let usual = home.path().join("usual");
        fs::write(&usual, "").unwrap();
        let target = home.path().join("new/x.csv");
        write(&target);
        assert_eq!(mode(&target), mode(&usual));
        for kept in [0o640, 0o400] {
            fs::set_permissions(&target, fs::Permissions::from_mode(kept)).unwrap();
            write(&target);
            assert_eq!(mode(&target), kept);
        }
    }

    #[test]
    fn folders_of_killed_runs_are_removed_and_others_stay() {
        let home = tempfile::tempdir().unwrap();
        let left = home.path().join(".x.csv.semql-dead");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("data.csv"), "half").unwrap();
        let other = Staging::beside(&home.path().join("x.csv"), false).unwrap();
        assert!(!left.exists());
        let own = Staging::beside(&home.path().join("x.csv"), false).unwrap();
        assert!(other.folder().unwrap().exists());
        assert_ne!(other.folder().unwrap(), own.folder().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_replaced() {
        assert!(Staging::beside(Path::new("/dev/null"), false).is_err());
    }
}
