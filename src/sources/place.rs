//! From a location to files: a path, a folder, a pattern or a URL.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::format::{self, Named};
use super::glob::{self, Glob};
use crate::error::{ErrorKind, Result, ShellError, ours_below};
use crate::policy::Policy;
use crate::suggest::{closest, hint};

/// How many files are asked about at the same time.
const LOOKUPS: usize = 16;

/// Most entries of folders that are listed for one location.
const MAX_LISTED_FILES: usize = 1_000_000;

/// Most folders below one another that are entered.
const MAX_DEPTH: usize = 64;

/// Most entries that are listed to tell whether a word names a folder of data.
const MAX_PROBED_FILES: usize = 10_000;

/// Most names that are compared with a missing one, for a suggestion.
const MAX_COMPARED_NAMES: usize = 10_000;

/// The longest ending of a name that is taken for an extension.
const LONGEST_EXTENSION: usize = 10;

/// The files of a location. There is at least one, and all have one format.
#[derive(Debug)]
pub struct Found {
    pub store: Arc<dyn ObjectStore>,
    pub files: Vec<ObjectMeta>,
    /// What to scan: every file by itself, or the folder where the names of
    /// folders within it hold columns.
    pub urls: Vec<ListingTableUrl>,
    pub named: Named,
    /// Whether folders named `key=value` hold columns.
    pub partitioned: bool,
}

/// Whether a table's name is meant as a place of files. Plain words are, where
/// they name a folder with data.
pub fn is_location(name: &str) -> bool {
    let extension = || {
        let last = name.rsplit_once('.').map_or("", |(_, last)| last);
        let word = last.chars().all(|c| c.is_ascii_alphanumeric());
        word && (1..=LONGEST_EXTENSION).contains(&last.len())
    };
    name.contains('/')
        || matches!(name, "." | ".." | "~")
        || glob::is_pattern(name)
        || extension()
        || holds_data(Path::new(name), MAX_PROBED_FILES)
}

/// Whether a folder has a data file among its first entries, or so many entries
/// that only a listing can tell.
fn holds_data(folder: &Path, max_entries: usize) -> bool {
    if !folder.is_dir() {
        return false;
    }
    let mut visit = |name: String| match is_data_file(&name) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut walk = Walk::new(max_entries, None, &mut visit);
    match walk.enter(folder, "", Depth::Partitions, 0) {
        Ok(flow) => flow.is_break(),
        Err(_) => walk.entries > max_entries,
    }
}

/// `~/x` with the home folder in its place.
pub fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// The path that a location means on this machine; `None` for remote ones.
///
/// # Errors
/// A `file:` URL that is no path.
pub fn local_path(location: &str) -> Result<Option<PathBuf>> {
    if !location.contains("://") {
        return Ok(Some(expand_home(location)));
    }
    let url = parse_url(location)?;
    if url.scheme() != "file" {
        return Ok(None);
    }
    url.to_file_path()
        .map(Some)
        .map_err(|()| ShellError::query(format!("'{location}' is not a path on this machine")))
}

/// Checks that a policy lets a location be read.
///
/// # Errors
/// The refusal; a location that is no URL.
pub fn check_allowed(policy: &Policy, location: &str) -> Result<()> {
    match local_path(location)? {
        Some(path) if glob::is_pattern(location) && !path.exists() => {
            let text = path.to_string_lossy();
            let (folder, _) = glob::split(&text);
            policy.check_read_path(Path::new(if folder.is_empty() { "." } else { folder }))
        }
        Some(path) => policy.check_read_path(&path),
        None => policy.check_url(&parse_url(location)?),
    }
}

fn parse_url(location: &str) -> Result<Url> {
    Url::parse(location)
        .map_err(|error| ShellError::query(format!("'{location}' is not a URL: {error}")))
}

/// The files at `location`.
///
/// # Errors
/// Nothing is there, nothing of a known format is there, or more than one
/// format is there.
pub async fn find(state: &SessionState, location: &str) -> Result<Found> {
    match local_path(location)? {
        Some(path) => local(state, location, &path).await,
        None => remote(state, location).await,
    }
}

async fn local(state: &SessionState, location: &str, path: &Path) -> Result<Found> {
    let LocalFiles {
        mut urls,
        named,
        partitions,
    } = list_off_worker(location, path).await?;
    let Some(first) = urls.first() else {
        return Err(ShellError::query(format!("there is no file '{location}'")));
    };
    let store = state.runtime_env().object_store(first)?;
    let files = heads(location, &store, &urls).await?;
    let partitioned = partitions.is_some();
    if let Some(folder) = partitions {
        urls = vec![folder];
    }
    Ok(Found {
        store,
        files,
        urls,
        named,
        partitioned,
    })
}

