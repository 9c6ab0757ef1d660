//! Datasets of the hub as a read-only store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

use super::client::HubClient;
use crate::error::ShellError;
use crate::sources::store_errors::{query_error, read_only_error};
use crate::sources::web::UrlCheck;

/// Read-only store of the hub's datasets.
pub struct HubStore {
    client: Arc<HubClient>,
}

impl HubStore {
    /// Opens the store of a `hf://` address, with endpoint and token from the
    /// environment. `check` is called with each URL outside the hub, to which the
    /// hub redirects, before it is requested.
    ///
    /// # Errors
    /// A URL of anything but datasets; an invalid endpoint.
    pub fn new(url: &Url, check: UrlCheck) -> crate::error::Result<Self> {
        if url.host_str() != Some("datasets") {
            return Err(ShellError::query(format!(
                "'{url}' is not a dataset; write hf://datasets/OWNER/NAME/PATH"
            )));
        }
        let client = HubClient::from_environment(check)?;
        Ok(Self {
            client: Arc::new(client),
        })
    }
}

impl fmt::Debug for HubStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client holds the token.
        f.debug_struct("HubStore")
            .field("endpoint", &self.client.endpoint.as_str())
            .finish()
    }
}

impl fmt::Display for HubStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.client.endpoint)
    }
}

#[async_trait]
impl ObjectStore for HubStore {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only_error("datasets of the hub"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only_error("datasets of the hub"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.client.get(location, &options).await
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(read_only_error("datasets of the hub")) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let client = Arc::clone(&self.client);
        let prefix = prefix.cloned().unwrap_or_default();
        futures::stream::once(async move {
            let found = client.list(&prefix).await?;
            Ok::<_, Error>(futures::stream::iter(found.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(query_error(
            "listing single folders of the hub is not supported".into(),
        ))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only_error("datasets of the hub"))
    }
}
