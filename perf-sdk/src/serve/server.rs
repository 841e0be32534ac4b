//! The endpoint's own thread, independent of the user's runtime.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::IntoResponse as _;
use hyper::body::{Frame, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::access::{self, Access};
use super::connections::{Answering, Connections, Seat};
use super::encoding;
use super::host_name;
use super::reading_peer::Progress;
use super::reply::Refusal;
use super::routes::{self, SettingsHooks};
#[cfg(unix)]
use super::socket::{self, SocketFile};
use super::token::Token;
use crate::base::background::Background;
use crate::base::descriptors::{self, Kept, Open};
use crate::base::fork::Moment;
use crate::base::notice::say;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::error::Error;
use crate::record::{OwnThread, Part};
use crate::settings::{Builder, DEFAULT_ADDRESS, Listen, Settings};

/// The maximum number of connections. For a further one, a connection that waits for a request is
/// closed.
const MAX_CONNECTIONS: usize = 64;
/// The timeout for a request's head, including the idle time between requests.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The maximum lifetime of a connection: a capture of an hour, and its response.
const CONNECTION_TIME: Duration = Duration::from_secs(3_900);
/// The maximum size of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// The maximum bytes of complete responses that wait for their readers. Scrapes are written as they
/// are read.
const MAX_HELD: u64 = 64 << 20;
static HELD: AtomicU64 = AtomicU64::new(0);
/// The interval between attempts to bind the default address.
const RETRY: Duration = Duration::from_secs(2);

/// The running endpoint, which closes when this drops.
#[derive(Debug)]
pub(crate) struct Server {
    address: Arc<Mutex<Option<SocketAddr>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<Background>,
}

enum Listener {
    Tcp(TcpListener),
    /// The default address cannot be bound yet, for this reason.
    Later(io::Error),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener, SocketFile),
}

impl Server {
    /// `None` when the endpoint is off, or the default one cannot be had at all.
    pub(crate) fn start(settings: &Settings, builder: &Builder, hooks: SettingsHooks) -> Result<Option<Self>, Error> {
        #[cfg(feature = "metrics")]
        super::user_metrics::start(
            builder.metrics_handle.as_ref(),
            settings.listen != Listen::Off || settings.otlp.is_some(),
            settings.buckets.rules(),
        );
        #[cfg(not(feature = "metrics"))]
        let _ = builder;
        let Some(listener) = bind(settings)? else { return Ok(None) };
        let token = Token::of(settings)?;
        let announcement = announcement(settings, &listener, &token);
        let bound = match &listener {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            _ => None,
        };
        let access = Arc::new(Access {
            guarded: settings.token.is_some() && bound.is_some_and(|address| !address.ip().is_loopback()),
            guard: settings.guard,
            check_host: !matches!(settings.listen, Listen::Unix(_)),
            hosts: settings.allow_hosts.names().to_vec(),
            own_names: host_name::own(),
            is_local: bound.is_none_or(|address| address.ip().is_loopback()),
            token,
        });
        let address = Arc::new(Mutex::new(bound));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&address);
        let thread = begin(move |runtime, begun| {
            #[cfg(unix)]
            let held = held(&listener, &runtime);
            begun();
            runtime.spawn(run(listener, access, shared, hooks));
            let _ = runtime.block_on(stopped);
            #[cfg(unix)]
            drop(held);
            runtime.shutdown_background();
        });
        let thread = match thread {
            Ok(thread) => thread,
            Err(source) => {
                crate::record::refused_thread();
                if let Some(key) = settings.named(&["listen"]) {
                    return Err(Error::Thread { key, source });
                }
                say(&format!("no endpoint: the system could not start a thread for it: {source}"));
                return Ok(None);
            }
        };
        say(&announcement);
        Ok(Some(Self { address, stop: Some(stop), thread: Some(thread) }))
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unpoisoned()
    }

    /// Signals it to close, without waiting.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Closes it, and waits for that until `end` at most.
    pub(crate) fn end_by(mut self, end: Instant) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            thread.end_by(end);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        // It ends at its next await. A fold or an export takes milliseconds.
        drop(self.thread.take());
    }
}

