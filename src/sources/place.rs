//! From a location to files: a path, a folder, a pattern or a URL.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use super::format::{self, Named};
use super::glob::{self, Glob};
use crate::error::{Result, ShellError};
use crate::suggest::{closest, hint};

/// How many files are asked about at the same time.
const LOOKUPS: usize = 16;

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
    let folder = || {
        let path = Path::new(name);
        path.is_dir()
            && walk(path, Depth::Partitions).is_ok_and(|names| !in_folder(names).is_empty())
    };
    name.contains('/') || glob::is_pattern(name) || extension() || folder()
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
    let (root, names) = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let names = in_folder(walk(path, Depth::Partitions)?);
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
            let text = path.to_string_lossy();
            let (folder, pattern) = glob::split(&text);
            let glob = Glob::new(pattern)
                .map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
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
            let mut names = walk(folder, depth)?;
            names.retain(|name| glob.matches(name));
            (
                folder.to_path_buf(),
                one_format(location, names, Source::Pattern)?,
            )
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
    let partitioned = path.is_dir() && names.iter().any(|name| name.contains('/'));
    let mut urls = Vec::with_capacity(names.len());
    for name in &names {
        urls.push(file_url(location, &root.join(name))?);
    }
    let store = state.runtime_env().object_store(&urls[0])?;
    let files = heads(location, &store, &urls).await?;
    if partitioned {
        let url = Url::from_directory_path(&root).map_err(|()| not_a_path(location))?;
        urls = vec![ListingTableUrl::try_new(url, None)?];
    }
    Ok(Found {
        store,
        files,
        urls,
        named,
        partitioned,
    })
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
fn walk(folder: &Path, depth: Depth) -> Result<Vec<String>> {
    let mut found = Vec::new();
    walk_into(folder, "", depth, &mut found).map_err(|error| {
        ShellError::query(format!(
            "cannot list the folder '{}': {error}",
            folder.display()
        ))
    })?;
    found.sort();
    Ok(found)
}

fn walk_into(
    folder: &Path,
    before: &str,
    depth: Depth,
    found: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{before}{name}");
        // Links to folders are not followed: they may lead in circles.
        if entry.file_type()?.is_dir() {
            let deeper = match depth {
                Depth::Folders(0) => None,
                Depth::Folders(more) => Some(Depth::Folders(more - 1)),
                Depth::Any => Some(depth),
                Depth::Partitions => name.contains('=').then_some(depth),
            };
            if let Some(deeper) = deeper {
                walk_into(&entry.path(), &format!("{path}/"), deeper, found)?;
            }
        } else if entry.path().is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// What of a folder's listing counts as data: names that do not begin with a
/// dot or an underscore, which mark what writers leave beside the data.
fn in_folder(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| {
        let base = name.rsplit('/').next().unwrap_or(name);
        !base.starts_with(['.', '_']) && format::of_name(base).is_ok()
    });
    names
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
        .try_collect()
        .await
        .map_err(|error| unreachable_place(location, &error))?;
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
                    .filter(|(name, _)| !in_folder(vec![name.clone()]).is_empty())
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
    // A store of our own may have said it in our words already.
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<ShellError>() {
            let mut said = ShellError::query(format!("cannot read '{location}': {}", ours.message));
            said.code = ours.code;
            return said;
        }
        source = inner.source();
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
