//! Serves a page on the loopback interface, to its own browser only.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::prepare::{FOUND_ROWS, NEAR_ROWS, Prepared, meaning};
use super::vectors::{Near, Vectors};
use super::{answer, page, token};
use crate::error::{ErrorKind, Result, ShellError};
use crate::port;
use crate::session::Session;
use crate::task::Running;

/// The header that a request for data carries.
const TOKEN: &str = "x-semql-token";

/// The longest text that is searched for, in bytes.
const LONGEST_QUERY: usize = 4_000;

/// Sent with every answer: the page asks nobody else for anything, nobody
/// frames it, nothing of it is kept.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A port that is ours.
pub struct Door {
    listener: TcpListener,
    port: u16,
    token: String,
}

impl Door {
    /// Takes a port of the loopback interface; any free one for 0.
    ///
    /// # Errors
    /// If it is taken or not allowed.
    pub fn open(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            let why = port::bind_error(&error);
            ShellError::usage(format!(
                "the port {port} {why}; choose another with --port N, or any free one with --port 0"
            ))
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            port: listener.local_addr()?.port(),
            listener,
            token: token::random()?,
        })
    }

    /// Where a browser finds the page. What follows the # stays in the browser.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token)
    }
}

/// What the requests are answered from.
struct Desk {
    session: Arc<Session>,
    data: Bytes,
    script: Bytes,
    vectors: Vectors,
    model: Option<String>,
    token: String,
    hosts: [String; 2],
}

type Shared = State<Arc<Desk>>;

/// Serves until the process is told to end.
///
/// # Errors
/// If the port is lost.
pub async fn serve(door: Door, session: Arc<Session>, prepared: Prepared) -> Result<()> {
    let desk = Arc::new(Desk {
        session,
        data: page::json(&prepared.page)?.into(),
        script: page::script().into(),
        vectors: prepared.vectors,
        model: prepared.model,
        token: door.token,
        hosts: ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", door.port)),
    });
    let router = Router::new()
        .route("/", get(|| async { typed("text/html", page::served()) }))
        .route(
            "/style.css",
            get(|| async { typed("text/css", page::STYLE) }),
        )
        .route("/page.js", get(script))
        .route("/api/data", get(data))
        .route("/api/search", get(search))
        .route("/api/neighbours", get(neighbours))
        .route("/api/sql", post(sql))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "there is no such page") })
        .layer(from_fn_with_state(Arc::clone(&desk), guard))
        .with_state(desk);
    let listener = tokio::net::TcpListener::from_std(door.listener)?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// Lets in what our own page asks, and adds the headers to every answer.
async fn guard(State(desk): Shared, request: Request, next: Next) -> Response {
    let mut response = match objection(&desk, &request) {
        Some((status, why)) => refused(status, why),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn objection(desk: &Desk, request: &Request) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    // A name that somebody else's DNS points here is no name of ours.
    let host = text(headers, "host");
    if !desk.hosts.iter().any(|known| Some(known.as_str()) == host) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this server answers to 127.0.0.1 and localhost only",
        ));
    }
    let origin = text(headers, "origin");
    let ours = |origin: &str| {
        let host = origin.strip_prefix("http://");
        desk.hosts.iter().any(|known| Some(known.as_str()) == host)
    };
    let foreign = headers.contains_key("origin") && !origin.is_some_and(ours);
    if request.method() != Method::GET && foreign {
        return Some((
            StatusCode::FORBIDDEN,
            "this request comes from another page",
        ));
    }
    if request.uri().path().starts_with("/api/") {
        let given = text(headers, TOKEN).unwrap_or_default();
        if !token::same(given, &desk.token) {
            return Some((
                StatusCode::FORBIDDEN,
                "the key of this page is not that of the running semql; open the address that it printed when it started",
            ));
        }
    }
    None
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn typed(kind: &'static str, body: impl Into<Bytes>) -> Response {
    let body: Bytes = body.into();
    (
        [(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))],
        body,
    )
        .into_response()
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(Refusal { error: why })).into_response()
}

async fn script(State(desk): Shared) -> Response {
    typed("text/javascript", desk.script.clone())
}

async fn data(State(desk): Shared) -> Response {
    typed("application/json", desk.data.clone())
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

/// Rows and their cosines, best first.
#[derive(Serialize)]
struct Found {
    rows: Vec<u32>,
    scores: Vec<f32>,
}

impl From<Vec<Near>> for Found {
    fn from(near: Vec<Near>) -> Self {
        Self {
            rows: near.iter().map(|near| near.0).collect(),
            scores: near
                .iter()
                .map(|near| (near.1 * 1e4).round() / 1e4)
                .collect(),
        }
    }
}

async fn search(State(desk): Shared, Query(search): Query<Search>) -> Response {
    if search.q.len() > LONGEST_QUERY {
        return refused(
            StatusCode::BAD_REQUEST,
            "the text to search for is too long",
        );
    }
    finished(Running::start(async move {
        let query = meaning(&desk.session, &search.q, desk.model.as_deref()).await?;
        let vector = query
            .row(0)
            .filter(|vector| vector.len() == desk.vectors.dims())
            .ok_or_else(|| {
                ShellError::query("the model and the vectors of the table do not fit together")
            })?;
        Ok(Found::from(desk.vectors.nearest(vector, FOUND_ROWS, None)))
    }))
    .await
}

#[derive(Deserialize)]
struct Of {
    row: usize,
}

async fn neighbours(State(desk): Shared, Query(of): Query<Of>) -> Response {
    match desk.vectors.row(of.row) {
        Some(vector) => Json(Found::from(desk.vectors.nearest(
            vector,
            NEAR_ROWS,
            Some(of.row),
        )))
        .into_response(),
        None => refused(StatusCode::NOT_FOUND, "there is no such row"),
    }
}

#[derive(Deserialize)]
struct Statement {
    sql: String,
}

async fn sql(
    State(desk): Shared,
    statement: std::result::Result<Json<Statement>, JsonRejection>,
) -> Response {
    let Json(Statement { sql }) = match statement {
        Ok(statement) => statement,
        Err(error) => return refused(error.status(), &error.body_text()),
    };
    let token = CancellationToken::new();
    let _cancels_with_request = token.clone().drop_guard();
    finished(Running::start(async move {
        // A session for the request, so that its end stops its work alone.
        let session = desk.session.beside();
        session.cancel_with(token.clone());
        let answer = answer::answer(&session, &sql);
        let answer = match desk.session.policy.statement_timeout {
            Some(limit) => timeout(limit, answer).await.unwrap_or_else(|_| {
                Err(ShellError::of_kind(
                    ErrorKind::Canceled,
                    format!("the statement took longer than {} s", limit.as_secs_f64()),
                ))
            }),
            None => answer.await,
        };
        token.cancel();
        answer.map_err(|error| placed(error, &sql))
    }))
    .await
}

/// Says the line of an error where there are several.
fn placed(mut error: ShellError, sql: &str) -> ShellError {
    if let (Some(line), true) = (error.line, sql.contains('\n')) {
        error.message = format!("line {line}: {}", error.message);
    }
    error
}

/// Waits for work that ends where the browser went away or Stop was pressed.
async fn finished<T: Serialize + Send + 'static>(mut running: Running<Result<T>>) -> Response {
    match running.done().await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(error)) => refused(StatusCode::BAD_REQUEST, &error.message),
        // It has said so on standard error.
        Err(_) => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the statement was stopped by an internal error; semql's terminal has more",
        ),
    }
}
