//! Responses that all routes share.

use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::record;
use crate::snapshot::Snapshot;

/// What no page of ours needs is forbidden to all of them.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// 200 with a body.
pub(super) fn ok(content_type: &str, body: impl Into<Body>) -> Response {
    with_status(StatusCode::OK, content_type, body)
}

/// A request that cannot be answered, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The request is at fault.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        with_status(self.status, "text/plain; charset=utf-8", format!("{}\n", self.text))
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

/// Work of milliseconds: beside the tasks of a runtime that has threads for it, at once on a runtime of one thread, such
/// as our own, which must answer even when the process can start no further thread.
pub(super) async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let work = || record::own_work(work);
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
}

/// Threads of [`long_work`] at once. Who asked may be gone long before the work is done: connections do not bound it.
#[cfg(feature = "stacks")]
static LONG_WORK: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// That long one waits for a place.
#[cfg(feature = "stacks")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Work of a second, for which nothing else should wait: on a thread of its own, if there can be one. It waits for its turn.
#[cfg(feature = "stacks")]
pub(super) async fn long_work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    use std::sync::{Arc, Mutex, PoisonError};
    // Whoever has the places may not be there any more: in a forked child.
    let place = tokio::time::timeout(PATIENCE, LONG_WORK.acquire()).await.ok().and_then(Result::ok);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let shared = Arc::new(Mutex::new(Some(work)));
    let take = |shared: &Mutex<Option<_>>| shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    let other = Arc::clone(&shared);
    let run = move || {
        crate::signals::block_all();
        let _place = place;
        let _own = record::OwnThread::enter();
        if let Some(work) = take(&other) {
            let _ = sender.send(work());
        }
    };
    match std::thread::Builder::new().name("perf-sdk-work".to_owned()).spawn(run) {
        Ok(_) => receiver.await.unwrap_or_else(|_| {
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the profile could not be made: its thread panicked"))
        }),
        Err(_) => match take(&shared) {
            Some(work) => record::own_work(work),
            None => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the profile could not be made")),
        },
    }
}

/// 200 with what `write` writes of a snapshot.
pub(super) async fn written(
    content_type: &'static str,
    snapshot: Snapshot,
    write: impl FnOnce(&Snapshot, &mut Vec<u8>) -> io::Result<()> + Send + 'static,
) -> Result<Response, Refusal> {
    work(move || {
        let mut body = Vec::new();
        write(&snapshot, &mut body)?;
        Ok(ok(content_type, body))
    })
    .await
}

fn with_status(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
