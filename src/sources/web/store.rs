//! Files of a web server as a read-only store.

use std::fmt;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

use super::client::{UrlCheck, WebClient};
use crate::sources::store_errors::{query_error, read_only_error};

/// Store of the files of one web server.
#[derive(Debug)]
pub struct WebStore {
    origin: Url,
    client: WebClient,
}

impl WebStore {
    /// Opens the store of a server. `check` is called with each URL, those of
    /// redirects included, before it is requested.
    ///
    /// # Errors
    /// A failure of TLS.
    pub fn new(url: &Url, check: UrlCheck) -> crate::error::Result<Self> {
        let mut origin = url.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        Ok(Self {
            origin,
            client: WebClient::new(check)?,
        })
    }

    /// URL of a path, which is a path of a URL with its query.
    fn url(&self, path: &Path) -> Url {
        let mut url = self.origin.clone();
        match path.as_ref().split_once('?') {
            Some((path, query)) => {
                url.set_path(path);
                url.set_query(Some(query));
            }
            None => url.set_path(path.as_ref()),
        }
        url
    }
}

impl fmt::Display for WebStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)
    }
}

#[async_trait]
impl ObjectStore for WebStore {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only_error("web servers"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only_error("web servers"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.client
            .get(&self.url(location), None, location, &options)
            .await
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(read_only_error("web servers")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::once(async {
            Err(query_error(
                "web servers do not list their files; name each file".into(),
            ))
        })
        .boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(query_error(
            "web servers do not list their files; name each file".into(),
        ))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only_error("web servers"))
    }
}
