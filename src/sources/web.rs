//! Files on web servers: `GET` and `HEAD`, in parts where the server can, and
//! through a temporary copy where it cannot.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody, HttpResponse};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use url::Url;

use crate::error::ShellError;

const STORE: &str = "web";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time without a byte from a server.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is made before giving up, and the first pause between.
const MAX_TRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(200);

const MAX_REDIRECTS: usize = 10;

/// Largest response that is held in memory: a page of a listing.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// Size of all temporary copies of a client together, and so of each.
const MAX_COPY_BYTES: u64 = 16 << 30;

/// Most temporary copies of a client.
const MAX_COPIES: usize = 16;

/// Bytes of a copy that are read at a time.
const COPY_CHUNK_BYTES: u64 = 1 << 20;

/// Header that carries credentials.
const AUTHORIZATION: &str = "authorization";

/// Check of every URL, those of redirects included, before it is requested.
pub type UrlCheck = Arc<dyn Fn(&Url) -> crate::error::Result<()> + Send + Sync>;

/// What a server says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    size: u64,
    /// Whatever changes when the file does.
    version: Option<String>,
}

/// Client that fetches files by URL. It follows redirects; credentials stay with
/// the origin that they are for.
pub struct WebClient {
    http: HttpClient,
    check: UrlCheck,
    copies: Mutex<Copies>,
}

/// Copy of a file whose server sends it only whole. It has no name, so that only
/// this process reads it, and is gone with its last user.
#[derive(Clone)]
struct FileCopy {
    url: String,
    about: About,
    file: Arc<File>,
}

/// Copies in the order of their last use, the oldest first.
#[derive(Default)]
struct Copies(VecDeque<FileCopy>);

impl Copies {
    fn get(&mut self, url: &str) -> Option<FileCopy> {
        let position = self.0.iter().position(|copy| copy.url == url)?;
        let copy = self.0.remove(position)?;
        self.0.push_back(copy.clone());
        Some(copy)
    }

    /// Adds a copy in place of an older one of the same URL, and removes the
    /// least recently used ones above the limits.
    fn insert(&mut self, copy: FileCopy) {
        self.0.retain(|known| known.url != copy.url);
        self.0.push_back(copy);
        while self.0.len() > MAX_COPIES || self.bytes() > MAX_COPY_BYTES {
            self.0.pop_front();
        }
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|copy| copy.about.size).sum()
    }
}

impl fmt::Debug for WebClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebClient")
    }
}

/// An answer with its body still to come.
struct Answer {
    response: HttpResponse,
    status: u16,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    fn version(&self) -> Option<String> {
        let header = self
            .header("etag")
            .or_else(|| self.header("last-modified"))?;
        Some(header.to_string())
    }

    fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The range sent and the size of the whole, of a partial answer.
    fn range(&self) -> Option<(Range<u64>, u64)> {
        let rest = self.header("content-range")?.strip_prefix("bytes ")?;
        let (range, total) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?;
        (range.start < range.end).then_some(())?;
        Some((range, total.parse().ok()?))
    }

    /// The URL that the server of `from` redirects to, if it does.
    fn redirect(&self, from: &Url) -> Result<Option<Url>> {
        let location = match self.status {
            301 | 302 | 303 | 307 | 308 => self.header("location"),
            _ => None,
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let target = from.join(location).map_err(|error| {
            other(format!(
                "{} redirects to an address that is not a URL: {error}",
                host(from)
            ))
        })?;
        match target.scheme() {
            "http" | "https" => Ok(Some(target)),
            scheme => Err(other(format!(
                "{} redirects to a {scheme}:// address; only http and https are followed",
                host(from)
            ))),
        }
    }

    /// The body, which ends with an error after `max_bytes`.
    fn body(self, url: &Url, max_bytes: u64) -> BoxStream<'static, Result<Bytes>> {
        let place = url.to_string();
        let stream = self.response.into_body().bytes_stream();
        futures::stream::try_unfold((stream, max_bytes), move |(mut stream, left)| {
            let place = place.clone();
            async move {
                let bytes = match tokio::time::timeout(READ_TIMEOUT, stream.next()).await {
                    Err(_) => {
                        return Err(other(format!(
                            "{place} sent nothing for {} s",
                            READ_TIMEOUT.as_secs()
                        )));
                    }
                    Ok(None) => return Ok(None),
                    Ok(Some(Ok(bytes))) => bytes,
                    Ok(Some(Err(error))) => {
                        return Err(other(format!("{place} broke off: {}", causes(&error))));
                    }
                };
                match left.checked_sub(bytes.len() as u64) {
                    Some(left) => Ok(Some((bytes, (stream, left)))),
                    None => Err(other(format!(
                        "{place} sent more than the {max_bytes} bytes that are read of it"
                    ))),
                }
            }
        })
        .boxed()
    }
}

