//! Client that requests files by URL: redirects, retries, parts and copies.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::{Attributes, GetOptions, GetResult, GetResultPayload, ObjectMeta, Result};
use url::Url;

use super::copies::{CopyCache, FileCopy, MAX_COPY_BYTES, blocking};
use super::file_info::{FileInfo, resolve_range};
use super::response::{READ_TIMEOUT, WebResponse, origin, with_causes};
use crate::error::ShellError;
use crate::sources::store_errors::{query_error, setup_error, store_error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum number of attempts for a request.
const MAX_ATTEMPTS: u32 = 3;

/// Pause before the second attempt. Later pauses double.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

const MAX_REDIRECTS: usize = 10;

/// Maximum size of a response that is read into memory: a page of a listing.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// Header with credentials.
const AUTHORIZATION: &str = "authorization";

/// Check of every URL, those of redirects included, before it is requested.
pub type UrlCheck = Arc<dyn Fn(&Url) -> crate::error::Result<()> + Send + Sync>;

/// Client that requests files by URL and follows redirects. Credentials are sent
/// only to the origin that they are for.
pub struct WebClient {
    http: HttpClient,
    check: UrlCheck,
    copies: Mutex<CopyCache>,
}

impl fmt::Debug for WebClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebClient")
    }
}

