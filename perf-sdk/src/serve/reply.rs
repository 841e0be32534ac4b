//! Responses common to all routes.

use std::io;
#[cfg(feature = "stacks")]
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::runtime::{Handle, RuntimeFlavor};

#[cfg(feature = "stacks")]
use super::concurrency_limit::Places;
use super::content_security_policy;
use crate::base::headroom;
#[cfg(feature = "stacks")]
use crate::base::os_thread::OsThread;
#[cfg(feature = "stacks")]
use crate::base::unpoisoned::Unpoisoned as _;
use crate::export::safe;
use crate::record;
use crate::snapshot::Snapshot;

/// A response 200 with a body.
pub(super) fn ok(content_type: &str, body: impl Into<Body>) -> Response {
    with_status(StatusCode::OK, content_type, body)
}

/// A page whose scripts ask this endpoint for data.
pub(super) fn asking(page: impl Into<Body>) -> Response {
    let mut response = ok("text/html; charset=utf-8", page);
    let policy = HeaderValue::from_static(content_security_policy::ASKING);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// A page with its scripts and styles in it, which have this nonce.
pub(super) fn file(page: impl Into<Body>, nonce: &str) -> Response {
    let mut response = ok("text/html; charset=utf-8", page);
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy::of_file(nonce)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A request that is rejected, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// A rejection with status 400: the request is wrong.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        with_status(self.status, "text/plain; charset=utf-8", format!("{}\n", safe::lines(&self.text)))
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

/// Checks for the memory that a request needs besides its response, whose size is limited
/// elsewhere.
fn check_headroom() -> Result<(), Refusal> {
    if headroom::is_there(2 * headroom::TURN_BYTES) {
        return Ok(());
    }
    let text = "the process has not enough memory left for this response; try again later";
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text))
}

/// Runs work that takes milliseconds: on a blocking thread of a runtime that has some, or directly
/// on a single-threaded runtime. Our own runtime is single-threaded, because it must respond even
/// if the process cannot start another thread.
pub(super) fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> impl Future<Output = Result<T, Refusal>> {
    boxed_work(Box::new(work))
}

/// Boxed, the tasks of all routes are one type: tokio's part of a task is compiled once for each.
type Work<T> = Box<dyn FnOnce() -> Result<T, Refusal> + Send>;

async fn boxed_work<T: Send + 'static>(work: Work<T>) -> Result<T, Refusal> {
    check_headroom()?;
    let work = || record::own_work(work);
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
}

/// Limits the concurrent threads of [`long_work`]. The number of connections does not limit them,
/// because a client may disconnect long before the work is done.
#[cfg(feature = "stacks")]
static LONG_WORK: LongWork =
    LongWork { threads: Places::new(2), waiting: Places::new(8), patience: Duration::from_secs(30) };

/// Runs work that takes up to a second and must not delay anything else, on a thread of its own. It
/// waits for its turn.
#[cfg(feature = "stacks")]
pub(super) fn long_work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> impl Future<Output = Result<T, Refusal>> {
    LONG_WORK.run(work)
}

/// The limits of long work.
#[cfg(feature = "stacks")]
struct LongWork {
    threads: Places,
    /// There are few connections, and those that wait here must leave some for scrapes.
    waiting: Places,
    /// How long one waits for a thread.
    patience: Duration,
}

#[cfg(feature = "stacks")]
impl LongWork {
    fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> impl Future<Output = Result<T, Refusal>> {
        self.run_boxed(Box::new(work))
    }

    async fn run_boxed<T: Send + 'static>(&'static self, work: Work<T>) -> Result<T, Refusal> {
        use std::sync::{Arc, Mutex};
        check_headroom()?;
        let place = match self.waiting.take() {
            Some(_waits) => self.threads.wait(self.patience).await,
            None => None,
        };
        let Some(place) = place else {
            let text = format!(
                "{} profiles are being made, which is the maximum; try again when one is done",
                self.threads.most()
            );
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, text));
        };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // The place moves with the work, and is kept until the work is done, whether or not the
        // client still waits.
        let shared = Arc::new(Mutex::new(Some((work, place))));
        let take = |shared: &Mutex<Option<_>>| shared.lock().unpoisoned().take();
        let other = Arc::clone(&shared);
        let run = move || {
            let _own = record::OwnThread::enter(record::Part::Server);
            if let Some((work, place)) = take(&other) {
                let done = work();
                drop(place);
                let _ = sender.send(done);
            }
        };
        match OsThread::spawn("perf-sdk-work", run) {
            Ok(_) => receiver.await.unwrap_or_else(|_| {
                Err(Refusal::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the profile could not be made: its thread panicked",
                ))
            }),
            Err(_) => match take(&shared) {
                Some((work, _place)) => record::own_work(work),
                None => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the profile could not be made")),
            },
        }
    }
}

