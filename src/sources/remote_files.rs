//! Files of a remote location: a URL, or a pattern or folder in a store.

use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use super::data_files::{FileSelection, MAX_LISTED_FILES, common_format, is_data_file};
use super::format::{self, NamedFormat};
use super::glob::{self, Glob};
use super::located_files::{LocatedFile, LocatedFiles};
use super::location::parse_url;
use super::partition_values::holds_value;
use super::store_errors::read_error;
use crate::error::{Result, ShellError};

/// An object, with its path below the folder of the location.
type NamedObject = (String, ObjectMeta);

/// Finds the files at the URL `location`.
///
/// # Errors
/// There are no files, none of a known format, or several formats.
pub async fn find(state: &SessionState, location: &str) -> Result<LocatedFiles> {
    let url = parse_url(location)?;
    let base = store_url(&url);
    let root = ListingTableUrl::try_new(base.clone(), None)?;
    let store = state.runtime_env().object_store(&root)?;
    let (found, format) = match url.scheme() {
        "http" | "https" => web_file(location, &url, &store).await?,
        _ => stored_files(location, &url, &store).await?,
    };
    let mut files = Vec::with_capacity(found.len());
    for (path, meta) in found {
        let url = ListingTableUrl::try_new(object_url(&base, &meta.location), None)?;
        files.push(LocatedFile { meta, url, path });
    }
    Ok(LocatedFiles {
        store,
        files,
        format,
    })
}

/// File on a web server. The server is asked only if the name has a known
/// format: a page of another name may be anything.
async fn web_file(
    location: &str,
    url: &Url,
    store: &Arc<dyn ObjectStore>,
) -> Result<(Vec<NamedObject>, NamedFormat)> {
    let path = web_path(location, url)?;
    if path.contains('*') {
        return Err(ShellError::query(format!(
            "'{location}' is a pattern, and web servers do not list their files; name each file"
        )));
    }
    let name = path.split('?').next().unwrap_or_default();
    let format = format::from_file_name(name)
        .map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
    let object = ObjectPath::parse(&path).map_err(|error| bad_path(location, &error))?;
    let meta = store.head(&object).await;
    let meta = meta.map_err(|error| read_error(location, &error))?;
    // The path of a URL is that of a server, not of a partition.
    Ok((vec![(String::new(), meta)], format))
}

/// Files in a store that lists its content.
async fn stored_files(
    location: &str,
    url: &Url,
    store: &Arc<dyn ObjectStore>,
) -> Result<(Vec<NamedObject>, NamedFormat)> {
    let path = object_path(location, url)?;
    let (files, selection) = if glob::is_pattern(&path) {
        let (folder, pattern) = glob::split(&path);
        let glob =
            Glob::new(pattern).map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
        let folder = ObjectPath::parse(folder).map_err(|error| bad_path(location, &error))?;
        let found = list_matching(location, store, &folder, |name| glob.matches(name)).await?;
        (found, FileSelection::Pattern)
    } else {
        let object = ObjectPath::parse(&path).map_err(|error| bad_path(location, &error))?;
        match store.head(&object).await {
            Ok(meta) => {
                let name = path.split('?').next().unwrap_or(&path);
                let name = name.rsplit('/').next().unwrap_or(name).to_string();
                (vec![(name, meta)], FileSelection::Pattern)
            }
            Err(object_store::Error::NotFound { .. }) => {
                let below = |name: &str| !name.is_empty() && is_below_partitions(name);
                let found = list_matching(location, store, &object, below).await?;
                if found.is_empty() {
                    return Err(ShellError::query(format!(
                        "there is no file or folder '{location}'"
                    )));
                }
                let data = found.into_iter().filter(|(name, _)| is_data_file(name));
                (data.collect(), FileSelection::Folder)
            }
            Err(error) => return Err(read_error(location, &error)),
        }
    };
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let format = common_format(location, &names, selection)?;
    Ok((files, format))
}

/// Whether a relative path has no folders but those that hold values of columns.
fn is_below_partitions(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.is_empty() || folders.split('/').all(holds_value)
}

/// Lists the files below a prefix whose relative names are `wanted`, with these
/// names.
async fn list_matching(
    location: &str,
    store: &Arc<dyn ObjectStore>,
    folder: &ObjectPath,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<NamedObject>> {
    let mut metas: Vec<ObjectMeta> = store
        .list(Some(folder))
        .take(MAX_LISTED_FILES + 1)
        .try_collect()
        .await
        .map_err(|error| read_error(location, &error))?;
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

/// Scheme and host, which a store is registered under.
fn store_url(url: &Url) -> Url {
    let mut base = url.clone();
    base.set_path("/");
    base.set_query(None);
    base.set_fragment(None);
    base
}

/// Path within a store. `?` and `#` are plain characters here: patterns use `?`,
/// and names may hold `#`.
fn object_path(location: &str, url: &Url) -> Result<String> {
    let after = &url[url::Position::BeforePath..];
    let path = ObjectPath::from_url_path(after.replace('?', "%3F").replace('#', "%23"))
        .map_err(|error| bad_path(location, &error))?;
    Ok(path.to_string())
}

/// Path on a web server, as written and with its query.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_belongs_to_a_file_on_the_web() {
        let url = Url::parse("https://h/a%20b/c.csv?sig=x/y").unwrap();
        assert_eq!(web_path("", &url).unwrap(), "a%20b/c.csv?sig=x%2Fy");
        assert!(web_path("", &Url::parse("https://h/").unwrap()).is_err());
    }

    #[test]
    fn a_folder_holds_its_files_and_those_of_its_partitions() {
        for path in ["a.csv", "k=1/a.csv", "k=1/j=x/a.csv"] {
            assert!(is_below_partitions(path), "{path}");
        }
        for path in ["x/a.csv", "k=1/x/a.csv", "=1/a.csv"] {
            assert!(!is_below_partitions(path), "{path}");
        }
    }

    #[test]
    fn question_marks_are_part_of_a_pattern_in_a_store() {
        let url = Url::parse("s3://bucket/a/part-?.csv").unwrap();
        assert_eq!(object_path("", &url).unwrap(), "a/part-?.csv");
    }

    #[test]
    fn odd_characters_survive_the_conversion_to_a_url_and_back() {
        let base = Url::parse("hf://datasets").unwrap();
        let path = ObjectPath::parse("o/n/100%25 ?.csv").unwrap();
        let url = ListingTableUrl::try_new(object_url(&base, &path), None).unwrap();
        assert_eq!(url.prefix(), &path);
    }
}