/// Descriptors that a forked child must not keep: the listener, and those that the runtime opens
/// before there is any connection.
#[cfg(unix)]
fn held(listener: &Listener, runtime: &Runtime) -> Vec<descriptors::Held> {
    use descriptors::Held;
    use std::os::fd::AsRawFd as _;
    let own = match listener {
        Listener::Tcp(listener) => Some(listener.as_raw_fd()),
        Listener::Unix(listener, _) => Some(listener.as_raw_fd()),
        Listener::Later(_) => None,
    };
    #[cfg_attr(not(target_os = "linux"), allow(unused_mut))]
    let mut held: Vec<Held> = own.into_iter().map(Held::new).collect();
    #[cfg(target_os = "linux")]
    if let Ok((one, _other)) = std::os::unix::net::UnixStream::pair()
        && one.set_nonblocking(true).is_ok()
    {
        let _entered = runtime.enter();
        if let Ok(watched) = tokio::net::UnixStream::from_std(one) {
            held.extend(descriptors::of_runtime(watched.as_raw_fd()).into_iter().map(Held::new));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = runtime;
    held
}

/// Runs `work` on a thread of its own, with a runtime that is built there, and waits until it
/// reports that it has begun.
///
/// Building a tokio runtime accesses the current thread, which panics if the profiler is started in
/// the destructor of a thread-local.
fn begin(work: impl FnOnce(Runtime, &dyn Fn()) + Send + 'static) -> io::Result<Background> {
    /// The timeout for building a runtime, which takes microseconds.
    const PATIENCE: Duration = Duration::from_secs(10);
    let begun: Arc<(Mutex<Option<io::Result<()>>>, Condvar)> = Arc::default();
    let shared = Arc::clone(&begun);
    let tell = move |result| {
        *shared.0.lock().unpoisoned() = Some(result);
        shared.1.notify_one();
    };
    let thread = Background::start("perf-sdk", move |_| {
        let _own = OwnThread::enter(Part::Server);
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => work(runtime, &|| tell(Ok(()))),
            Err(error) => tell(Err(error)),
        }
    })?;
    let result = begun.0.lock().unpoisoned();
    let (mut result, _) = begun.1.wait_timeout_while(result, PATIENCE, |result| result.is_none()).unpoisoned();
    result.take().unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map(|()| thread)
}

fn bind(settings: &Settings) -> Result<Option<Listener>, Error> {
    let refused = |source| Error::Listen { address: settings.listen.to_string(), source };
    match &settings.listen {
        Listen::Off => Ok(None),
        Listen::Default => Ok(Some(TcpListener::bind(DEFAULT_ADDRESS).map_or_else(Listener::Later, Listener::Tcp))),
        Listen::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp).map(Some).map_err(refused),
        Listen::Unix(path) => bind_unix(path).map(Some).map_err(refused),
    }
}

#[cfg(not(unix))]
fn bind_unix(_: &Path) -> io::Result<Listener> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn bind_unix(path: &Path) -> io::Result<Listener> {
    socket::bind(path).map(|(listener, file)| Listener::Unix(listener, file))
}

/// The message with the endpoint's address and the token's file. It never contains the token,
/// because logs have many readers.
fn announcement(settings: &Settings, listener: &Listener, token: &Token) -> String {
    let place = match listener {
        Listener::Later(why) => format!(
            "http://{DEFAULT_ADDRESS}/ once it is free: {why}; recording continues; set PERF_LISTEN to another address, or to port 0 for a free port"
        ),
        Listener::Tcp(listener) => match listener.local_addr() {
            Ok(address) => format!("http://{address}/"),
            Err(_) => settings.listen.to_string(),
        },
        #[cfg(unix)]
        Listener::Unix(..) => settings.listen.to_string(),
    };
    match (token.file(), token.missing()) {
        (Some(file), _) => format!("{place} · token in {}", file.display()),
        (None, Some(why)) => format!("{place} · read-only, because {why}; set PERF_TOKEN to allow changes"),
        (None, None) => place,
    }
}

async fn run(listener: Listener, access: Arc<Access>, address: Arc<Mutex<Option<SocketAddr>>>, hooks: SettingsHooks) {
    let routes = routes::routes()
        .merge(routes::changes(hooks))
        .layer(middleware::from_fn(move |request: Request, next| access::check(Arc::clone(&access), request, next)));
    #[cfg(feature = "metrics")]
    tokio::spawn(super::user_metrics::upkeep());
    // NOTE: dropped before the listener.
    let _held;
    let listener = match listener {
        #[cfg(unix)]
        Listener::Unix(listener, file) => return serve_unix(listener, file, routes).await,
        Listener::Tcp(listener) => listener,
        Listener::Later(_) => loop {
            tokio::time::sleep(RETRY).await;
            if let Ok((listener, held)) = bind_late() {
                *address.lock().unpoisoned() = listener.local_addr().ok();
                _held = held;
                break listener;
            }
        },
    };
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let connections = Connections::new(MAX_CONNECTIONS);
    loop {
        match accept(|cx| listener.poll_accept(cx)).await {
            Ok((stream, _)) => {
                admit(&connections, stream, routes.clone()).await;
            }
            Err(error) => not_accepted(&error, &connections).await,
        }
    }
}