/// A response 200 with what `write` makes of a snapshot.
pub(super) fn written(
    content_type: &'static str,
    snapshot: Snapshot,
    write: impl FnOnce(&Snapshot, &mut Vec<u8>) -> io::Result<()> + Send + 'static,
) -> impl Future<Output = Result<Response, Refusal>> {
    work(move || {
        let mut body = Vec::new();
        write(&snapshot, &mut body)?;
        Ok(of_bytes(content_type, body))
    })
}

/// A response 200 with a body of any type, including an SVG.
pub(super) fn of_bytes(content_type: &str, body: Vec<u8>) -> Response {
    #[cfg(feature = "svg")]
    if content_type == "image/svg+xml" {
        let (body, policy) = content_security_policy::of_drawing(body);
        let mut response = ok(content_type, body);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        return response;
    }
    ok(content_type, body)
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
    headers
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(content_security_policy::of(content_type)));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(all(test, feature = "stacks"))]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    static WORK: LongWork =
        LongWork { threads: Places::new(2), waiting: Places::new(3), patience: Duration::from_millis(100) };

    /// Work that reports its beginning, and ends on a signal.
    fn begins(
        began: &Sender<u32>,
        number: u32,
    ) -> (impl Future<Output = Result<u32, Refusal>> + Send + use<>, Sender<()>) {
        let (began, (end, ends)) = (began.clone(), channel());
        let ends: Receiver<()> = ends;
        let run = WORK.run(move || {
            let _ = began.send(number);
            let _ = ends.recv();
            Ok(number)
        });
        (run, end)
    }

    #[test]
    fn a_place_is_kept_after_a_disconnect_until_the_work_is_done() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (began, begins_seen) = channel();
            for round in 0..3 {
                let mut ends = Vec::new();
                for number in 0..2 {
                    let (run, end) = begins(&began, number);
                    ends.push(end);
                    let task = tokio::spawn(run);
                    let start = Instant::now();
                    // The threads of the previous round release their places some time after the
                    // signal.
                    let seen = loop {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        if let Ok(seen) = begins_seen.try_recv() {
                            break seen;
                        }
                        assert!(!task.is_finished() && start.elapsed() < Duration::from_secs(60), "round {round}");
                    };
                    assert_eq!(seen, number);
                    // The client disconnects, and the work continues.
                    task.abort();
                    assert!(task.await.is_err());
                }
                for number in 2..5 {
                    let began = began.clone();
                    let third = WORK.run(move || {
                        let _ = began.send(number);
                        Ok(number)
                    });
                    let refusal = third.await.unwrap_err();
                    assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
                    assert!(refusal.text.contains("2 profiles"), "{}", refusal.text);
                }
                assert!(begins_seen.try_recv().is_err(), "a third one began");
                drop(ends);
                let start = Instant::now();
                while unused(&WORK.threads) < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    assert!(start.elapsed() < Duration::from_secs(60), "a place is lost");
                }
            }
            // As many as the limit wait. A further one is rejected at once, whatever the patience.
            let waits: Vec<_> = std::iter::from_fn(|| WORK.waiting.take()).collect();
            assert_eq!(waits.len(), 3);
            assert_eq!(WORK.run(|| Ok(())).await.unwrap_err().status, StatusCode::TOO_MANY_REQUESTS);
            drop(waits);
            assert!(WORK.run(|| Ok(())).await.is_ok());
            // A panic releases the place too.
            for _ in 0..5 {
                let panicked = WORK.run::<()>(|| panic!("as it should in this test")).await.unwrap_err();
                assert_eq!(panicked.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", panicked.text);
            }
        });
    }

    fn unused(places: &'static Places) -> usize {
        let taken: Vec<_> = std::iter::from_fn(|| places.take()).collect();
        taken.len()
    }
}