/// Files of a location on this machine, all of one format.
struct LocalFiles {
    urls: Vec<ListingTableUrl>,
    named: Named,
    /// The folder, where names of folders within it hold columns.
    partitions: Option<ListingTableUrl>,
}

/// Lists the files of a location on a thread for blocking work. The listing ends
/// when the future is dropped.
async fn list_off_worker(location: &str, path: &Path) -> Result<LocalFiles> {
    let cancelled = CancellationToken::new();
    let _cancel_on_drop = cancelled.clone().drop_guard();
    let (owned_location, owned_path) = (location.to_string(), path.to_path_buf());
    let listing =
        tokio::task::spawn_blocking(move || list_local(&owned_location, &owned_path, &cancelled));
    listing.await.map_err(|error| {
        ShellError::of_kind(
            ErrorKind::Internal,
            format!("cannot list '{location}': {error}"),
        )
    })?
}

fn list_local(location: &str, path: &Path, cancelled: &CancellationToken) -> Result<LocalFiles> {
    let (root, names) = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let mut names = walk(path, Depth::Partitions, cancelled)?;
            names.retain(|name| is_data_file(name));
            (
                path.to_path_buf(),
                one_format(location, names, Source::Folder)?,
            )
        }
        Ok(_) => {
            let (folder, name) = split_path(location, path)?;
            let named = format::of_name(&name)
                .map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
            (folder, (named, vec![name]))
        }
        Err(_) if glob::is_pattern(location) => {
            let (folder, names) = list_pattern(location, path, cancelled)?;
            (folder, one_format(location, names, Source::Pattern)?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(nothing(location, path));
        }
        Err(error) => {
            return Err(ShellError::query(format!(
                "cannot open '{location}': {error}"
            )));
        }
    };
    let (named, names) = names;
    // The folder is made absolute, the names are kept: a link to a file may
    // lead to a name without an extension.
    let root = fs::canonicalize(&root)
        .map_err(|error| ShellError::query(format!("cannot open '{location}': {error}")))?;
    let mut urls = Vec::with_capacity(names.len());
    for name in &names {
        urls.push(file_url(location, &root.join(name))?);
    }
    let partitioned = path.is_dir() && names.iter().any(|name| name.contains('/'));
    let partitions = match partitioned {
        true => {
            let url = Url::from_directory_path(&root).map_err(|()| not_a_path(location))?;
            Some(ListingTableUrl::try_new(url, None)?)
        }
        false => None,
    };
    Ok(LocalFiles {
        urls,
        named,
        partitions,
    })
}

/// The folder of a pattern, and the names below it that fit.
fn list_pattern(
    location: &str,
    path: &Path,
    cancelled: &CancellationToken,
) -> Result<(PathBuf, Vec<String>)> {
    let text = path.to_string_lossy();
    let (folder, pattern) = glob::split(&text);
    let glob =
        Glob::new(pattern).map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
    let folder = if folder.is_empty() {
        Path::new(".")
    } else {
        Path::new(folder)
    };
    if !folder.is_dir() {
        return Err(nothing(location, folder));
    }
    let depth = if pattern.contains("**") {
        Depth::Any
    } else {
        Depth::Folders(pattern.matches('/').count())
    };
    let mut names = walk(folder, depth, cancelled)?;
    names.retain(|name| !cancelled.is_cancelled() && glob.matches(name));
    Ok((folder.to_path_buf(), names))
}

fn split_path(location: &str, path: &Path) -> Result<(PathBuf, String)> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| not_a_path(location))?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    Ok((
        folder.unwrap_or(Path::new(".")).to_path_buf(),
        name.to_string(),
    ))
}

fn file_url(location: &str, path: &Path) -> Result<ListingTableUrl> {
    let url = Url::from_file_path(path).map_err(|()| not_a_path(location))?;
    Ok(ListingTableUrl::try_new(url, None)?)
}

fn not_a_path(location: &str) -> ShellError {
    ShellError::query(format!("'{location}' is not a path on this machine"))
}

