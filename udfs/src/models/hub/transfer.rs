//! One file from the hub to the disk: redirects, resuming, checking.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::{DownloadProgress, ModelError};
use crate::files;

/// How often a download that breaks off is taken up again by itself.
const ATTEMPTS: usize = 3;
const REDIRECTS: usize = 10;
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence of a server before it is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// An answer of the hub's interface is far smaller.
const LONGEST_TEXT: u64 = 8 << 20;

pub(super) enum Transferred {
    Whole,
    /// The repository has no such file.
    Absent,
}

pub(super) struct Transfer<'a> {
    agent: Agent,
    endpoint: &'a str,
    token: Option<&'a str>,
    /// Largest file, in bytes.
    max_bytes: u64,
}

/// The last answer of a chain of redirects, and what the hub itself said of
/// the file on the way there.
struct Answer {
    response: Response<Body>,
    sha256: Option<String>,
    size: Option<u64>,
}

/// How far one attempt came.
enum Attempt {
    Done(Transferred),
    /// Broke off, for this reason; what came is kept.
    Again(String),
}

impl<'a> Transfer<'a> {
    pub(super) fn new(endpoint: &'a str, token: Option<&'a str>, max_bytes: u64) -> Self {
        let mut config = Agent::config_builder()
            // Redirects are followed here, so that the token stays with the hub.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        if let Some(roots) = own_roots() {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        if is_this_machine(endpoint) {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().into(),
            endpoint,
            token,
            max_bytes,
        }
    }

    /// A short answer in full.
    pub(super) fn text(&self, url: &str) -> Result<String, ModelError> {
        let mut answer = self.get(url, 0)?;
        if !answer.response.status().is_success() {
            return Err(refused(url, &answer.response));
        }
        let body = answer.response.body_mut().with_config().limit(LONGEST_TEXT);
        body.read_to_string().map_err(|e| unreachable_hub(url, &e))
    }

    /// Downloads `url` to `target`, by way of a neighbour called `*.part` that
    /// an earlier attempt may have begun. `target` appears only when length
    /// and, where the hub tells it, checksum are right.
    pub(super) fn file(
        &self,
        url: &str,
        name: &str,
        target: &Path,
        progress: &dyn DownloadProgress,
    ) -> Result<Transferred, ModelError> {
        let mut part = target.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            match self.attempt(url, name, target, &part, progress)? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Again(why) => reason = why,
            }
        }
        Err(ModelError::Download {
            url: url.to_string(),
            reason: format!("{reason}, {ATTEMPTS} times"),
            hint: "try again, what has arrived is kept".to_string(),
        })
    }

    fn attempt(
        &self,
        url: &str,
        name: &str,
        target: &Path,
        part: &Path,
        progress: &dyn DownloadProgress,
    ) -> Result<Attempt, ModelError> {
        let io = |e| ModelError::io(part, e);
        if progress.cancelled() {
            return Err(cancelled(url));
        }
        let have = fs::metadata(part).map_or(0, |metadata| metadata.len());
        let answer = self.get(url, have)?;
        let headers = answer.response.headers();
        let status = answer.response.status().as_u16();
        let (have, rest) = match status {
            200 => (0, number(headers, "content-length")),
            206 => {
                let (first, total) = content_range(headers).unwrap_or((u64::MAX, None));
                if first != have || answer.sha256.is_none() {
                    // Not what was asked for, or nothing to check the joint by.
                    fs::remove_file(part).map_err(io)?;
                    return Ok(Attempt::Again(
                        "the hub sent another part than asked for".into(),
                    ));
                }
                (have, total.map(|total| total.saturating_sub(have)))
            }
            416 if have > 0 => {
                fs::remove_file(part).map_err(io)?;
                return Ok(Attempt::Again(
                    "the hub has less than was here already".into(),
                ));
            }
            404 if !is_refusal(headers) => return Ok(Attempt::Done(Transferred::Absent)),
            _ => return Err(refused(url, &answer.response)),
        };
        let total = answer.size.or(rest.map(|rest| rest.saturating_add(have)));
        if have > self.max_bytes || total.is_some_and(|total| total > self.max_bytes) {
            remove_part(part)?;
            return Err(self.too_large(url));
        }
        let chunked = text(headers, "transfer-encoding").is_some_and(|t| t.contains("chunked"));
        if total.is_none() && answer.sha256.is_none() && !chunked {
            return Err(ModelError::Download {
                url: url.to_string(),
                reason: "the server does not say how long the file is".to_string(),
                hint: "check HF_ENDPOINT".to_string(),
            });
        }

        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(part)
            .map_err(io)?;
        file.set_len(have).map_err(io)?;
        let mut digest = Sha256::new();
        progress.start(name, total);
        progress.advance(have);
        // The length that the server states may be absent or wrong: one byte more
        // than allowed is read, and shows that the file is too large.
        let room = self.max_bytes.saturating_sub(have);
        let copied = (|| {
            hash_file(&mut file, &mut digest).map_err(io)?;
            let body = answer.response.into_body().into_reader();
            let body = body.take(room.saturating_add(1));
            self.copy(body, &mut file, &mut digest, part, url, progress)
        })();
        progress.finish();
        let (new, broken) = copied?;
        if new > room {
            remove_part(part)?;
            return Err(self.too_large(url));
        }
        let length = have + new;
        if let Some(why) = broken {
            return Ok(Attempt::Again(why));
        }
        if total.is_some_and(|total| length < total) {
            return Ok(Attempt::Again(format!(
                "the connection ended after {length} bytes"
            )));
        }
        let sum = hexadecimal(&digest.finalize());
        let wrong_sum = answer.sha256.as_ref().filter(|right| **right != sum);
        if wrong_sum.is_some() || total.is_some_and(|total| length != total) {
            fs::remove_file(part).map_err(io)?;
            let right = wrong_sum.map_or_else(
                || format!("it has {length} bytes in place of {}", total.unwrap_or(0)),
                |right| format!("its SHA-256 is {sum} and should be {right}"),
            );
            return Err(ModelError::Download {
                url: url.to_string(),
                reason: format!("what arrived is not the file: {right}"),
                hint: "it was thrown away; try again, check HF_ENDPOINT and any proxy".to_string(),
            });
        }
        file.sync_all().map_err(io)?;
        drop(file);
        fs::rename(part, target)
            .and_then(|()| files::sync_folder(files::folder_of(target)))
            .map_err(|e| ModelError::io(target, e))?;
        Ok(Attempt::Done(Transferred::Whole))
    }

    /// Appends the body to the file. Gives the count of bytes and, where the
    /// body broke off, why.
    fn copy(
        &self,
        mut body: impl Read,
        file: &mut File,
        digest: &mut Sha256,
        part: &Path,
        url: &str,
        progress: &dyn DownloadProgress,
    ) -> Result<(u64, Option<String>), ModelError> {
        let mut buffer = vec![0; 128 << 10];
        let mut copied = 0;
        loop {
            if progress.cancelled() {
                return Err(cancelled(url));
            }
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok((copied, None)),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Ok((copied, Some(format!("the connection broke off ({e})")))),
            };
            file.write_all(&buffer[..count])
                .map_err(|e| ModelError::io(part, e))?;
            digest.update(&buffer[..count]);
            copied += count as u64;
            progress.advance(count as u64);
        }
    }

    fn too_large(&self, url: &str) -> ModelError {
        ModelError::TooLarge {
            url: url.to_string(),
            max_bytes: self.max_bytes,
        }
    }

    /// The answer to a request for `url` from byte `from` on, behind redirects.
    fn get(&self, url: &str, from: u64) -> Result<Answer, ModelError> {
        let mut at = url.to_string();
        let (mut sha256, mut size) = (None, None);
        for _ in 0..REDIRECTS {
            let of_hub = same_origin(&at, self.endpoint);
            let mut request = self.agent.get(&at);
            if let Some(token) = self.token.filter(|_| of_hub) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header("range", format!("bytes={from}-"));
            }
            let response = request.call().map_err(|e| unreachable_hub(&at, &e))?;
            let headers = response.headers();
            // A storage behind the hub may give its own, other tags.
            if of_hub {
                let tag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag"));
                sha256 = sha256.or_else(|| tag.and_then(as_sha256));
                size = size.or_else(|| number(headers, "x-linked-size"));
            }
            let location = text(headers, "location").filter(|_| response.status().is_redirection());
            let Some(location) = location else {
                return Ok(Answer {
                    response,
                    sha256,
                    size,
                });
            };
            let next = join(&at, location);
            if at.starts_with("https:") && !next.starts_with("https:") {
                return Err(ModelError::Download {
                    url: at,
                    reason: "it leads away from an encrypted connection".to_string(),
                    hint: "check HF_ENDPOINT".to_string(),
                });
            }
            at = next;
        }
        Err(ModelError::Download {
            url: url.to_string(),
            reason: format!("it leads through more than {REDIRECTS} redirects"),
            hint: "check HF_ENDPOINT".to_string(),
        })
    }
}

