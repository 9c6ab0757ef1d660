//! Datasets on the Hugging Face hub: `hf://datasets/owner/name[@revision]/path`.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use serde::Deserialize;
use url::Url;

use super::web::{UrlCheck, WebClient, other, read_only, setup};
use crate::error::ShellError;

const ENDPOINT: &str = "https://huggingface.co";
const REVISION: &str = "main";

/// Most files and most pages of one listing.
const MAX_LISTED_FILES: usize = 1_000_000;
const MAX_LISTED_PAGES: usize = 10_000;

/// Branches whose names hold slashes, and how many.
const DEEP_REVISIONS: &[(&str, usize)] = &[("refs/convert/", 3), ("refs/pr/", 3)];

/// The datasets of the hub, read-only.
pub struct HubStore {
    hub: Arc<Hub>,
}

struct Hub {
    client: WebClient,
    endpoint: Url,
    token: Option<String>,
    /// What listings told about files; published files rarely change, and
    /// asking about each of a hundred shards takes long.
    known: Mutex<HashMap<Path, ObjectMeta>>,
}

/// A place in a dataset.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// `owner/name`
    repository: String,
    revision: String,
    /// Empty for the top folder.
    path: String,
    /// What precedes the path in the store: `owner/name@revision`.
    prefix: String,
}

/// One entry of a listing.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: Option<String>,
}

impl HubStore {
    /// Opens the store of a `hf://` address, with `HF_ENDPOINT`, `HF_TOKEN` and
    /// `HF_HUB_OFFLINE` as they are now. `check` is called with each URL outside
    /// the hub, to which the hub redirects, before it is requested: opening the
    /// store allows the hub itself.
    ///
    /// # Errors
    /// Set-up errors: the hub may not be used, its address is wrong; anything
    /// but datasets is asked for.
    pub fn new(url: &Url, check: UrlCheck) -> crate::error::Result<Self> {
        if url.host_str() != Some("datasets") {
            return Err(ShellError::query(format!(
                "'{url}' is not a dataset; write hf://datasets/OWNER/NAME/PATH"
            )));
        }
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_string());
        let endpoint = Url::parse(&format!("{}/", endpoint.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                ShellError::setup(format!("HF_ENDPOINT is not a web address: {endpoint}"))
            })?;
        let hub_origin = endpoint.origin();
        let check_others: UrlCheck = Arc::new(move |url: &Url| match url.origin() == hub_origin {
            true => Ok(()),
            false => check(url),
        });
        let hub = Hub {
            client: WebClient::new(check_others)?,
            endpoint,
            token: token(),
            known: Mutex::default(),
        };
        Ok(Self { hub: Arc::new(hub) })
    }
}

fn set(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_string())
}

/// `HF_TOKEN`, or what a login left in the hub's home folder.
fn token() -> Option<String> {
    if let Some(token) = set("HF_TOKEN") {
        return Some(token);
    }
    let home = set("HF_HOME").map(PathBuf::from).or_else(|| {
        let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")))?;
        Some(cache.join("huggingface"))
    });
    let file = set("HF_TOKEN_PATH")
        .map(PathBuf::from)
        .or_else(|| Some(home?.join("token")))?;
    let token = std::fs::read_to_string(file).ok()?;
    let token = token.trim();
    (!token.is_empty()).then(|| token.to_string())
}

fn offline() -> Result<()> {
    let wanted = set("HF_HUB_OFFLINE").is_some_and(|value| {
        !matches!(
            value.to_ascii_lowercase().as_str(),
            "0" | "false" | "no" | "off"
        )
    });
    if wanted {
        return Err(setup(
            "HF_HUB_OFFLINE is set, so the hub is not asked; unset it, or name a file on this machine".into(),
        ));
    }
    Ok(())
}

