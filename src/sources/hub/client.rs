//! Client of the hub: lists the files of datasets and requests them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    Attributes, Error, GetOptions, GetResult, GetResultPayload, ObjectMeta, Result,
};
use serde::Deserialize;
use url::Url;

use super::dataset_path::DatasetPath;
use super::environment::{check_online, endpoint, token};
use crate::sources::data_files::MAX_LISTED_FILES;
use crate::sources::store_errors::{query_error, setup_error};
use crate::sources::web::{UrlCheck, WebClient};

/// Maximum number of pages of one listing.
const MAX_LISTED_PAGES: usize = 10_000;

/// Client of the hub.
pub struct HubClient {
    client: WebClient,
    pub endpoint: Url,
    token: Option<String>,
    /// Metadata of listed files. Published files rarely change, and a request for
    /// each of a hundred shards takes long.
    listed: Mutex<HashMap<Path, ObjectMeta>>,
}

/// Entry of a listing.
#[derive(Deserialize)]
struct ListingEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: Option<String>,
}

impl HubClient {
    /// Creates a client with endpoint and token from the environment. `check` is
    /// called with each URL outside the hub before it is requested.
    ///
    /// # Errors
    /// An invalid endpoint; a failure of TLS.
    pub fn from_environment(check: UrlCheck) -> crate::error::Result<Self> {
        let endpoint = endpoint()?;
        let hub_origin = endpoint.origin();
        let check_others: UrlCheck = Arc::new(move |url: &Url| match url.origin() == hub_origin {
            true => Ok(()),
            false => check(url),
        });
        Ok(Self {
            client: WebClient::new(check_others)?,
            endpoint,
            token: token(),
            listed: Mutex::default(),
        })
    }

    fn url(&self, before: &[&str], path: &DatasetPath, verb: &str) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(before);
            // A revision is one segment, its slashes written as %2F.
            segments
                .extend(path.repository.split('/'))
                .push(verb)
                .push(&path.revision);
            segments.extend(path.path.split('/').filter(|part| !part.is_empty()));
        }
        url
    }

    /// Lists the files below a prefix.
    ///
    /// # Errors
    /// A hub that is offline, cannot be reached or refuses; too many files.
    pub async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>> {
        check_online()?;
        let path = DatasetPath::parse(prefix)?;
        let mut url = self.url(&["api", "datasets"], &path, "tree");
        url.set_query(Some("recursive=true"));
        let mut found = Vec::new();
        for _ in 0..MAX_LISTED_PAGES {
            // The next page may have another origin, which must not get the token.
            let is_hub = url.origin() == self.endpoint.origin();
            let token = self.token.as_deref().filter(|_| is_hub);
            let (page, link) = self
                .client
                .page(&url, token)
                .await
                .map_err(|error| self.explain(error, &path))?;
            let entries: Vec<ListingEntry> = serde_json::from_slice(&page).map_err(|error| {
                query_error(format!(
                    "the hub's listing of {} is invalid: {error}",
                    path.repository
                ))
            })?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                found.push(ObjectMeta {
                    location: path.in_store(&entry.path)?,
                    last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                    size: entry.size,
                    e_tag: entry.oid,
                    version: None,
                });
            }
            match link
                .as_deref()
                .and_then(next_page)
                .map(|next| url.join(next))
            {
                Some(Ok(next)) => url = next,
                Some(Err(error)) => {
                    return Err(query_error(format!(
                        "the next page of the hub's listing is not a URL: {error}"
                    )));
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
        Err(query_error(format!(
            "the dataset {} has more files than can be listed ({MAX_LISTED_FILES}, on {MAX_LISTED_PAGES} \
             pages); name a folder within it",
            path.repository
        )))
    }

    /// Caches the metadata of listed files. A full cache loses older listings.
    fn remember(&self, found: &[ObjectMeta]) {
        let mut known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + found.len() > MAX_LISTED_FILES {
            known.clear();
        }
        known.extend(
            found
                .iter()
                .map(|meta| (meta.location.clone(), meta.clone())),
        );
    }

    fn listed_meta(&self, location: &Path) -> Option<ObjectMeta> {
        let known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(location).cloned()
    }

    /// Requests a file or a part of it.
    ///
    /// # Errors
    /// A hub that is offline, cannot be reached or refuses; a folder.
    pub async fn get(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        check_online()?;
        let known = self.listed_meta(location);
        if let (true, Some(meta)) = (options.head, &known) {
            let payload = GetResultPayload::Stream(futures::stream::empty().boxed());
            return Ok(GetResult {
                payload,
                meta: meta.clone(),
                range: 0..0,
                attributes: Attributes::default(),
            });
        }
        let path = DatasetPath::parse(location)?;
        if path.path.is_empty() {
            return Err(Error::NotFound {
                path: location.to_string(),
                source: "it is a folder".into(),
            });
        }
        let url = self.url(&["datasets"], &path, "resolve");
        let mut got = self
            .client
            .get(&url, self.token.as_deref(), location, options)
            .await
            .map_err(|error| self.explain(error, &path))?;
        // Caches miss unless the metadata is the same each time.
        if let Some(known) = known {
            got.meta = known;
        }
        Ok(got)
    }

    /// Explains a refusal. The hub answers "unauthorized" for datasets that do not
    /// exist, too.
    fn explain(&self, error: Error, path: &DatasetPath) -> Error {
        match error {
            Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
                setup_error(match &self.token {
                    None => format!(
                        "the dataset {} needs a token or does not exist; set HF_TOKEN",
                        path.repository
                    ),
                    Some(_) => format!(
                        "the token in HF_TOKEN may not read the dataset {}, or the dataset does not exist",
                        path.repository
                    ),
                })
            }
            other => other,
        }
    }
}

/// URL of the next page in a `Link` header.
fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (address, relation) = part.split_once(';')?;
        let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        relation.contains("rel=\"next\"").then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_header_has_the_next_page() {
        assert_eq!(
            next_page("<https://h/a?b=1>; rel=\"next\""),
            Some("https://h/a?b=1")
        );
        assert_eq!(
            next_page("<https://h/a>; rel=\"prev\", <https://h/b>; rel=\"next\""),
            Some("https://h/b")
        );
        assert_eq!(next_page("<https://h/a>; rel=\"prev\""), None);
    }
}
