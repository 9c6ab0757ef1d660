//! Files below a folder, within bounds on their number and depth.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::data_files::{MAX_LISTED_FILES, is_data_file};
use super::partition_values::holds_value;
use crate::error::{Result, ShellError};

/// Maximum depth of nested folders that are entered.
const MAX_DEPTH: usize = 64;

/// Which folders within a folder are entered.
#[derive(Clone, Copy)]
pub enum WalkDepth {
    /// This many levels.
    Folders(usize),
    Any,
    /// Folders named `key=value`.
    Partitions,
}

impl WalkDepth {
    /// Depth within the folder `name`; `None` if it is not entered.
    fn below(self, name: &str) -> Option<Self> {
        match self {
            Self::Folders(more) => more.checked_sub(1).map(Self::Folders),
            Self::Any => Some(self),
            Self::Partitions => holds_value(name).then_some(self),
        }
    }
}

/// Lists the files below `folder`, as sorted relative paths with `/`. SQL cannot
/// name files whose names are not UTF-8, so they are left out.
///
/// # Errors
/// A folder that cannot be read, too many entries or levels, cancellation.
pub fn list_files(
    folder: &Path,
    depth: WalkDepth,
    cancelled: &CancellationToken,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut visit = |name: String| {
        found.push(name);
        ControlFlow::Continue(())
    };
    let walked =
        FolderWalk::new(MAX_LISTED_FILES, Some(cancelled), &mut visit).enter(folder, "", depth, 0);
    if let Err(error) = walked {
        return Err(ShellError::query(format!(
            "cannot list the folder '{}': {error}",
            folder.display()
        )));
    }
    found.sort();
    Ok(found)
}

/// Whether a data file is among the first `max_entries` entries of a folder. A
/// folder with more entries counts too: only a listing can tell.
pub fn holds_data(folder: &Path, max_entries: usize) -> bool {
    if !folder.is_dir() {
        return false;
    }
    let mut visit = |name: String| match is_data_file(&name) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut walk = FolderWalk::new(max_entries, None, &mut visit);
    match walk.enter(folder, "", WalkDepth::Partitions, 0) {
        Ok(flow) => flow.is_break(),
        Err(_) => walk.entries > max_entries,
    }
}

/// Traversal of the files below a folder.
struct FolderWalk<'a> {
    max_entries: usize,
    entries: usize,
    cancelled: Option<&'a CancellationToken>,
    /// Called with the relative path of each file; `Break` ends the traversal.
    visit: &'a mut dyn FnMut(String) -> ControlFlow<()>,
}

impl<'a> FolderWalk<'a> {
    fn new(
        max_entries: usize,
        cancelled: Option<&'a CancellationToken>,
        visit: &'a mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Self {
        Self {
            max_entries,
            entries: 0,
            cancelled,
            visit,
        }
    }

    /// Visits the files below `folder`, whose relative path is `before` and whose
    /// depth is `level`.
    ///
    /// # Errors
    /// A folder that cannot be read, too many entries or levels, cancellation.
    fn enter(
        &mut self,
        folder: &Path,
        before: &str,
        depth: WalkDepth,
        level: usize,
    ) -> std::io::Result<ControlFlow<()>> {
        if level > MAX_DEPTH {
            return Err(std::io::Error::other(format!(
                "'{before}' is more than {MAX_DEPTH} folders below it; name a folder closer to the files"
            )));
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            self.count()?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{before}{name}");
            // Links to folders are not followed: they may form cycles.
            let flow = if entry.file_type()?.is_dir() {
                match depth.below(&name) {
                    Some(deeper) => {
                        self.enter(&entry.path(), &format!("{path}/"), deeper, level + 1)?
                    }
                    None => ControlFlow::Continue(()),
                }
            } else if entry.path().is_file() {
                (self.visit)(path)
            } else {
                ControlFlow::Continue(())
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn count(&mut self) -> std::io::Result<()> {
        if self.cancelled.is_some_and(CancellationToken::is_cancelled) {
            return Err(std::io::Error::other("the statement was cancelled"));
        }
        self.entries += 1;
        if self.entries > self.max_entries {
            return Err(std::io::Error::other(format!(
                "it holds more than {} files and folders; name a folder within it",
                self.max_entries
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path, depth: WalkDepth) -> Result<Vec<String>> {
        list_files(folder, depth, &CancellationToken::new())
    }

    #[test]
    fn a_walk_enters_folders_up_to_its_depth() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("a/k=1/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(home.path().join("k=2")).unwrap();
        for file in ["x.csv", "a/y.csv", "a/k=1/b/z.csv", "k=2/p.csv"] {
            fs::write(home.path().join(file), "a\n1\n").unwrap();
        }
        let found = |depth| names(home.path(), depth).unwrap();
        assert_eq!(found(WalkDepth::Folders(0)), ["x.csv"]);
        assert_eq!(
            found(WalkDepth::Folders(1)),
            ["a/y.csv", "k=2/p.csv", "x.csv"]
        );
        assert_eq!(found(WalkDepth::Partitions), ["k=2/p.csv", "x.csv"]);
        assert_eq!(found(WalkDepth::Any).len(), 4);
    }

    #[test]
    fn a_walk_is_bounded_and_can_be_cancelled() {
        let home = tempfile::tempdir().unwrap();
        for file in ["a.csv", "b.csv", "c.csv"] {
            fs::write(home.path().join(file), "a\n1\n").unwrap();
        }
        let mut visit = |_: String| ControlFlow::Continue(());
        let mut walk_two = FolderWalk::new(2, None, &mut visit);
        let error = walk_two
            .enter(home.path(), "", WalkDepth::Any, 0)
            .unwrap_err();
        assert!(error.to_string().contains("more than 2"), "{error}");

        let cancelled = CancellationToken::new();
        cancelled.cancel();
        assert!(list_files(home.path(), WalkDepth::Any, &cancelled).is_err());

        let mut deep = home.path().to_path_buf();
        deep.extend(std::iter::repeat_n("d", MAX_DEPTH + 1));
        fs::create_dir_all(&deep).unwrap();
        let error = names(home.path(), WalkDepth::Any).unwrap_err();
        assert!(error.message.contains("folders below it"), "{error}");
    }

    #[test]
    fn a_probe_ends_at_the_first_data_file() {
        let home = tempfile::tempdir().unwrap();
        assert!(!holds_data(home.path(), 2));
        for file in ["_a", "_b"] {
            fs::write(home.path().join(file), "").unwrap();
        }
        assert!(!holds_data(home.path(), 2));
        // More entries than the probe may read: the listing decides.
        assert!(holds_data(home.path(), 1));
        fs::write(home.path().join("c.csv"), "a\n1\n").unwrap();
        assert!(holds_data(home.path(), 3));
    }
}