impl WebClient {
    /// Creates a client; `check` is called with each URL before it is requested.
    ///
    /// # Errors
    /// If no TLS can be set up.
    pub fn new(check: UrlCheck) -> crate::error::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // Redirects are followed by `send`, which checks them.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| {
                ShellError::setup(format!("cannot set up web access: {}", causes(&error)))
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
    ) -> Result<Answer> {
        let mut target = url.clone();
        let mut headers = headers.to_vec();
        for _ in 0..=MAX_REDIRECTS {
            (self.check)(&target).map_err(store_error)?;
            let answer = self.execute(method, &target, &headers).await?;
            let Some(next) = answer.redirect(&target)? else {
                return Ok(answer);
            };
            if next.origin() != target.origin() {
                headers.retain(|(name, _)| *name != AUTHORIZATION);
            }
            target = next;
        }
        Err(other(format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            host(url)
        )))
    }

    /// Sends one request, again where the server is busy or cannot be reached.
    async fn execute(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<Answer> {
        let mut tries = 0;
        loop {
            tries += 1;
            let again = tries < MAX_TRIES;
            let pause = RETRY_PAUSE * 2_u32.pow(tries - 1);
            let request = request(method, url, headers)?;
            match tokio::time::timeout(READ_TIMEOUT, self.http.execute(request)).await {
                Ok(Ok(response)) => {
                    let status = response.status().as_u16();
                    if !(again && matches!(status, 429 | 500 | 502 | 503 | 504)) {
                        return Ok(Answer { response, status });
                    }
                }
                Ok(Err(_)) if again => {}
                Ok(Err(error)) => {
                    return Err(setup(format!(
                        "cannot reach {}: {}",
                        host(url),
                        causes(&error)
                    )));
                }
                Err(_) => return Err(setup(format!("{} does not answer", host(url)))),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a `GET` and gives the body of the answer as text, with the header
    /// `link`.
    pub async fn page(&self, url: &Url, token: Option<&str>) -> Result<(Bytes, Option<String>)> {
        let answer = self.send("GET", url, &authorization(token)).await?;
        check(&answer, url)?;
        let link = answer.header("link").map(str::to_string);
        let chunks: Vec<Bytes> = answer.body(url, MAX_PAGE_BYTES).try_collect().await?;
        Ok((chunks.concat().into(), link))
    }

    /// What the server says about the file.
    pub async fn head(
        &self,
        url: &Url,
        token: Option<&str>,
        location: &Path,
    ) -> Result<ObjectMeta> {
        let about = self.about(url, token).await?;
        Ok(meta(location, &about))
    }

    async fn about(&self, url: &Url, token: Option<&str>) -> Result<About> {
        let answer = self.send("HEAD", url, &authorization(token)).await?;
        match (answer.status, answer.length()) {
            (200, Some(size)) => {
                return Ok(About {
                    size,
                    version: answer.version(),
                });
            }
            (404 | 410 | 401, _) => check(&answer, url)?,
            // Some answer HEAD badly: signed addresses hold for GET alone.
            _ => {}
        }
        let mut headers = authorization(token);
        headers.push(("range", "bytes=0-0".to_string()));
        let answer = self.send("GET", url, &headers).await?;
        // The only byte of an empty file cannot be sent.
        if answer.status == 416 {
            return Ok(About {
                size: 0,
                version: answer.version(),
            });
        }
        check(&answer, url)?;
        let version = answer.version();
        let size = match (answer.status, answer.range(), answer.length()) {
            (206, Some((_, size)), _) | (200, _, Some(size)) => size,
            _ => return Ok(self.copy(url, token, answer).await?.about),
        };
        Ok(About { size, version })
    }

    /// The file or a part of it.
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
        let answer = self.send("GET", url, &headers).await?;
        check(&answer, url)?;
        let version = answer.version();
        if let (206, Some((range, size))) = (answer.status, answer.range()) {
            if range != wanted(options.range.as_ref(), size)? {
                return Err(other(format!(
                    "{} sent another part of '{location}' than it was asked for",
                    host(url)
                )));
            }
            let meta = meta(location, &About { size, version });
            let payload = GetResultPayload::Stream(answer.body(url, range.end - range.start));
            return Ok(GetResult {
                payload,
                meta,
                range,
                attributes: Attributes::default(),
            });
        }
        if let (200, None, Some(size)) = (answer.status, &options.range, answer.length()) {
            let meta = meta(location, &About { size, version });
            let payload = GetResultPayload::Stream(answer.body(url, size));
            return Ok(GetResult {
                payload,
                meta,
                range: 0..size,
                attributes: Attributes::default(),
            });
        }
        let copy = self.copy(url, token, answer).await?;
        copy.part(location, options.range.as_ref())
    }

    /// The whole file, from now on in a temporary one. `answer` is the server's
    /// answer to a request for the file or a part of it.
    async fn copy(&self, url: &Url, token: Option<&str>, answer: Answer) -> Result<FileCopy> {
        let answer = match answer.status {
            // A part whose place in the file is unknown.
            206 => self.send("GET", url, &authorization(token)).await?,
            _ => answer,
        };
        check(&answer, url)?;
        if answer.status == 206 {
            return Err(other(format!(
                "{} sends only parts of the file, without their places in it",
                host(url)
            )));
        }
        let version = answer.version();
        let known = self.copies().get(url.as_str());
        if let Some(copy) = known
            && version.is_some()
            && copy.about.version == version
        {
            return Ok(copy);
        }
        if answer.length().is_some_and(|size| size > MAX_COPY_BYTES) {
            return Err(other(format!(
                "{url} is larger than the {MAX_COPY_BYTES} bytes that are copied of a file whose \
                 server sends no parts; download it first"
            )));
        }
        // Without the path, which an error of the file system may contain.
        let failed =
            |error: std::io::Error| other(format!("cannot keep a copy of {url}: {}", error.kind()));
        let file = Arc::new(blocking(tempfile::tempfile).await.map_err(failed)?);
        let mut body = answer.body(url, MAX_COPY_BYTES);
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
            about: About { size, version },
            file,
        };
        self.copies().insert(copy.clone());
        Ok(copy)
    }

    fn copies(&self) -> std::sync::MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileCopy {
    fn part(&self, location: &Path, range: Option<&GetRange>) -> Result<GetResult> {
        let range = wanted(range, self.about.size)?;
        Ok(GetResult {
            payload: GetResultPayload::Stream(self.bytes(location, range.clone())),
            meta: meta(location, &self.about),
            range,
            attributes: Attributes::default(),
        })
    }

    fn bytes(&self, location: &Path, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let name = location.to_string();
        let file = Arc::clone(&self.file);
        futures::stream::try_unfold(range, move |range| {
            let (file, name) = (Arc::clone(&file), name.clone());
            async move {
                let end = range.end.min(range.start.saturating_add(COPY_CHUNK_BYTES));
                if range.start >= end {
                    return Ok(None);
                }
                let chunk = blocking(move || read_at(&file, range.start..end)).await;
                let chunk = chunk.map_err(|error| {
                    other(format!(
                        "cannot read the copy of '{name}': {}",
                        error.kind()
                    ))
                })?;
                Ok(Some((Bytes::from(chunk), end..range.end)))
            }
        })
        .boxed()
    }
}

/// The bytes of a file in a range, whatever the file's position: readers at the
/// same time share it.
fn read_at(file: &File, range: Range<u64>) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(range.end - range.start).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_some_at(file, rest, range.start + filled as u64) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn read_some_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_some_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}

/// Runs work of the file system on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

/// The bytes that a request is for, of a file of `size` bytes.
fn wanted(range: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    match range {
        Some(range) => range
            .as_range(size)
            .map_err(|error| other(error.to_string())),
        None => Ok(0..size),
    }
}

fn request(method: &str, url: &Url, headers: &[(&'static str, String)]) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.uri_mut() = url
        .as_str()
        .parse()
        .map_err(|error| other(format!("'{url}' is not a URL: {error}")))?;
    *request.method_mut() = method
        .parse()
        .map_err(|error| other(format!("{method}: {error}")))?;
    for (name, value) in headers {
        let value = value
            .parse()
            .map_err(|error| other(format!("{name}: {error}")))?;
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

fn check(answer: &Answer, url: &Url) -> Result<()> {
    let path = url.to_string();
    match answer.status {
        200..=299 => Ok(()),
        404 | 410 => Err(Error::NotFound {
            path,
            source: "not found".into(),
        }),
        401 => Err(Error::Unauthenticated {
            path,
            source: "it wants credentials".into(),
        }),
        403 => Err(Error::PermissionDenied {
            path,
            source: "it is not allowed".into(),
        }),
        status => Err(other(format!("{} answers with status {status}", host(url)))),
    }
}

fn meta(location: &Path, about: &About) -> ObjectMeta {
    ObjectMeta {
        location: location.clone(),
        last_modified: stamp(about.version.as_deref()).into(),
        size: about.size,
        e_tag: about.version.clone(),
        version: None,
    }
}

/// A time that differs when the version does: the engine's caches compare
/// times and sizes only. A file without any version is always new.
fn stamp(version: Option<&str>) -> SystemTime {
    use std::hash::{DefaultHasher, Hash, Hasher};
    match version {
        Some(version) => {
            let mut hasher = DefaultHasher::new();
            version.hash(&mut hasher);
            SystemTime::UNIX_EPOCH + Duration::from_secs(hasher.finish() >> 32)
        }
        None => SystemTime::now(),
    }
}

/// Scheme and host of a URL, without the credentials that it may hold.
fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An error with what caused it: the outer words alone say little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}

pub fn other(message: String) -> Error {
    store_error(ShellError::query(message))
}

/// An error that the machine or its network is to blame for.
pub fn setup(message: String) -> Error {
    store_error(ShellError::setup(message))
}

fn store_error(error: ShellError) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(error),
    }
}

pub fn read_only(what: &str) -> Error {
    Error::NotSupported {
        source: format!("{what} can only be read; write to a path or to s3://").into(),
    }
}

/// The files of one web server.
#[derive(Debug)]
pub struct WebStore {
    origin: Url,
    client: WebClient,
}

impl WebStore {
    /// Opens the store of a server; `check` is called with each URL, those of
    /// redirects included, before it is requested.
    ///
    /// # Errors
    /// If no TLS can be set up.
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

    /// Paths are kept as they stand in a URL, with the query.
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
        Err(read_only("web servers"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("web servers"))
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
        futures::stream::once(async { Err(read_only("web servers")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::once(async {
            Err(other(
                "web servers do not list their files; name each file".into(),
            ))
        })
        .boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(other(
            "web servers do not list their files; name each file".into(),
        ))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("web servers"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Server that gives one answer; its thread returns the request.
    fn serve(answer: String) -> (Url, JoinHandle<String>) {
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
            connection.write_all(answer.as_bytes()).unwrap();
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

    fn anything() -> UrlCheck {
        Arc::new(|_: &Url| Ok(()))
    }

    #[tokio::test]
    async fn credentials_stay_with_their_origin() {
        let (target, second) = serve(page("a\n1\n"));
        let (url, first) = serve(redirect(&target));
        let client = WebClient::new(anything()).unwrap();
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
        let client = WebClient::new(anything()).unwrap();
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
        let client = WebClient::new(anything()).unwrap();
        let answer = client.send("GET", &url, &[]).await.unwrap();
        let read: Result<Vec<Bytes>> = answer.body(&url, 9).try_collect().await;
        assert!(read.unwrap_err().to_string().contains("more than the 9"));
        thread.join().unwrap();
    }

    #[test]
    fn the_least_recently_used_copy_goes_first() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let copy = |url: &str, size| FileCopy {
            url: url.to_string(),
            about: About {
                size,
                version: None,
            },
            file: Arc::clone(&file),
        };
        let mut copies = Copies::default();
        for number in 0..MAX_COPIES {
            copies.insert(copy(&number.to_string(), 1));
        }
        assert!(copies.get("0").is_some());
        copies.insert(copy("new", 1));
        assert!(copies.get("0").is_some() && copies.get("1").is_none());
        assert_eq!(copies.0.len(), MAX_COPIES);
        copies.insert(copy("large", MAX_COPY_BYTES));
        assert_eq!(copies.0.len(), 1);
        assert!(copies.get("large").is_some());
    }

    #[test]
    fn messages_hold_no_credentials() {
        let url = Url::parse("https://user:secret@h:8443/a?signature=x").unwrap();
        assert_eq!(host(&url), "https://h:8443");
    }
}
