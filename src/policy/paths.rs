//! Paths of this machine that statements may access.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::sources::glob::{self, Glob};

/// Paths that statements may access: folders and files, with everything below.
#[derive(Clone, Debug)]
pub struct AllowedPaths {
    /// `None` means every path.
    roots: Option<Vec<AllowedRoot>>,
}

#[derive(Clone, Debug)]
struct AllowedRoot {
    /// Path as given.
    shown: PathBuf,
    /// Absolute path with links resolved; of a pattern, that of its folder.
    real: PathBuf,
    /// Pattern below `real`.
    pattern: Option<Arc<Glob>>,
}

impl AllowedRoot {
    fn of(shown: PathBuf) -> Self {
        let text = shown.to_string_lossy();
        let pattern = (glob::is_pattern(&text) && !shown.exists())
            .then(|| glob::split(&text))
            .and_then(|(folder, rest)| Some((folder.to_string(), Glob::new(rest).ok()?)));
        match pattern {
            Some((folder, glob)) => {
                let folder = if folder.is_empty() { "." } else { &folder };
                Self {
                    real: real_or_absolute(Path::new(folder)),
                    pattern: Some(Arc::new(glob)),
                    shown,
                }
            }
            None => Self {
                real: real_or_absolute(&shown),
                pattern: None,
                shown,
            },
        }
    }

    fn contains(&self, path: &Path) -> bool {
        let Ok(rest) = path.strip_prefix(&self.real) else {
            return false;
        };
        match (&self.pattern, rest.to_str()) {
            (None, _) => true,
            // Finding the files of a pattern lists its folder.
            (Some(_), Some("")) => true,
            (Some(glob), Some(rest)) => glob.matches(rest),
            (Some(_), None) => false,
        }
    }
}

impl AllowedPaths {
    /// Every path.
    pub fn any() -> Self {
        Self { roots: None }
    }

    /// These folders, files and patterns, including those that do not exist yet.
    pub fn below(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            roots: Some(roots.into_iter().map(AllowedRoot::of).collect()),
        }
    }

    /// Adds a folder, a file or a pattern.
    pub fn add(&mut self, path: PathBuf) {
        if let Some(roots) = &mut self.roots {
            roots.push(AllowedRoot::of(path));
        }
    }

    /// Whether a path is below a root once its links are resolved. For a path that
    /// does not exist, the links of the existing part are resolved.
    pub fn contains(&self, path: &Path) -> bool {
        let Some(roots) = &self.roots else {
            return true;
        };
        let Some(real) = real_of_existing_part(&absolute(path)) else {
            return false;
        };
        roots.iter().any(|root| root.contains(&real))
    }
}

impl fmt::Display for AllowedPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.roots {
            None => f.write_str("every file that the process may open"),
            Some(roots) => {
                f.write_str("tables of the data dictionary, and files below")?;
                for (at, root) in roots.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma} {}", root.shown.display())?;
                }
                Ok(())
            }
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn real_or_absolute(path: &Path) -> PathBuf {
    real(path).unwrap_or_else(|| absolute(path))
}

fn real(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// Resolves the links of the longest existing part of a path; `None` if `..`
/// follows a part that does not exist.
fn real_of_existing_part(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find_map(|part| Some((part, real(part)?)));
    let (part, real) = existing?;
    let rest = path.strip_prefix(part).ok()?;
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    // A dangling link has no real path, and its target may be created later.
    let dangling = rest
        .components()
        .next()
        .is_some_and(|next| real.join(next).is_symlink());
    (rest.components().all(plain) && !dangling).then(|| real.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_root_are_allowed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("out.csv"), "a").unwrap();
        let paths = AllowedPaths::below([folder.path().join("in")]);
        let inside = folder.path().join("in/new/file.csv");
        assert!(paths.contains(&inside));
        for outside in ["out.csv", "in/../out.csv", "in/none/../../out.csv", "inner"] {
            assert!(!paths.contains(&folder.path().join(outside)), "{outside}");
        }
        assert!(AllowedPaths::any().contains(Path::new("/etc/passwd")));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_checked_by_their_targets() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("in");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(folder.path().join("secret.csv"), "a").unwrap();
        symlink(folder.path().join("secret.csv"), root.join("link.csv")).unwrap();
        symlink(folder.path().join("later.csv"), root.join("dangling.csv")).unwrap();
        symlink("/", root.join("all")).unwrap();
        let paths = AllowedPaths::below([root.clone()]);
        for outside in ["link.csv", "dangling.csv", "all/etc/passwd"] {
            assert!(!paths.contains(&root.join(outside)), "{outside}");
        }
        // A root that is a link.
        symlink(&root, folder.path().join("alias")).unwrap();
        let alias = AllowedPaths::below([folder.path().join("alias")]);
        assert!(alias.contains(&root.join("x.csv")));
        assert!(alias.contains(&folder.path().join("alias/x.csv")));
    }

    #[test]
    fn a_pattern_allows_what_it_matches() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.txt"] {
            std::fs::write(folder.path().join(name), "a").unwrap();
        }
        let paths = AllowedPaths::below([folder.path().join("*.csv")]);
        assert!(paths.contains(&folder.path().join("a.csv")));
        assert!(!paths.contains(&folder.path().join("a.txt")));
        assert!(!paths.contains(&folder.path().join("sub/a.csv")));
    }

    #[test]
    fn a_file_can_be_a_root() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "a").unwrap();
        let mut paths = AllowedPaths::below([]);
        assert!(!paths.contains(&file));
        paths.add(file.clone());
        assert!(paths.contains(&file));
        assert!(!paths.contains(&folder.path().join("b.csv")));
    }
}