impl WebClient {
    /// Creates a client. `check` is called with each URL before it is requested.
    ///
    /// # Errors
    /// A failure of TLS.
    pub fn new(check: UrlCheck) -> crate::error::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // Redirects are followed by `send`, which checks them.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| {
                ShellError::setup(format!("cannot set up web access: {}", with_causes(&error)))
            })?;
        Ok(Self {
            http: HttpClient::new(client),
            check,
            copies: Mutex::default(),
        })
    }

    /// Sends a request and follows redirects.
    async fn send(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<WebResponse> {
        let mut target = url.clone();
        let mut headers = headers.to_vec();
        for _ in 0..=MAX_REDIRECTS {
            (self.check)(&target).map_err(store_error)?;
            let response = self.execute(method, &target, &headers).await?;
            let Some(next) = response.redirect(&target)? else {
                return Ok(response);
            };
            if next.origin() != target.origin() {
                headers.retain(|(name, _)| *name != AUTHORIZATION);
            }
            target = next;
        }
        Err(query_error(format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            origin(url)
        )))
    }

    /// Sends one request. Retries if the server is busy or cannot be reached.
    async fn execute(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<WebResponse> {
        let mut tries = 0;
        loop {
            tries += 1;
            let again = tries < MAX_ATTEMPTS;
            let pause = RETRY_PAUSE * 2_u32.pow(tries - 1);
            let request = request(method, url, headers)?;
            match tokio::time::timeout(READ_TIMEOUT, self.http.execute(request)).await {
                Ok(Ok(response)) => {
                    let status = response.status().as_u16();
                    if !(again && matches!(status, 429 | 500 | 502 | 503 | 504)) {
                        return Ok(WebResponse { response, status });
                    }
                }
                Ok(Err(_)) if again => {}
                Ok(Err(error)) => {
                    return Err(setup_error(format!(
                        "cannot reach {}: {}",
                        origin(url),
                        with_causes(&error)
                    )));
                }
                Err(_) => return Err(setup_error(format!("{} did not answer", origin(url)))),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Requests a page; returns its text and its header `link`.
    ///
    /// # Errors
    /// A request that fails; a page that is too large.
    pub async fn page(&self, url: &Url, token: Option<&str>) -> Result<(Bytes, Option<String>)> {
        let response = self.send("GET", url, &authorization(token)).await?;
        response.check_status(url)?;
        let link = response.header("link").map(str::to_string);
        let chunks: Vec<Bytes> = response.body(url, MAX_PAGE_BYTES).try_collect().await?;
        Ok((chunks.concat().into(), link))
    }

    /// Requests the metadata of a file.
    ///
    /// # Errors
    /// A request that fails.
    pub async fn head(
        &self,
        url: &Url,
        token: Option<&str>,
        location: &Path,
    ) -> Result<ObjectMeta> {
        Ok(self.info(url, token).await?.meta(location))
    }

    async fn info(&self, url: &Url, token: Option<&str>) -> Result<FileInfo> {
        let response = self.send("HEAD", url, &authorization(token)).await?;
        match (response.status, response.length()) {
            (200, Some(size)) => {
                return Ok(FileInfo {
                    size,
                    version: response.version(),
                });
            }
            (404 | 410 | 401, _) => response.check_status(url)?,
            // HEAD may fail where GET works: signed URLs are valid for GET only.
            _ => {}
        }
        let mut headers = authorization(token);
        headers.push(("range", "bytes=0-0".to_string()));
        let response = self.send("GET", url, &headers).await?;
        // The only byte of an empty file cannot be sent.
        if response.status == 416 {
            return Ok(FileInfo {
                size: 0,
                version: response.version(),
            });
        }
        response.check_status(url)?;
        let version = response.version();
        let size = match (response.status, response.range(), response.length()) {
            (206, Some((_, size)), _) | (200, _, Some(size)) => size,
            _ => return Ok(self.copy(url, token, response).await?.info),
        };
        Ok(FileInfo { size, version })
    }

    /// Requests a file or a part of it.
    ///
    /// # Errors
    /// A request that fails; a range outside the file.
    pub async fn get(
        &self,
        url: &Url,
        token: Option<&str>,
        location: &Path,
        options: &GetOptions,
    ) -> Result<GetResult> {
        if options.head {
            let meta = self.head(url, token, location).await?;
            let payload = GetResultPayload::Stream(futures::stream::empty().boxed());
            return Ok(GetResult {
                payload,
                meta,
                range: 0..0,
                attributes: Attributes::default(),
            });
        }
        let mut headers = authorization(token);
        if let Some(range) = &options.range {
            headers.push(("range", range.to_string()));
        }
        let response = self.send("GET", url, &headers).await?;
        response.check_status(url)?;
        let version = response.version();
        if let (206, Some((range, size))) = (response.status, response.range()) {
            if range != resolve_range(options.range.as_ref(), size)? {
                return Err(query_error(format!(
                    "{} sent another part of '{location}' than requested",
                    origin(url)
                )));
            }
            let meta = FileInfo { size, version }.meta(location);
            let payload = GetResultPayload::Stream(response.body(url, range.end - range.start));
            return Ok(GetResult {
                payload,
                meta,
                range,
                attributes: Attributes::default(),
            });
        }
        if let (200, None, Some(size)) = (response.status, &options.range, response.length()) {
            let meta = FileInfo { size, version }.meta(location);
            let payload = GetResultPayload::Stream(response.body(url, size));
            return Ok(GetResult {
                payload,
                meta,
                range: 0..size,
                attributes: Attributes::default(),
            });
        }
        let copy = self.copy(url, token, response).await?;
        copy.part(location, options.range.as_ref())
    }

    /// Copies the file, unless an equal copy exists. `response` is the response to a
    /// request for the file or a part of it.
    async fn copy(
        &self,
        url: &Url,
        token: Option<&str>,
        response: WebResponse,
    ) -> Result<FileCopy> {
        let response = match response.status {
            // A part whose range is unknown.
            206 => self.send("GET", url, &authorization(token)).await?,
            _ => response,
        };
        response.check_status(url)?;
        if response.status == 206 {
            return Err(query_error(format!(
                "{} sends only parts of the file, without their ranges",
                origin(url)
            )));
        }
        let version = response.version();
        let known = self.copies().get(url.as_str());
        if let Some(copy) = known
            && version.is_some()
            && copy.info.version == version
        {
            return Ok(copy);
        }
        if response.length().is_some_and(|size| size > MAX_COPY_BYTES) {
            return Err(query_error(format!(
                "{url} is larger than {MAX_COPY_BYTES} bytes, the limit for files whose server sends no \
                 parts; download it first"
            )));
        }
        // Without the path that an error of the file system may contain.
        let failed = |error: std::io::Error| {
            query_error(format!("cannot store a copy of {url}: {}", error.kind()))
        };
        let file = Arc::new(blocking(tempfile::tempfile).await.map_err(failed)?);
        let mut body = response.body(url, MAX_COPY_BYTES);
        let mut size = 0;
        while let Some(chunk) = body.try_next().await? {
            size += chunk.len() as u64;
            let mut target = Arc::clone(&file);
            blocking(move || target.write_all(&chunk))
                .await
                .map_err(failed)?;
        }
        let copy = FileCopy {
            url: url.to_string(),
            info: FileInfo { size, version },
            file,
        };
        self.copies().insert(copy.clone());
        Ok(copy)
    }

    fn copies(&self) -> std::sync::MutexGuard<'_, CopyCache> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(method: &str, url: &Url, headers: &[(&'static str, String)]) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.uri_mut() = url
        .as_str()
        .parse()
        .map_err(|error| query_error(format!("'{url}' is not a URL: {error}")))?;
    *request.method_mut() = method
        .parse()
        .map_err(|error| query_error(format!("{method}: {error}")))?;
    for (name, value) in headers {
        let value = value
            .parse()
            .map_err(|error| query_error(format!("{name}: {error}")))?;
        request.headers_mut().insert(*name, value);
    }
    Ok(request)
}

