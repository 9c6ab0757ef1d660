//! HTTP server of the page on the loopback interface, for one user.

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
use tokio_util::sync::{CancellationToken, DropGuard};

use super::html::{self, STYLE};
use super::prepare::PreparedPage;
use super::search::{MAX_NEIGHBOURS, MAX_SEARCH_RESULTS, embed_query};
use super::sql_result::run_sql;
use super::token::{random_token, tokens_equal};
use super::vectors::{RowVectors, ScoredRow};
use crate::error::{ErrorKind, Result, ShellError};
use crate::port;
use crate::session::Session;
use crate::statement::StatementRunner;
use crate::task::BackgroundTask;

/// Header with the token of a request for data.
const TOKEN_HEADER: &str = "x-semql-token";

/// Bytes of a search text.
const MAX_QUERY_BYTES: usize = 4_000;

/// Headers of every response: no requests to other origins, no framing, no caching.
const SECURITY_HEADERS: &[(&str, &str)] = &[
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

/// Bound port and token of a page.
pub struct PageListener {
    listener: TcpListener,
    port: u16,
    token: String,
}

impl PageListener {
    /// Binds a port of the loopback interface; 0 is any free port.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub fn bind(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            let reason = port::bind_error(&error);
            ShellError::usage(format!(
                "port {port} {reason}; choose another with --port N, or any free port with --port 0"
            ))
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            port: listener.local_addr()?.port(),
            listener,
            token: random_token()?,
        })
    }

    /// URL of the page. The browser does not send the part after the #.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token)
    }
}

/// State of the server.
struct ExplorerState {
    session: Arc<Session>,
    data: Bytes,
    script: Bytes,
    vectors: RowVectors,
    model: Option<String>,
    token: String,
    hosts: [String; 2],
}

impl ExplorerState {
    /// Runner of a request in a separate session, and the guard that cancels its work.
    fn runner(&self) -> (StatementRunner, DropGuard) {
        let token = CancellationToken::new();
        let session = Arc::new(self.session.beside());
        let runner = StatementRunner::unobserved(session, token.clone());
        (runner, token.drop_guard())
    }
}

type SharedState = State<Arc<ExplorerState>>;

/// Serves until the future is dropped.
///
/// # Errors
/// If the server fails.
pub async fn serve(
    listener: PageListener,
    session: Arc<Session>,
    prepared: PreparedPage,
) -> Result<()> {
    let state = Arc::new(ExplorerState {
        session,
        data: html::json(&prepared.page)?.into(),
        script: html::script().into(),
        vectors: prepared.vectors,
        model: prepared.model,
        token: listener.token,
        hosts: ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", listener.port)),
    });
    let router = Router::new()
        .route(
            "/",
            get(|| async { typed_response("text/html", html::served()) }),
        )
        .route(
            "/style.css",
            get(|| async { typed_response("text/css", STYLE) }),
        )
        .route("/page.js", get(script))
        .route("/api/data", get(data))
        .route("/api/search", get(search))
        .route("/api/neighbours", get(neighbours))
        .route("/api/sql", post(sql))
        .fallback(|| async { error_response(StatusCode::NOT_FOUND, "unknown path") })
        .layer(from_fn_with_state(Arc::clone(&state), check_request))
        .with_state(state);
    let listener = tokio::net::TcpListener::from_std(listener.listener)?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// Rejects requests of other pages, and adds headers to every response.
async fn check_request(State(state): SharedState, request: Request, next: Next) -> Response {
    let mut response = match rejection(&state, &request) {
        Some((status, reason)) => error_response(status, reason),
        None => next.run(request).await,
    };
    for (name, value) in SECURITY_HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn rejection(state: &ExplorerState, request: &Request) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    // Against DNS rebinding: a foreign name may resolve to this address.
    let host = header_text(headers, "host");
    if !state.hosts.iter().any(|known| Some(known.as_str()) == host) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "the host must be 127.0.0.1 or localhost",
        ));
    }
    let origin = header_text(headers, "origin");
    let is_own = |origin: &str| {
        let host = origin.strip_prefix("http://");
        state.hosts.iter().any(|known| Some(known.as_str()) == host)
    };
    let foreign = headers.contains_key("origin") && !origin.is_some_and(is_own);
    if request.method() != Method::GET && foreign {
        return Some((
            StatusCode::FORBIDDEN,
            "requests from other pages are not allowed",
        ));
    }
    if request.uri().path().starts_with("/api/") {
        let given = header_text(headers, TOKEN_HEADER).unwrap_or_default();
        if !tokens_equal(given, &state.token) {
            return Some((
                StatusCode::FORBIDDEN,
                "the key of this page is not that of the running semql; open the address that semql printed",
            ));
        }
    }
    None
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn typed_response(content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let body: Bytes = body.into();
    (
        [(
            header::CONTENT_TYPE,
            format!("{content_type}; charset=utf-8"),
        )],
        body,
    )
        .into_response()
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
}

