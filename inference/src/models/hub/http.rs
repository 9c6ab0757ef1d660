//! HTTP requests to the hub: redirects, the token, headers, errors.

use std::fs;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::ModelError;

const MAX_REDIRECTS: usize = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time without data from the server.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of a text response; those of the hub's API are far smaller.
const MAX_TEXT_BYTES: u64 = 8 << 20;

/// HTTP client that sends the token to the hub only.
pub(super) struct HttpClient<'a> {
    agent: Agent,
    endpoint: &'a str,
    token: Option<&'a str>,
}

/// Final response of a chain of redirects, with the file's metadata from the
/// headers of the hub.
pub(super) struct HubResponse {
    pub(super) response: Response<Body>,
    pub(super) sha256: Option<String>,
    pub(super) size: Option<u64>,
}

impl<'a> HttpClient<'a> {
    pub(super) fn new(endpoint: &'a str, token: Option<&'a str>) -> Self {
        let mut config = Agent::config_builder()
            // `get` follows redirects, so that only the hub receives the token.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(READ_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT));
        if let Some(roots) = custom_root_certificates() {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        if is_loopback(endpoint) {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().into(),
            endpoint,
            token,
        }
    }

    /// The complete body of a short response.
    pub(super) fn text(&self, url: &str) -> Result<String, ModelError> {
        let mut answer = self.get(url, 0)?;
        if !answer.response.status().is_success() {
            return Err(status_error(url, &answer.response));
        }
        let body = answer
            .response
            .body_mut()
            .with_config()
            .limit(MAX_TEXT_BYTES);
        body.read_to_string().map_err(|e| connection_error(url, &e))
    }

    /// Requests `url` from byte `from` on, and follows redirects.
    pub(super) fn get(&self, url: &str, from: u64) -> Result<HubResponse, ModelError> {
        let mut at = url.to_string();
        let (mut sha256, mut size) = (None, None);
        for _ in 0..MAX_REDIRECTS {
            let is_hub = same_origin(&at, self.endpoint);
            let mut request = self.agent.get(&at);
            if let Some(token) = self.token.filter(|_| is_hub) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header("range", format!("bytes={from}-"));
            }
            let response = request.call().map_err(|e| connection_error(&at, &e))?;
            let headers = response.headers();
            // A storage server behind the hub may have other tags.
            if is_hub {
                let tag =
                    header_text(headers, "x-linked-etag").or_else(|| header_text(headers, "etag"));
                sha256 = sha256.or_else(|| tag.and_then(as_sha256));
                size = size.or_else(|| header_number(headers, "x-linked-size"));
            }
            let location =
                header_text(headers, "location").filter(|_| response.status().is_redirection());
            let Some(location) = location else {
                return Ok(HubResponse {
                    response,
                    sha256,
                    size,
                });
            };
            let next = resolve_location(&at, location);
            if at.starts_with("https:") && !next.starts_with("https:") {
                return Err(ModelError::Download {
                    url: at,
                    reason: "it redirects to an unencrypted connection".to_string(),
                    hint: "check HF_ENDPOINT".to_string(),
                });
            }
            at = next;
        }
        Err(ModelError::Download {
            url: url.to_string(),
            reason: format!("it has more than {MAX_REDIRECTS} redirects"),
            hint: "check HF_ENDPOINT".to_string(),
        })
    }
}

/// Certificates of `SSL_CERT_FILE`, for networks with their own certificate
/// authority.
fn custom_root_certificates() -> Option<RootCerts> {
    let pem = fs::read(std::env::var_os("SSL_CERT_FILE")?).ok()?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    (!certificates.is_empty()).then(|| certificates.into())
}

fn origin(url: &str) -> Option<(String, String, Option<u16>)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default = if scheme == "https" { 443 } else { 80 };
    Some((
        scheme,
        uri.host()?.to_ascii_lowercase(),
        uri.port_u16().or(Some(default)),
    ))
}

fn same_origin(a: &str, b: &str) -> bool {
    origin(a).is_some_and(|a| origin(b) == Some(a))
}

