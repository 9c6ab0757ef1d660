//! Files on web servers: `GET` and `HEAD`, in parts where the server can, and
//! through a temporary copy where it cannot.

use std::collections::HashMap;
use std::fmt;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::client::{
    HttpClient, HttpConnector, HttpRequest, HttpRequestBody, HttpResponse, ReqwestConnector,
};
use object_store::path::Path;
use object_store::{
    Attributes, ClientOptions, CopyOptions, Error, GetOptions, GetRange, GetResult,
    GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use tempfile::NamedTempFile;
use url::Url;

use crate::error::ShellError;

const STORE: &str = "web";

const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// How long a server may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// How often a request is made before giving up, and the first pause between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What a server says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    size: u64,
    /// Whatever changes when the file does.
    version: Option<String>,
}

/// Fetches files by URL. Redirections are followed; credentials are not taken
/// along to another host.
pub struct WebClient {
    http: HttpClient,
    /// Copies of files whose servers send nothing but the whole.
    copies: Mutex<HashMap<String, (About, Arc<NamedTempFile>)>>,
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
        let first: u64 = first.parse().ok()?;
        let last: u64 = last.parse().ok()?;
        Some((first..last.checked_add(1)?, total.parse().ok()?))
    }

    fn body(self, url: &Url) -> BoxStream<'static, Result<Bytes>> {
        let place = url.to_string();
        let stream = self.response.into_body().bytes_stream();
        futures::stream::try_unfold(stream, move |mut stream| {
            let place = place.clone();
            async move {
                match tokio::time::timeout(SILENCE, stream.next()).await {
                    Err(_) => Err(other(format!(
                        "{place} sent nothing for {} s",
                        SILENCE.as_secs()
                    ))),
                    Ok(None) => Ok(None),
                    Ok(Some(Ok(bytes))) => Ok(Some((bytes, stream))),
                    Ok(Some(Err(error))) => {
                        Err(other(format!("{place} broke off: {}", causes(&error))))
                    }
                }
            }
        })
        .boxed()
    }
}

impl WebClient {
    /// # Errors
    /// If no TLS can be set up.
    pub fn new() -> crate::error::Result<Self> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT_PATIENCE);
        let http = ReqwestConnector::default()
            .connect(&options)
            .map_err(|error| ShellError::setup(format!("cannot set up web access: {error}")))?;
        Ok(Self {
            http,
            copies: Mutex::default(),
        })
    }

    async fn send(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<Answer> {
        let mut tries = 0;
        loop {
            tries += 1;
            let again = tries < TRIES;
            let wait = PAUSE * 2_u32.pow(tries - 1);
            let request = request(method, url, headers)?;
            match tokio::time::timeout(SILENCE, self.http.execute(request)).await {
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
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a `GET` and gives the body of the answer as text, with the header
    /// `link`.
    pub async fn page(&self, url: &Url, token: Option<&str>) -> Result<(Bytes, Option<String>)> {
        let answer = self.send("GET", url, &authorization(token)).await?;
        check(&answer, url)?;
        let link = answer.header("link").map(str::to_string);
        let chunks: Vec<Bytes> = answer.body(url).try_collect().await?;
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
        let size = match (answer.range(), answer.length()) {
            (Some((_, size)), _) => Some(size),
            (None, length) if answer.status == 200 => length,
            (None, _) => None,
        };
        match size {
            Some(size) => Ok(About { size, version }),
            None => {
                let (about, _) = self.copy(url, answer).await?;
                Ok(about)
            }
        }
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
            let meta = meta(location, &About { size, version });
            let payload = GetResultPayload::Stream(answer.body(url));
            return Ok(GetResult {
                payload,
                meta,
                range,
                attributes: Attributes::default(),
            });
        }
        if let (None, Some(size)) = (&options.range, answer.length()) {
            let meta = meta(location, &About { size, version });
            let payload = GetResultPayload::Stream(answer.body(url));
            return Ok(GetResult {
                payload,
                meta,
                range: 0..size,
                attributes: Attributes::default(),
            });
        }
        let (about, copy) = self.copy(url, answer).await?;
        from_copy(location, &about, &copy, options.range.as_ref())
    }

    /// The whole file, from now on in a temporary one.
    async fn copy(&self, url: &Url, answer: Answer) -> Result<(About, Arc<NamedTempFile>)> {
        let version = answer.version();
        let known = {
            let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            copies.get(url.as_str()).cloned()
        };
        if let Some((about, copy)) = known
            && version.is_some()
            && about.version == version
        {
            return Ok((about, copy));
        }
        let mut file = NamedTempFile::new()
            .map_err(|error| other(format!("cannot keep a copy of {url}: {error}")))?;
        let mut body = answer.body(url);
        let mut size = 0;
        while let Some(chunk) = body.try_next().await? {
            size += chunk.len() as u64;
            file.write_all(&chunk)
                .map_err(|error| other(format!("cannot keep a copy of {url}: {error}")))?;
        }
        let entry = (About { size, version }, Arc::new(file));
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.insert(url.to_string(), entry.clone());
        Ok(entry)
    }
}

fn from_copy(
    location: &Path,
    about: &About,
    copy: &NamedTempFile,
    range: Option<&GetRange>,
) -> Result<GetResult> {
    let range = match range {
        Some(range) => range
            .as_range(about.size)
            .map_err(|error| other(error.to_string()))?,
        None => 0..about.size,
    };
    let broken =
        |error: std::io::Error| other(format!("cannot read the copy of '{location}': {error}"));
    // Opened anew: readers at the same time must not share one position.
    let mut file = copy.reopen().map_err(broken)?;
    file.seek(SeekFrom::Start(0)).map_err(broken)?;
    Ok(GetResult {
        payload: GetResultPayload::File(file, copy.path().to_path_buf()),
        meta: meta(location, about),
        range,
        attributes: Attributes::default(),
    })
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
        .map(|token| ("authorization", format!("Bearer {token}")))
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

fn host(url: &Url) -> String {
    url[..url::Position::BeforePath].to_string()
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
    Error::Generic {
        store: STORE,
        source: Box::new(ShellError::query(message)),
    }
}

/// An error that the machine or its network is to blame for.
pub fn setup(message: String) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(ShellError::setup(message)),
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
    /// # Errors
    /// If no TLS can be set up.
    pub fn new(url: &Url) -> crate::error::Result<Self> {
        let mut origin = url.clone();
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        Ok(Self {
            origin,
            client: WebClient::new()?,
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