impl Place {
    fn parse(path: &Path) -> Result<Self> {
        let text = path.as_ref();
        let mut parts = text.splitn(3, '/');
        let (Some(owner), Some(name)) =
            (parts.next().filter(|owner| !owner.is_empty()), parts.next())
        else {
            return Err(other(format!(
                "'{text}' names no dataset; write hf://datasets/OWNER/NAME/PATH"
            )));
        };
        let rest = parts.next().unwrap_or_default();
        let Some((name, revision)) = name.split_once('@') else {
            return Ok(Self {
                repository: format!("{owner}/{name}"),
                revision: REVISION.to_string(),
                path: rest.to_string(),
                prefix: format!("{owner}/{name}"),
            });
        };
        let after = if rest.is_empty() {
            revision.to_string()
        } else {
            format!("{revision}/{rest}")
        };
        let deep = DEEP_REVISIONS
            .iter()
            .find(|(start, _)| after.starts_with(start));
        let segments = deep.map_or(1, |(_, segments)| *segments);
        let mut ends = after.match_indices('/').map(|(at, _)| at);
        let end = ends.nth(segments - 1).unwrap_or(after.len());
        let written = &after[..end];
        Ok(Self {
            repository: format!("{owner}/{name}"),
            revision: match written {
                "~parquet" => "refs/convert/parquet".to_string(),
                other => other.to_string(),
            },
            path: after[end..].trim_start_matches('/').to_string(),
            prefix: format!("{owner}/{name}@{written}"),
        })
    }

    /// The path in the store of a path in the dataset.
    fn stored(&self, path: &str) -> Result<Path> {
        Ok(Path::parse(format!("{}/{path}", self.prefix))?)
    }
}

impl Hub {
    fn url(&self, before: &[&str], place: &Place, verb: &str) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(before);
            // A revision is one segment, its slashes written as %2F.
            segments
                .extend(place.repository.split('/'))
                .push(verb)
                .push(&place.revision);
            segments.extend(place.path.split('/').filter(|part| !part.is_empty()));
        }
        url
    }

    async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>> {
        offline()?;
        let place = Place::parse(prefix)?;
        let mut url = self.url(&["api", "datasets"], &place, "tree");
        url.set_query(Some("recursive=true"));
        let mut found = Vec::new();
        for _ in 0..MAX_LISTED_PAGES {
            // The next page may lie elsewhere; the token stays here.
            let ours = url.origin() == self.endpoint.origin();
            let token = self.token.as_deref().filter(|_| ours);
            let (page, link) = self
                .client
                .page(&url, token)
                .await
                .map_err(|error| self.explain(error, &place))?;
            let entries: Vec<Entry> = serde_json::from_slice(&page).map_err(|error| {
                other(format!(
                    "the hub's listing of {} is not understood: {error}",
                    place.repository
                ))
            })?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                found.push(ObjectMeta {
                    location: place.stored(&entry.path)?,
                    last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                    size: entry.size,
                    e_tag: entry.oid,
                    version: None,
                });
            }
            match link.as_deref().and_then(next).map(|next| url.join(next)) {
                Some(Ok(next)) => url = next,
                Some(Err(error)) => {
                    return Err(other(format!("the hub's listing goes on nowhere: {error}")));
                }
                None => {
                    self.remember(&found);
                    return Ok(found);
                }
            }
            if found.len() > MAX_LISTED_FILES {
                break;
            }
        }
        Err(other(format!(
            "the dataset {} has more files than are listed ({MAX_LISTED_FILES}, on {MAX_LISTED_PAGES} \
             pages); name a folder within it",
            place.repository
        )))
    }

    /// Keeps what a listing says about files, in place of older listings where
    /// there would be too much.
    fn remember(&self, found: &[ObjectMeta]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + found.len() > MAX_LISTED_FILES {
            known.clear();
        }
        known.extend(
            found
                .iter()
                .map(|meta| (meta.location.clone(), meta.clone())),
        );
    }

    fn known(&self, location: &Path) -> Option<ObjectMeta> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(location).cloned()
    }

    async fn get(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        offline()?;
        let known = self.known(location);
        if let (true, Some(meta)) = (options.head, &known) {
            let payload = GetResultPayload::Stream(futures::stream::empty().boxed());
            return Ok(GetResult {
                payload,
                meta: meta.clone(),
                range: 0..0,
                attributes: Attributes::default(),
            });
        }
        let place = Place::parse(location)?;
        if place.path.is_empty() {
            return Err(Error::NotFound {
                path: location.to_string(),
                source: "it is a folder".into(),
            });
        }
        let url = self.url(&["datasets"], &place, "resolve");
        let mut got = self
            .client
            .get(&url, self.token.as_deref(), location, options)
            .await
            .map_err(|error| self.explain(error, &place))?;
        // One and the same description each time, or caches would miss.
        if let Some(known) = known {
            got.meta = known;
        }
        Ok(got)
    }

    /// The hub says "unauthorized" of what does not exist, too.
    fn explain(&self, error: Error, place: &Place) -> Error {
        match error {
            Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
                setup(match &self.token {
                    None => format!(
                        "the hub wants a token for the dataset {}, or there is no such dataset; set HF_TOKEN",
                        place.repository
                    ),
                    Some(_) => format!(
                        "the token in HF_TOKEN may not read the dataset {}, or there is no such dataset",
                        place.repository
                    ),
                })
            }
            other => other,
        }
    }
}