fn authorization(token: Option<&str>) -> Vec<(&'static str, String)> {
    token
        .map(|token| (AUTHORIZATION, format!("Bearer {token}")))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use object_store::GetRange;

    use super::*;

    /// Starts a server that sends one response. Its thread returns the request.
    fn serve(response: String) -> (Url, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                let read = connection.read(&mut chunk).unwrap();
                assert!(read > 0, "the request broke off");
                request.extend_from_slice(&chunk[..read]);
            }
            connection.write_all(response.as_bytes()).unwrap();
            String::from_utf8(request).unwrap().to_ascii_lowercase()
        });
        let url = Url::parse(&format!("http://{address}/x.csv")).unwrap();
        (url, thread)
    }

    fn redirect(to: &Url) -> String {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    }

    fn page(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
    }

    fn allow_all() -> UrlCheck {
        Arc::new(|_: &Url| Ok(()))
    }

    #[tokio::test]
    async fn credentials_stay_with_their_origin() {
        let (target, second) = serve(page("a\n1\n"));
        let (url, first) = serve(redirect(&target));
        let client = WebClient::new(allow_all()).unwrap();
        let (body, _) = client.page(&url, Some("secret")).await.unwrap();
        assert_eq!(body, "a\n1\n");
        assert!(
            first
                .join()
                .unwrap()
                .contains("authorization: bearer secret")
        );
        assert!(!second.join().unwrap().contains("secret"));
    }

    #[tokio::test]
    async fn a_redirect_is_checked_before_it_is_followed() {
        let internal = TcpListener::bind("127.0.0.1:0").unwrap();
        internal.set_nonblocking(true).unwrap();
        let target = format!("http://{}/secret", internal.local_addr().unwrap());
        let (url, thread) = serve(redirect(&Url::parse(&target).unwrap()));
        let allowed = url.origin();
        let client = WebClient::new(Arc::new(move |url: &Url| match url.origin() == allowed {
            true => Ok(()),
            false => Err(ShellError::query("not allowed")),
        }));
        let error = client.unwrap().page(&url, None).await.unwrap_err();
        assert!(error.to_string().contains("not allowed"), "{error}");
        thread.join().unwrap();
        let connection = internal.accept();
        assert_eq!(
            connection.unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock
        );
    }

    #[tokio::test]
    async fn a_copy_is_read_in_parts_and_has_no_name() {
        let text = "0123456789".repeat(300_000);
        let (url, thread) = serve(page(&text));
        let client = WebClient::new(allow_all()).unwrap();
        let location = Path::from("x.csv");
        let options = GetOptions {
            range: Some(GetRange::Bounded(5..2_500_005)),
            ..GetOptions::default()
        };
        let got = client.get(&url, None, &location, &options).await.unwrap();
        assert!(matches!(got.payload, GetResultPayload::Stream(_)));
        assert_eq!(got.meta.size, text.len() as u64);
        assert_eq!(got.bytes().await.unwrap(), &text[5..2_500_005]);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let (url, thread) = serve(page("0123456789"));
        let client = WebClient::new(allow_all()).unwrap();
        let response = client.send("GET", &url, &[]).await.unwrap();
        let read: Result<Vec<Bytes>> = response.body(&url, 9).try_collect().await;
        assert!(
            read.unwrap_err()
                .to_string()
                .contains("more than the allowed 9")
        );
        thread.join().unwrap();
    }
}
