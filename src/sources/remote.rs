//! Remote stores, opened when a statement first names their host or bucket.

use std::sync::Arc;
use std::time::Duration;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use super::hub::HubStore;
use super::policed::PolicedStore;
use super::web::{UrlCheck, WebStore};
use crate::error::ShellError;
use crate::policy::Policy;

type Open = fn(&Url, UrlCheck) -> crate::error::Result<Arc<dyn ObjectStore>>;

struct Scheme {
    name: &'static str,
    open: Open,
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
        open: |url, _| Ok(Arc::new(bucket(url)?)),
        writable: true,
    },
    Scheme {
        name: "s3a",
        open: |url, _| Ok(Arc::new(bucket(url)?)),
        writable: true,
    },
    Scheme {
        name: "hf",
        open: |url, check| Ok(Arc::new(HubStore::new(url, check)?)),
        writable: false,
    },
];

/// Whether files can be written there. An unknown scheme is an error of its own.
pub fn is_writable(url: &Url) -> bool {
    let known = SCHEMES.iter().find(|scheme| scheme.name == url.scheme());
    known.is_none_or(|scheme| scheme.writable)
}

/// The stores of a session, as far as its policy allows them.
#[derive(Debug)]
pub struct Stores {
    inner: Arc<dyn ObjectStoreRegistry>,
    policy: Arc<Policy>,
}

impl Stores {
    pub fn new(inner: Arc<dyn ObjectStoreRegistry>, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }

    /// The check of each URL that a store requests, redirects included.
    fn url_check(&self) -> UrlCheck {
        let policy = Arc::clone(&self.policy);
        Arc::new(move |url: &Url| policy.check_url(url))
    }

    /// The store behind what the policy checks at every access.
    fn policed(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        match self.policy.is_restricted() {
            true => Arc::new(PolicedStore::new(store, url, Arc::clone(&self.policy))),
            false => store,
        }
    }
}

impl ObjectStoreRegistry for Stores {
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
                "there is no way to read {}:// addresses; known are paths and {}",
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

/// A bucket, with credentials and endpoint from the `AWS_*` variables.
fn bucket(url: &Url) -> crate::error::Result<impl ObjectStore> {
    let name = url.host_str().unwrap_or_default();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_retry(RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(30),
            ..RetryConfig::default()
        });
    let set = |key: &str| std::env::var(key).ok().filter(|value| !value.is_empty());
    // A local server speaks plain HTTP, and whoever names one means it.
    let endpoint = set("AWS_ENDPOINT_URL_S3")
        .or_else(|| set("AWS_ENDPOINT_URL"))
        .or_else(|| set("AWS_ENDPOINT"));
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint);
    }
    builder.build().map_err(|error| {
        ShellError::setup(format!(
            "cannot open the bucket '{name}': {error}; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             AWS_REGION, or AWS_SKIP_SIGNATURE=true for a public one"
        ))
    })
}