fn error_response(status: StatusCode, message: &str) -> Response {
    (status, Json(ErrorBody { error: message })).into_response()
}

async fn script(State(state): SharedState) -> Response {
    typed_response("text/javascript", state.script.clone())
}

async fn data(State(state): SharedState) -> Response {
    typed_response("application/json", state.data.clone())
}

#[derive(Deserialize)]
struct SearchParams {
    #[serde(default)]
    q: String,
}

/// Rows with cosine similarities, best first.
#[derive(Serialize)]
struct RankedRows {
    rows: Vec<u32>,
    scores: Vec<f32>,
}

impl From<Vec<ScoredRow>> for RankedRows {
    fn from(near: Vec<ScoredRow>) -> Self {
        Self {
            rows: near.iter().map(|near| near.0).collect(),
            scores: near
                .iter()
                .map(|near| (near.1 * 1e4).round() / 1e4)
                .collect(),
        }
    }
}

async fn search(State(state): SharedState, Query(search): Query<SearchParams>) -> Response {
    if search.q.len() > MAX_QUERY_BYTES {
        return error_response(StatusCode::BAD_REQUEST, "the search text is too long");
    }
    task_response(BackgroundTask::spawn(async move {
        let (runner, _cancels_with_request) = state.runner();
        let query = embed_query(&runner, &search.q, state.model.as_deref()).await?;
        let vector = query
            .row(0)
            .filter(|vector| vector.len() == state.vectors.dims())
            .ok_or_else(|| ShellError::query("the vectors of the table are from another model"))?;
        Ok(RankedRows::from(state.vectors.nearest(
            vector,
            MAX_SEARCH_RESULTS,
            None,
        )))
    }))
    .await
}

#[derive(Deserialize)]
struct NeighbourParams {
    row: usize,
}

async fn neighbours(State(state): SharedState, Query(params): Query<NeighbourParams>) -> Response {
    match state.vectors.row(params.row) {
        Some(vector) => Json(RankedRows::from(state.vectors.nearest(
            vector,
            MAX_NEIGHBOURS,
            Some(params.row),
        )))
        .into_response(),
        None => error_response(StatusCode::NOT_FOUND, "unknown row"),
    }
}

#[derive(Deserialize)]
struct SqlRequest {
    sql: String,
}

async fn sql(
    State(state): SharedState,
    request: std::result::Result<Json<SqlRequest>, JsonRejection>,
) -> Response {
    let Json(SqlRequest { sql }) = match request {
        Ok(request) => request,
        Err(error) => return error_response(error.status(), &error.body_text()),
    };
    task_response(BackgroundTask::spawn(async move {
        let (runner, _cancels_with_request) = state.runner();
        let result = run_sql(&runner, &sql);
        let result = match state.session.policy.statement_timeout {
            Some(limit) => timeout(limit, result).await.unwrap_or_else(|_| {
                Err(ShellError::of_kind(
                    ErrorKind::Canceled,
                    format!("the statement took longer than {} s", limit.as_secs_f64()),
                ))
            }),
            None => result.await,
        };
        result.map_err(|error| with_line(error, &sql))
    }))
    .await
}

/// Adds the line of an error in a statement of several lines.
fn with_line(mut error: ShellError, sql: &str) -> ShellError {
    if let (Some(line), true) = (error.line, sql.contains('\n')) {
        error.message = format!("line {line}: {}", error.message);
    }
    error
}

/// Response with the result of a task. Dropping it, as for a closed connection,
/// aborts the task.
async fn task_response<T: Serialize + Send + 'static>(
    mut task: BackgroundTask<Result<T>>,
) -> Response {
    match task.join().await {
        Ok(Ok(result)) => Json(result).into_response(),
        Ok(Err(error)) => error_response(StatusCode::BAD_REQUEST, &error.message),
        // The panic is reported on standard error.
        Err(_) => error_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the statement was stopped by an internal error; the terminal of semql has details",
        ),
    }
}