/// The certificates of `SSL_CERT_FILE`, for networks that have their own.
fn own_roots() -> Option<RootCerts> {
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

fn is_this_machine(url: &str) -> bool {
    origin(url)
        .is_some_and(|(_, host, _)| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
}

/// The address that a `Location` means where it was met at `base`.
fn join(base: &str, location: &str) -> String {
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

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.trim().parse().ok()
}

/// First byte and whole length of `bytes 5-9/10`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, "content-range")?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    Some((
        range.split_once('-')?.0.trim().parse().ok()?,
        total.trim().parse().ok(),
    ))
}

/// Large files are tagged with their SHA-256, others with a git hash.
fn as_sha256(tag: &str) -> Option<String> {
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    let is_sum = tag.len() == 64 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    is_sum.then(|| tag.to_ascii_lowercase())
}

fn hash_file(file: &mut File, digest: &mut Sha256) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cancelled(url: &str) -> ModelError {
    ModelError::Cancelled {
        url: url.to_string(),
    }
}

/// Removes what has arrived of a file, if anything has.
fn remove_part(part: &Path) -> Result<(), ModelError> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(ModelError::io(part, e)),
        _ => Ok(()),
    }
}

/// Whether a 404 means more than that one file is not there.
fn is_refusal(headers: &HeaderMap) -> bool {
    text(headers, "x-error-code").is_some_and(|code| code != "EntryNotFound")
}

