//! Responses of web servers: their headers and bodies.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::client::HttpResponse;
use object_store::{Error, Result};
use url::Url;

use crate::sources::store_errors::query_error;

/// Maximum time without a byte from a server.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Response whose body is not read yet.
pub struct WebResponse {
    pub response: HttpResponse,
    pub status: u16,
}

impl WebResponse {
    /// Checks the status.
    ///
    /// # Errors
    /// A status of failure.
    pub fn check_status(&self, url: &Url) -> Result<()> {
        let path = url.to_string();
        match self.status {
            200..=299 => Ok(()),
            404 | 410 => Err(Error::NotFound {
                path,
                source: "not found".into(),
            }),
            401 => Err(Error::Unauthenticated {
                path,
                source: "it needs credentials".into(),
            }),
            403 => Err(Error::PermissionDenied {
                path,
                source: "it is not allowed".into(),
            }),
            status => Err(query_error(format!(
                "{} answers with status {status}",
                origin(url)
            ))),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Value of a header that changes with the file.
    pub fn version(&self) -> Option<String> {
        let header = self
            .header("etag")
            .or_else(|| self.header("last-modified"))?;
        Some(header.to_string())
    }

    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Range of a partial response, and the size of the whole file.
    pub fn range(&self) -> Option<(Range<u64>, u64)> {
        let rest = self.header("content-range")?.strip_prefix("bytes ")?;
        let (range, total) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?;
        (range.start < range.end).then_some(())?;
        Some((range, total.parse().ok()?))
    }

    /// URL that the server of `from` redirects to, if it does.
    ///
    /// # Errors
    /// An address that cannot be followed.
    pub fn redirect(&self, from: &Url) -> Result<Option<Url>> {
        let location = match self.status {
            301 | 302 | 303 | 307 | 308 => self.header("location"),
            _ => None,
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let target = from.join(location).map_err(|error| {
            query_error(format!(
                "{} redirects to an address that is not a URL: {error}",
                origin(from)
            ))
        })?;
        match target.scheme() {
            "http" | "https" => Ok(Some(target)),
            scheme => Err(query_error(format!(
                "{} redirects to a {scheme}:// address; only http and https are followed",
                origin(from)
            ))),
        }
    }

    /// Body; more than `max_bytes` are an error.
    pub fn body(self, url: &Url, max_bytes: u64) -> BoxStream<'static, Result<Bytes>> {
        let shown = url.to_string();
        let stream = self.response.into_body().bytes_stream();
        futures::stream::try_unfold((stream, max_bytes), move |(mut stream, left)| {
            let shown = shown.clone();
            async move {
                let bytes = match tokio::time::timeout(READ_TIMEOUT, stream.next()).await {
                    Err(_) => {
                        return Err(query_error(format!(
                            "{shown} sent nothing for {} s",
                            READ_TIMEOUT.as_secs()
                        )));
                    }
                    Ok(None) => return Ok(None),
                    Ok(Some(Ok(bytes))) => bytes,
                    Ok(Some(Err(error))) => {
                        return Err(query_error(format!(
                            "{shown} broke off: {}",
                            with_causes(&error)
                        )));
                    }
                };
                match left.checked_sub(bytes.len() as u64) {
                    Some(left) => Ok(Some((bytes, (stream, left)))),
                    None => Err(query_error(format!(
                        "{shown} sent more than the allowed {max_bytes} bytes"
                    ))),
                }
            }
        })
        .boxed()
    }
}

/// Scheme and host of a URL, without its credentials.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Message of an error and of its causes.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in crate::error::causes(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_no_credentials() {
        let url = Url::parse("https://user:secret@h:8443/a?signature=x").unwrap();
        assert_eq!(origin(&url), "https://h:8443");
    }
}
