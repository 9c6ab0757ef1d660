//! Buckets of S3 and of services with its protocol.

use std::sync::Arc;

use object_store::ObjectStore;
use url::Url;

use crate::error::{Result, ShellError};

/// Opens a bucket, with credentials and endpoint from the `AWS_*` variables.
///
/// # Errors
/// Invalid or missing variables.
#[cfg(feature = "s3")]
pub fn open_bucket(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    use object_store::RetryConfig;
    use object_store::aws::AmazonS3Builder;
    use std::time::Duration;

    let name = url.host_str().unwrap_or_default();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_retry(RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(30),
            ..RetryConfig::default()
        });
    let set = |key: &str| std::env::var(key).ok().filter(|value| !value.is_empty());
    // Plain HTTP is allowed for an endpoint that the user names, such as a local
    // server.
    let endpoint = set("AWS_ENDPOINT_URL_S3")
        .or_else(|| set("AWS_ENDPOINT_URL"))
        .or_else(|| set("AWS_ENDPOINT"));
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint);
    }
    let store = builder.build().map_err(|error| {
        ShellError::setup(format!(
            "cannot open the bucket '{name}': {error}; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             AWS_REGION, or AWS_SKIP_SIGNATURE=true for a public one"
        ))
    })?;
    Ok(Arc::new(store))
}

/// Reports that this build opens no buckets.
///
/// # Errors
/// Always.
#[cfg(not(feature = "s3"))]
pub fn open_bucket(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    Err(ShellError::setup(format!(
        "cannot open '{url}': this program was built without S3; build it with the feature `s3`"
    )))
}
