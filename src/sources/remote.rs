//! Remote stores, opened when a statement first names their host or bucket.

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use url::Url;

use super::hub::HubStore;
use super::policed::PolicedStore;
use super::s3::open_bucket;
use super::web::{UrlCheck, WebStore};
use crate::policy::Policy;

type OpenStore = fn(&Url, UrlCheck) -> crate::error::Result<Arc<dyn ObjectStore>>;

struct Scheme {
    name: &'static str,
    open: OpenStore,
    writable: bool,
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "http",
        open: |url, check| Ok(Arc::new(WebStore::new(url, check)?)),
        writable: false,
    },
    Scheme {
        name: "https",
        open: |url, check| Ok(Arc::new(WebStore::new(url, check)?)),
        writable: false,
    },
    Scheme {
        name: "s3",
        open: |url, _| open_bucket(url),
        writable: true,
    },
    Scheme {
        name: "s3a",
        open: |url, _| open_bucket(url),
        writable: true,
    },
    Scheme {
        name: "hf",
        open: |url, check| Ok(Arc::new(HubStore::new(url, check)?)),
        writable: false,
    },
];

/// Whether the store of a URL is writable. An unknown scheme counts as writable:
/// opening its store fails.
pub fn is_writable(url: &Url) -> bool {
    let known = SCHEMES.iter().find(|scheme| scheme.name == url.scheme());
    known.is_none_or(|scheme| scheme.writable)
}

/// Registry of a session's stores, as far as its policy allows them.
#[derive(Debug)]
pub struct ObjectStores {
    inner: Arc<dyn ObjectStoreRegistry>,
    policy: Arc<Policy>,
}

impl ObjectStores {
    pub fn new(inner: Arc<dyn ObjectStoreRegistry>, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }

    /// Check of each URL that a store requests, redirects included.
    fn url_check(&self) -> UrlCheck {
        let policy = Arc::clone(&self.policy);
        Arc::new(move |url: &Url| policy.check_url(url))
    }

    /// Wraps the store of a restricted session, to check each access.
    fn policed(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        match self.policy.is_restricted() {
            true => Arc::new(PolicedStore::new(store, url, Arc::clone(&self.policy))),
            false => store,
        }
    }
}

impl ObjectStoreRegistry for ObjectStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.inner.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.scheme() != "file" {
            self.policy
                .check_url(url)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
        }
        if let Ok(store) = self.inner.get_store(url) {
            return Ok(self.policed(url, store));
        }
        let Some(scheme) = SCHEMES.iter().find(|scheme| scheme.name == url.scheme()) else {
            let known = SCHEMES.iter().map(|scheme| format!("{}://", scheme.name));
            let known: Vec<String> = known.collect();
            return Err(DataFusionError::Plan(format!(
                "cannot read {}:// addresses; known are paths and {}",
                url.scheme(),
                known.join(", ")
            )));
        };
        let store = (scheme.open)(url, self.url_check())
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        self.inner.register_store(url, Arc::clone(&store));
        Ok(self.policed(url, store))
    }
}
