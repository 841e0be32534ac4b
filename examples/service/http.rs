//! The HTTP interface of the service: routes, their responses, and errors.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[cfg(feature = "on")]
use axum::extract::MatchedPath;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing};
use perf_sdk::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::faults::Faults;
use crate::index::Index;
use crate::memory;
use crate::page::Page;
use crate::query::{Query, QueryError};
use crate::readers;
use crate::refresh::Desk;
use crate::workers::Workers;

/// The maximum number of results or completions.
const MAX_LIMIT: usize = 100;

/// The state that all routes share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) index: Arc<Index>,
    pub(crate) workers: Workers<Desk>,
    pub(crate) cache: Cache,
    /// Longer work is abandoned.
    pub(crate) timeout: Duration,
    /// With `--slow-query`: how many items were asked for, of which one in eight is slow.
    pub(crate) slow_queries: Option<AtomicU64>,
    pub(crate) faults: Arc<Faults>,
}

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
enum Failure {
    Query(QueryError),
    Parameters(String),
    Missing(i64),
    Busy,
    TimedOut(Duration),
    Store(readers::Error),
    Crashed,
}

#[derive(Debug, Deserialize)]
struct SearchParameters {
    #[serde(default)]
    q: String,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct CompleteParameters {
    prefix: String,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Completion<'a> {
    word: &'a str,
    items: usize,
}

/// The service's routes.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let router = Router::new()
        .route("/", routing::get(async || Html(include_str!("page.html"))))
        .route("/search", routing::get(search))
        .route("/documents/{id}", routing::get(document))
        .route("/complete", routing::get(complete))
        .route("/healthz", routing::get(async || "ok\n"))
        .with_state(service);
    measured(router)
}

/// Measures each request under its route, which is a function on the profiler's page.
#[cfg(feature = "on")]
fn measured(router: Router) -> Router {
    let measured = perf_sdk::watch_http("service");
    router.layer(measured.route(|extensions| extensions.get::<MatchedPath>().map(MatchedPath::as_str)))
}

#[cfg(not(feature = "on"))]
fn measured(router: Router) -> Router {
    router
}

/// `/search?q=read+file&limit=10`
#[perf_sdk::profiled(error = display)]
async fn search(
    State(service): State<Arc<Service>>,
    parameters: Result<Parameters<SearchParameters>, QueryRejection>,
) -> Result<Response, Failure> {
    let Parameters(SearchParameters { q, limit }) = parameters?;
    let key = (Query::parse(&q)?, self::limit(limit)?);
    service.faults.block();
    service.faults.remember();
    let page = match service.cache.get(&key) {
        Some(page) => page,
        None => {
            let (index, (query, limit)) = (service.index.clone(), key.clone());
            let faults = service.faults.clone();
            let work = move |desk: &mut Desk| {
                faults.hold();
                Page::find(&index, &query, limit, desk)
            };
            let page = Arc::new(service.ask(work).await?.map_err(Failure::Store)?);
            service.cache.put(key, page.clone());
            page
        }
    };
    Ok(json(&*page))
}

/// `/documents/17`: the text of an item.
#[perf_sdk::profiled(error = display)]
async fn document(
    State(service): State<Arc<Service>>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(|rejection| Failure::Parameters(rejection.body_text()))?;
    let is_slow = service.slow_queries.as_ref().is_some_and(|asked| asked.fetch_add(1, Relaxed) % 8 == 0);
    let read = move |desk: &mut Desk| {
        let reader = desk.readers.take()?;
        let document = reader.documents(&[id])?.pop();
        if let Some(document) = document.as_ref().filter(|_| is_slow) {
            reader.mentions(&document.name)?;
        }
        Ok(document)
    };
    let document = service.ask(read).await?.map_err(Failure::Store)?;
    let document = document.ok_or(Failure::Missing(id))?;
    let text = format!("// {}:{}\n{}\n", document.path, document.first_line, document.text);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// `/complete?prefix=rea`: words that begin with the prefix. Fast enough to be done on this thread.
#[perf_sdk::profiled(error = display)]
async fn complete(
    State(service): State<Arc<Service>>,
    parameters: Result<Parameters<CompleteParameters>, QueryRejection>,
) -> Result<Response, Failure> {
    let Parameters(CompleteParameters { prefix, limit }) = parameters?;
    let found = service.index.complete(&prefix.to_ascii_lowercase(), self::limit(limit)?);
    let list: Vec<_> = found.iter().map(|(word, items)| Completion { word, items: *items }).collect();
    Ok(json(&list))
}

impl Service {
    /// The result of `work` on a worker thread. If the request is abandoned before the work begins,
    /// it is not done.
    async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&mut Desk) -> T + Send + 'static) -> Result<T, Failure> {
        let answer = self.workers.ask(work).map_err(|_full| Failure::Busy)?;
        match tokio::time::timeout(self.timeout, answer.profiled("await worker")).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_panicked)) => Err(Failure::Crashed),
            Err(_elapsed) => Err(Failure::TimedOut(self.timeout)),
        }
    }
}

fn limit(given: Option<usize>) -> Result<usize, Failure> {
    match given.unwrap_or(10) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        wrong => Err(Failure::Parameters(format!("limit is {wrong}; 1 to {MAX_LIMIT} is allowed"))),
    }
}

fn json(value: &impl Serialize) -> Response {
    let body = perf_sdk::measure("serialize", || memory::body(value));
    match body {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Query(_) | Self::Parameters(_) => StatusCode::BAD_REQUEST,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Store(_) | Self::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(error) => error.fmt(f),
            Self::Parameters(error) => f.write_str(error),
            Self::Missing(id) => write!(f, "there is no item {id}"),
            Self::Busy => f.write_str("too many questions are waiting; ask again later"),
            Self::TimedOut(after) => write!(f, "no answer within {} ms", after.as_millis()),
            Self::Store(error) => write!(f, "the store failed: {error}"),
            Self::Crashed => f.write_str("the search crashed"),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status(), format!("{self}\n")).into_response()
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::Parameters(rejection.body_text())
    }
}