fn refused(url: &str, response: &Response<Body>) -> ModelError {
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
            "the hub is in trouble",
            "try again later, name a mirror in HF_ENDPOINT",
        ),
        _ => (
            "the hub gives something else than the file",
            "check HF_ENDPOINT and any proxy",
        ),
    };
    ModelError::Download {
        url: url.to_string(),
        reason: format!("{reason} (HTTP status {})", status.as_u16()),
        hint: hint.to_string(),
    }
}

fn unreachable_hub(url: &str, error: &ureq::Error) -> ModelError {
    ModelError::Download {
        url: url.to_string(),
        reason: format!("the hub cannot be reached ({error})"),
        hint: "check the network, name a mirror in HF_ENDPOINT, \
               set HF_HUB_OFFLINE=1 to use only what is on this machine"
            .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_understood_from_where_it_was_met() {
        let base = "https://hub.example/own/model/resolve/main/a.bin?x=1/2";
        for (location, expected) in [
            ("https://cdn.example/a", "https://cdn.example/a"),
            ("//cdn.example/a", "https://cdn.example/a"),
            ("/api/cache/a", "https://hub.example/api/cache/a"),
            ("b.bin", "https://hub.example/own/model/resolve/main/b.bin"),
        ] {
            assert_eq!(join(base, location), expected);
        }
        assert_eq!(join("http://hub.example", "a"), "http://hub.example/a");
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