/// What to say where there is nothing, with the nearest name that exists.
fn nothing(location: &str, path: &Path) -> ShellError {
    let missing = path
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty() && !part.exists())
        .last();
    let Some(missing) = missing else {
        return ShellError::query(format!("there is no file '{location}'"));
    };
    let folder = missing
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .take(MAX_COMPARED_NAMES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let wanted = missing
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if missing != path {
        let near = hint(wanted, names.iter().map(String::as_str));
        return ShellError::query(format!(
            "there is no file '{location}': the folder '{}' does not exist{near}",
            missing.display()
        ));
    }
    match closest(wanted, names.iter().map(String::as_str)) {
        Some(near) => {
            let near = folder.map_or_else(|| PathBuf::from(near), |folder| folder.join(near));
            ShellError::query(format!(
                "there is no file '{location}'; did you mean '{}'?",
                near.display()
            ))
        }
        None => ShellError::query(format!("there is no file '{location}'")),
    }
}

#[derive(Clone, Copy)]
enum Depth {
    /// This many folders down.
    Folders(usize),
    Any,
    /// Only into folders named `key=value`.
    Partitions,
}

/// The files below `folder`, as relative paths with `/`, in order. Names that
/// are not UTF-8 cannot be said in SQL and are left out.
fn walk(folder: &Path, depth: Depth, cancelled: &CancellationToken) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut visit = |name: String| {
        found.push(name);
        ControlFlow::Continue(())
    };
    let walked =
        Walk::new(MAX_LISTED_FILES, Some(cancelled), &mut visit).enter(folder, "", depth, 0);
    if let Err(error) = walked {
        return Err(ShellError::query(format!(
            "cannot list the folder '{}': {error}",
            folder.display()
        )));
    }
    found.sort();
    Ok(found)
}

/// Traversal of the files below a folder.
struct Walk<'a> {
    max_entries: usize,
    entries: usize,
    cancelled: Option<&'a CancellationToken>,
    /// Called with the relative path of each file; ends the traversal by `Break`.
    visit: &'a mut dyn FnMut(String) -> ControlFlow<()>,
}

impl<'a> Walk<'a> {
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

