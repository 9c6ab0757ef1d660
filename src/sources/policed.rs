//! Store that checks each access against the policy.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

use crate::error::ShellError;
use crate::policy::Policy;

/// Store whose accesses the policy allows or refuses.
#[derive(Debug)]
pub struct PolicedStore {
    inner: Arc<dyn ObjectStore>,
    /// Whether the store is the file system of this machine, whose paths are
    /// checked at each access. The host of a remote store is checked on opening.
    is_local: bool,
    policy: Arc<Policy>,
}

impl PolicedStore {
    pub fn new(inner: Arc<dyn ObjectStore>, url: &Url, policy: Arc<Policy>) -> Self {
        Self {
            inner,
            is_local: url.scheme() == "file",
            policy,
        }
    }

    fn check_read(&self, path: &Path) -> Result<()> {
        match self.is_local {
            true => self
                .policy
                .check_read_path(&local(path))
                .map_err(|error| refused(path, error)),
            false => Ok(()),
        }
    }

    fn check_write(&self, path: &Path) -> Result<()> {
        match self.is_local {
            true => self.policy.check_write_path(&local(path)),
            false => self.policy.check_write("a statement that writes files"),
        }
        .map_err(|error| refused(path, error))
    }
}

fn local(path: &Path) -> PathBuf {
    let mut whole = PathBuf::from("/");
    whole.extend(path.parts().map(|part| part.as_ref().to_string()));
    whole
}

fn refused(path: &Path, error: ShellError) -> Error {
    Error::PermissionDenied {
        path: path.to_string(),
        source: Box::new(error),
    }
}

impl fmt::Display for PolicedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for PolicedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.check_write(location)?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check_write(location)?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check_read(location)?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check_read(location)?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let checker = Self {
            inner: Arc::clone(&self.inner),
            is_local: self.is_local,
            policy: Arc::clone(&self.policy),
        };
        let allowed = locations.map(move |location| {
            let location = location?;
            checker.check_write(&location)?;
            Ok(location)
        });
        self.inner.delete_stream(allowed.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check_read(prefix.unwrap_or(&Path::default())) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check_read(prefix.unwrap_or(&Path::default()))?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check_read(from)?;
        self.check_write(to)?;
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::AllowedPaths;
    use object_store::ObjectStoreExt;
    use object_store::local::LocalFileSystem;

    #[tokio::test]
    async fn every_access_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a.csv"), "a").unwrap();
        std::fs::write(folder.path().join("b.csv"), "b").unwrap();
        let policy = Policy::closed("semql serve", AllowedPaths::below([inside.clone()]));
        let url = Url::parse("file:///").unwrap();
        let store = PolicedStore::new(Arc::new(LocalFileSystem::new()), &url, Arc::new(policy));
        let path = |name: &str| Path::from_absolute_path(folder.path().join(name)).unwrap();
        store.get(&path("in/a.csv")).await.unwrap();
        let denied = |result: Result<()>| {
            assert!(
                matches!(result, Err(Error::PermissionDenied { .. })),
                "{result:?}"
            );
        };
        denied(store.get(&path("b.csv")).await.map(drop));
        denied(store.head(&path("b.csv")).await.map(drop));
        denied(store.list_with_delimiter(None).await.map(drop));
        denied(store.put(&path("in/c.csv"), "c".into()).await.map(drop));
        denied(store.delete(&path("in/a.csv")).await);
        denied(store.copy(&path("in/a.csv"), &path("in/c.csv")).await);
        assert!(!inside.join("c.csv").exists() && inside.join("a.csv").exists());
    }
}