/// Binds the address that was in use at the start. No fork happens in between.
fn bind_late() -> io::Result<(TcpListener, descriptors::Held)> {
    let _moment = Moment::begin();
    let listener = TcpListener::bind(DEFAULT_ADDRESS)?;
    let held = descriptors::Held::of(&listener);
    Ok((listener, held))
}

#[cfg(unix)]
async fn serve_unix(listener: std::os::unix::net::UnixListener, _file: SocketFile, routes: Router) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    let connections = Connections::new(MAX_CONNECTIONS);
    loop {
        match accept(|cx| listener.poll_accept(cx)).await {
            Ok((stream, _)) => admit(&connections, stream, routes.clone()).await,
            Err(error) => not_accepted(&error, &connections).await,
        }
    }
}

/// Accepts a connection. No fork happens in between.
async fn accept<S: Open, A>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(S, A)>>,
) -> io::Result<(Kept<S>, A)> {
    std::future::poll_fn(|cx| {
        let _moment = Moment::begin();
        poll(cx).map_ok(|(stream, address)| (Kept::new(stream), address))
    })
    .await
}

/// The process has no descriptor left, or the peer is gone already. Neither improves by an
/// immediate retry.
async fn not_accepted(error: &io::Error, connections: &Connections) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        connections.make_room();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Serves a connection as soon as there is a place.
async fn admit(
    connections: &Arc<Connections>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    routes: Router,
) {
    let seat = Arc::new(connections.seat().await);
    let task = tokio::spawn(connection(stream, routes, Arc::clone(&seat)));
    seat.is_served_by(task.abort_handle());
    // The new task is polled before the next connection is accepted, so that a connection whose
    // request has already arrived does not count as waiting.
    tokio::task::yield_now().await;
}

pub(super) async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    routes: Router,
    seat: Arc<Seat>,
) {
    let stream = Progress::new(stream, Some(Arc::clone(&seat)));
    let routes = routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let answering = seat.begins_answer();
        async move {
            let response = next.run(request).await;
            let Some(held) = Held::of(&HELD, response.body().size_hint().exact().unwrap_or(0)) else {
                let text = format!(
                    "{MAX_HELD} bytes of responses wait for their readers, which is the maximum; try again later"
                );
                return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
            };
            response.map(|body| Body::new(Answer { body, _held: held, _answering: answering }))
        }
    }));
    // Outermost, so that the limit applies to compressed bodies.
    let routes = routes.layer(middleware::from_fn(encoding::encode));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // An aborted connection or a protocol error of the peer is not reported.
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
}

/// A body that reports its end.
struct Answer {
    body: Body,
    _held: Held,
    _answering: Answering,
}

/// The bytes of responses that are in memory until they are read.
#[derive(Debug)]
struct Held {
    all: &'static AtomicU64,
    bytes: u64,
}

impl Held {
    /// `None` if the limit would be exceeded. A response that exceeds the limit by itself is
    /// allowed if there is no other, because it is in memory already.
    fn of(all: &'static AtomicU64, bytes: u64) -> Option<Self> {
        let add = |held: u64| (held == 0 || held + bytes <= MAX_HELD).then_some(held + bytes);
        all.fetch_update(Relaxed, Relaxed, add).ok()?;
        Some(Self { all, bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Relaxed);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_unread_responses_is_limited() {
        static ALL: AtomicU64 = AtomicU64::new(0);
        let held: Vec<_> = std::iter::from_fn(|| Held::of(&ALL, MAX_HELD / 4)).take(10).collect();
        assert_eq!(held.len(), 4);
        assert!(Held::of(&ALL, 1).is_none() && Held::of(&ALL, 0).is_some());
        drop(held);
        let large = Held::of(&ALL, 2 * MAX_HELD);
        assert!(large.is_some() && Held::of(&ALL, 1).is_none());
        drop(large);
        assert!(Held::of(&ALL, 1).is_some());
    }
}