    /// Visits the files below `folder`, which lies at the relative path `before`,
    /// `level` folders down.
    ///
    /// # Errors
    /// A folder that cannot be read, too many entries or levels, cancellation.
    fn enter(
        &mut self,
        folder: &Path,
        before: &str,
        depth: Depth,
        level: usize,
    ) -> std::io::Result<ControlFlow<()>> {
        if level > MAX_DEPTH {
            return Err(std::io::Error::other(format!(
                "'{before}' is more than {MAX_DEPTH} folders below it; name a folder that is nearer"
            )));
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            self.count()?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{before}{name}");
            // Links to folders are not followed: they may lead in circles.
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

impl Depth {
    /// How deep to go in a folder of that name; `None` leaves it out.
    fn below(self, name: &str) -> Option<Self> {
        match self {
            Self::Folders(more) => more.checked_sub(1).map(Self::Folders),
            Self::Any => Some(self),
            Self::Partitions => name.contains('=').then_some(self),
        }
    }
}

/// Whether a file of a folder counts as data: names that do not begin with a
/// dot or an underscore, which mark what writers leave beside the data.
fn is_data_file(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    !base.starts_with(['.', '_']) && format::of_name(base).is_ok()
}

#[derive(Clone, Copy)]
enum Source {
    Folder,
    Pattern,
}

/// Checks that there are files, and all of one format.
fn one_format(location: &str, names: Vec<String>, source: Source) -> Result<(Named, Vec<String>)> {
    let Some(first) = names.first() else {
        let known = format::known();
        return Err(ShellError::query(match source {
            Source::Folder => format!(
                "the folder '{location}' holds no file of a known format ({known}); \
                 folders within it are read with '{}/**/*.parquet'",
                location.trim_end_matches('/')
            ),
            Source::Pattern => format!("no file fits the pattern '{location}'"),
        }));
    };
    let named = format::of_name(first)
        .map_err(|why| ShellError::query(format!("'{first}', which '{location}' names, {why}")))?;
    for name in &names {
        let other = format::of_name(name).map_err(|why| {
            ShellError::query(format!("'{name}', which '{location}' names, {why}"))
        })?;
        if other != named {
            return Err(ShellError::query(format!(
                "'{location}' names files of different formats, such as '{first}' and '{name}'; \
                 name one kind, as in '*{}'",
                named.suffix
            )));
        }
    }
    Ok((named, names))
}

async fn heads(
    location: &str,
    store: &Arc<dyn ObjectStore>,
    urls: &[ListingTableUrl],
) -> Result<Vec<ObjectMeta>> {
    let paths: Vec<ObjectPath> = urls.iter().map(|url| url.prefix().clone()).collect();
    futures::stream::iter(paths)
        .map(|path| async move { store.head(&path).await })
        .buffered(LOOKUPS)
        .try_collect()
        .await
        .map_err(|error| unreachable_place(location, &error))
}

/// Lists below a prefix and keeps what is wanted, relative to it.
async fn listed(
    location: &str,
    store: &Arc<dyn ObjectStore>,
    folder: &ObjectPath,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, ObjectMeta)>> {
    let mut metas: Vec<ObjectMeta> = store
        .list(Some(folder))
        .take(MAX_LISTED_FILES + 1)
        .try_collect()
        .await
        .map_err(|error| unreachable_place(location, &error))?;
    if metas.len() > MAX_LISTED_FILES {
        return Err(ShellError::query(format!(
            "cannot list '{location}': there are more than {MAX_LISTED_FILES} files; \
             name a folder within it"
        )));
    }
    metas.sort_by(|a, b| a.location.cmp(&b.location));
    let relative = |meta: ObjectMeta| {
        let rest = meta.location.as_ref().strip_prefix(folder.as_ref())?;
        let rest = rest.trim_start_matches('/').to_string();
        wanted(&rest).then_some((rest, meta))
    };
    Ok(metas.into_iter().filter_map(relative).collect())
}

async fn remote(state: &SessionState, location: &str) -> Result<Found> {
    let url = parse_url(location)?;
    let base = store_url(&url);
    let root = ListingTableUrl::try_new(base.clone(), None)?;
    let store = state.runtime_env().object_store(&root)?;
    let web = matches!(url.scheme(), "http" | "https");
    let path = if web {
        web_path(location, &url)?
    } else {
        object_path(location, &url)?
    };
    if web && path.contains('*') {
        return Err(ShellError::query(format!(
            "'{location}' is a pattern, and web servers do not list their files; name each file"
        )));
    }
    if web {
        // Without asking: a page of that name says nothing about its content.
        let name = path.split('?').next().unwrap_or_default();
        format::of_name(name).map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
    }
    let (files, names, source) = if !web && glob::is_pattern(&path) {
        let (folder, pattern) = glob::split(&path);
        let glob =
            Glob::new(pattern).map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
        let folder = ObjectPath::parse(folder).map_err(|error| bad_path(location, &error))?;
        let found = listed(location, &store, &folder, |name| glob.matches(name)).await?;
        let (names, files): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        (files, names, Source::Pattern)
    } else {
        let object = ObjectPath::parse(&path).map_err(|error| bad_path(location, &error))?;
        match store.head(&object).await {
            Ok(meta) => {
                let name = path.split('?').next().unwrap_or(&path).to_string();
                (vec![meta], vec![name], Source::Pattern)
            }
            Err(object_store::Error::NotFound { .. }) if !web => {
                let direct = |name: &str| !name.is_empty() && !name.contains('/');
                let found = listed(location, &store, &object, direct).await?;
                if found.is_empty() {
                    return Err(ShellError::query(format!(
                        "there is no file or folder '{location}'"
                    )));
                }
                let (names, files): (Vec<_>, Vec<_>) = found
                    .into_iter()
                    .filter(|(name, _)| is_data_file(name))
                    .unzip();
                (files, names, Source::Folder)
            }
            Err(error) => return Err(unreachable_place(location, &error)),
        }
    };
    let (named, _) = one_format(location, names, source)?;
    let mut urls = Vec::with_capacity(files.len());
    for file in &files {
        urls.push(ListingTableUrl::try_new(
            object_url(&base, &file.location),
            None,
        )?);
    }
    Ok(Found {
        store,
        files,
        urls,
        named,
        partitioned: false,
    })
}

/// Scheme and host alone: what a store is registered under.
fn store_url(url: &Url) -> Url {
    let mut base = url.clone();
    base.set_path("/");
    base.set_query(None);
    base.set_fragment(None);
    base
}

/// A path within a store. `?` and `#` are plain characters here: patterns use
/// the one, names may hold the other.
fn object_path(location: &str, url: &Url) -> Result<String> {
    let after = &url[url::Position::BeforePath..];
    let path = ObjectPath::from_url_path(after.replace('?', "%3F").replace('#', "%23"))
        .map_err(|error| bad_path(location, &error))?;
    Ok(path.to_string())
}

/// A path on a web server: as written, with its query, which belongs to it.
fn web_path(location: &str, url: &Url) -> Result<String> {
    let path = url.path().trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') {
        return Err(ShellError::query(format!(
            "'{location}' names no file; name one on that server"
        )));
    }
    Ok(match url.query() {
        Some(query) => format!("{path}?{}", query.replace('/', "%2F")),
        None => path.to_string(),
    })
}

fn object_url(base: &Url, path: &ObjectPath) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments
            .clear()
            .extend(path.parts().map(|part| part.as_ref().to_string()));
    }
    url
}