fn is_loopback(url: &str) -> bool {
    origin(url)
        .is_some_and(|(_, host, _)| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
}

/// Resolves the `Location` header of a response from `base`.
fn resolve_location(base: &str, location: &str) -> String {
    let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
    if location.contains("://") {
        return location.to_string();
    }
    if location.starts_with("//") {
        return format!("{scheme}:{location}");
    }
    let after_scheme = scheme.len() + 3;
    let host_end = base[after_scheme..]
        .find('/')
        .map_or(base.len(), |at| at + after_scheme);
    if location.starts_with('/') {
        return format!("{}{location}", &base[..host_end]);
    }
    let path = base.split(['?', '#']).next().unwrap_or(base);
    let folder = path
        .rfind('/')
        .filter(|at| *at >= host_end)
        .map_or(path, |at| &path[..at]);
    format!("{folder}/{location}")
}

pub(super) fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn header_number(headers: &HeaderMap, name: &str) -> Option<u64> {
    header_text(headers, name)?.trim().parse().ok()
}

/// First byte and total length of a `Content-Range`, such as `bytes 5-9/10`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header_text(headers, "content-range")?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    Some((
        range.split_once('-')?.0.trim().parse().ok()?,
        total.trim().parse().ok(),
    ))
}

/// SHA-256 of an entity tag. Large files have one, others have a git hash.
fn as_sha256(tag: &str) -> Option<String> {
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    let is_sum = tag.len() == 64 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    is_sum.then(|| tag.to_ascii_lowercase())
}

/// Whether a 404 concerns the repository or revision, not only the file.
pub(super) fn is_refusal(headers: &HeaderMap) -> bool {
    header_text(headers, "x-error-code").is_some_and(|code| code != "EntryNotFound")
}

pub(super) fn status_error(url: &str, response: &Response<Body>) -> ModelError {
    let status = response.status();
    let (reason, hint) = match status.as_u16() {
        401 | 403 => (
            "the repository does not exist, or is private or gated",
            "check its name; for a private or gated one accept its terms on its page and set HF_TOKEN",
        ),
        404 => (
            "there is no such repository or revision",
            "check its name and revision",
        ),
        429 => (
            "too many requests",
            "wait a few minutes, set HF_TOKEN, name a mirror in HF_ENDPOINT",
        ),
        500.. => (
            "the hub has an internal error",
            "try again later, name a mirror in HF_ENDPOINT",
        ),
        _ => (
            "the response is not the file",
            "check HF_ENDPOINT and any proxy",
        ),
    };
    ModelError::Download {
        url: url.to_string(),
        reason: format!("{reason} (HTTP status {})", status.as_u16()),
        hint: hint.to_string(),
    }
}

fn connection_error(url: &str, error: &ureq::Error) -> ModelError {
    ModelError::Download {
        url: url.to_string(),
        reason: format!("cannot connect to the hub ({error})"),
        hint: "check the network, name a mirror in HF_ENDPOINT, \
               set HF_HUB_OFFLINE=1 to use only what is on this machine"
            .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_resolved_against_its_base() {
        let base = "https://hub.example/own/model/resolve/main/a.bin?x=1/2";
        for (location, expected) in [
            ("https://cdn.example/a", "https://cdn.example/a"),
            ("//cdn.example/a", "https://cdn.example/a"),
            ("/api/cache/a", "https://hub.example/api/cache/a"),
            ("b.bin", "https://hub.example/own/model/resolve/main/b.bin"),
        ] {
            assert_eq!(resolve_location(base, location), expected);
        }
        assert_eq!(
            resolve_location("http://hub.example", "a"),
            "http://hub.example/a"
        );
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin(
            "https://hub.example/a",
            "https://HUB.example:443"
        ));
        assert!(!same_origin(
            "https://hub.example.evil.example/a",
            "https://hub.example"
        ));
        assert!(!same_origin(
            "https://hub.example@evil.example/a",
            "https://hub.example"
        ));
        assert!(!same_origin("http://hub.example/a", "https://hub.example"));
        assert!(!same_origin(
            "https://hub.example:8443/a",
            "https://hub.example"
        ));
        assert!(!same_origin("no address", "no address"));
    }

    #[test]
    fn only_tags_of_64_hexadecimal_digits_are_checksums() {
        let sum = "ab".repeat(32);
        assert_eq!(as_sha256(&format!("\"{sum}\"")), Some(sum.clone()));
        assert_eq!(as_sha256(&format!("W/\"{sum}\"")), Some(sum.clone()));
        assert_eq!(as_sha256(&sum[..40]), None);
        assert_eq!(as_sha256(&"xy".repeat(32)), None);
    }
}