/// The address of the next page in a `Link` header.
fn next(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (address, relation) = part.split_once(';')?;
        let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        relation.contains("rel=\"next\"").then_some(address)
    })
}

impl fmt::Debug for HubStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the hub itself, which holds the token.
        f.debug_struct("HubStore")
            .field("endpoint", &self.hub.endpoint.as_str())
            .finish()
    }
}

impl fmt::Display for HubStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.hub.endpoint)
    }
}

#[async_trait]
impl ObjectStore for HubStore {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("datasets of the hub"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("datasets of the hub"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.hub.get(location, &options).await
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(read_only("datasets of the hub")) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let hub = Arc::clone(&self.hub);
        let prefix = prefix.cloned().unwrap_or_default();
        futures::stream::once(async move {
            let found = hub.list(&prefix).await?;
            Ok::<_, Error>(futures::stream::iter(found.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(other(
            "listing single folders of the hub is not supported".into(),
        ))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("datasets of the hub"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> (String, String, String) {
        let place = Place::parse(&Path::parse(path).unwrap()).unwrap();
        (place.repository, place.revision, place.path)
    }

    fn of(repository: &str, revision: &str, path: &str) -> (String, String, String) {
        (repository.into(), revision.into(), path.into())
    }

    #[test]
    fn addresses_name_dataset_revision_and_path() {
        assert_eq!(
            place("o/n/data/a.parquet"),
            of("o/n", "main", "data/a.parquet")
        );
        assert_eq!(place("o/n@v1/a.csv"), of("o/n", "v1", "a.csv"));
        assert_eq!(
            place("o/n@refs/convert/parquet/x/0.parquet"),
            of("o/n", "refs/convert/parquet", "x/0.parquet")
        );
        assert_eq!(
            place("o/n@~parquet/x/0.parquet"),
            of("o/n", "refs/convert/parquet", "x/0.parquet")
        );
        assert_eq!(place("o/n@v1"), of("o/n", "v1", ""));
        assert_eq!(place("o/n"), of("o/n", "main", ""));
        assert!(Place::parse(&Path::from("o")).is_err());
    }

    #[test]
    fn listed_paths_come_back_as_they_were_asked_for() {
        let place = Place::parse(&Path::parse("o/n@~parquet/x").unwrap()).unwrap();
        assert_eq!(
            place.stored("x/0.parquet").unwrap().as_ref(),
            "o/n@~parquet/x/0.parquet"
        );
    }

    #[test]
    fn the_next_page_is_found_in_its_header() {
        assert_eq!(
            next("<https://h/a?b=1>; rel=\"next\""),
            Some("https://h/a?b=1")
        );
        assert_eq!(
            next("<https://h/a>; rel=\"prev\", <https://h/b>; rel=\"next\""),
            Some("https://h/b")
        );
        assert_eq!(next("<https://h/a>; rel=\"prev\""), None);
    }
}