fn bad_path(location: &str, error: &object_store::path::Error) -> ShellError {
    ShellError::query(format!("'{location}' is not a path: {error}"))
}

/// A store's refusal, in words about the location.
pub fn unreachable_place(location: &str, error: &object_store::Error) -> ShellError {
    use object_store::Error;
    // A store of our own, or the policy, may have said it in our words already.
    if let Some(ours) = ours_below(error) {
        return ShellError {
            message: match ours.kind {
                ErrorKind::Forbidden => ours.message.clone(),
                _ => format!("cannot read '{location}': {}", ours.message),
            },
            code: ours.code,
            ..ShellError::of_kind(ours.kind, "")
        };
    }
    ShellError::query(match error {
        Error::NotFound { .. } => format!("there is no file '{location}'"),
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            format!(
                "not allowed to read '{location}': check that it exists and the credentials for it"
            )
        }
        other => format!("cannot read '{location}': {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_are_not_locations() {
        for location in [
            "a.csv",
            "data/",
            "~/x.parquet",
            "hf://datasets/a/b/c.parquet",
            "*.csv",
            "x.parket",
        ] {
            assert!(is_location(location), "{location}");
        }
        for table in ["products", "my table", "_", "v1.", "a. b"] {
            assert!(!is_location(table), "{table}");
        }
    }

    fn names(folder: &Path, depth: Depth) -> Result<Vec<String>> {
        walk(folder, depth, &CancellationToken::new())
    }

    #[test]
    fn a_walk_goes_as_deep_as_it_may() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("a/k=1/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(home.path().join("k=2")).unwrap();
        for file in ["x.csv", "a/y.csv", "a/k=1/b/z.csv", "k=2/p.csv"] {
            fs::write(home.path().join(file), "a\n1\n").unwrap();
        }
        let found = |depth| names(home.path(), depth).unwrap();
        assert_eq!(found(Depth::Folders(0)), ["x.csv"]);
        assert_eq!(found(Depth::Folders(1)), ["a/y.csv", "k=2/p.csv", "x.csv"]);
        assert_eq!(found(Depth::Partitions), ["k=2/p.csv", "x.csv"]);
        assert_eq!(found(Depth::Any).len(), 4);
    }

    #[test]
    fn a_walk_is_bounded_and_can_be_cancelled() {
        let home = tempfile::tempdir().unwrap();
        for file in ["a.csv", "b.csv", "c.csv"] {
            fs::write(home.path().join(file), "a\n1\n").unwrap();
        }
        let mut visit = |_: String| ControlFlow::Continue(());
        let mut walk_two = Walk::new(2, None, &mut visit);
        let error = walk_two.enter(home.path(), "", Depth::Any, 0).unwrap_err();
        assert!(error.to_string().contains("more than 2"), "{error}");

        let cancelled = CancellationToken::new();
        cancelled.cancel();
        assert!(walk(home.path(), Depth::Any, &cancelled).is_err());

        let mut deep = home.path().to_path_buf();
        deep.extend(std::iter::repeat_n("d", MAX_DEPTH + 1));
        fs::create_dir_all(&deep).unwrap();
        let error = names(home.path(), Depth::Any).unwrap_err();
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
        // More than the probe may look at: the listing decides.
        assert!(holds_data(home.path(), 1));
        fs::write(home.path().join("c.csv"), "a\n1\n").unwrap();
        assert!(holds_data(home.path(), 3));
    }

    #[test]
    fn a_query_belongs_to_a_file_on_the_web() {
        let url = Url::parse("https://h/a%20b/c.csv?sig=x/y").unwrap();
        assert_eq!(web_path("", &url).unwrap(), "a%20b/c.csv?sig=x%2Fy");
        assert!(web_path("", &Url::parse("https://h/").unwrap()).is_err());
    }

    #[test]
    fn question_marks_are_part_of_a_pattern_in_a_store() {
        let url = Url::parse("s3://bucket/a/part-?.csv").unwrap();
        assert_eq!(object_path("", &url).unwrap(), "a/part-?.csv");
    }

    #[test]
    fn odd_characters_survive_the_way_into_a_url_and_back() {
        let base = Url::parse("hf://datasets").unwrap();
        let path = ObjectPath::parse("o/n/100%25 ?.csv").unwrap();
        let url = ListingTableUrl::try_new(object_url(&base, &path), None).unwrap();
        assert_eq!(url.prefix(), &path);
    }
}
