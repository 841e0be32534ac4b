//! Requests of an HTTP server, as a layer of `tower`.
//!
//! | file | job |
//! |---|---|
//! | `routes` | routes of servers, and what is counted of each |
//! | `body` | bodies of responses, which are counted until their end |

mod body;
mod routes;

use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use body::CountedBody;
use body::{Counting, Running};
pub(super) use routes::DISTRIBUTION;
use routes::{Ended, Server, Sum};

use super::parents::Parents;
use super::registry::Entry;
use crate::outcome::Outcome;
use crate::reading::Description;
use crate::record::{self, Judge, Profiled};
use crate::scope::Site;

type RouteOf = dyn for<'a> Fn(&'a Extensions) -> Option<&'a str> + Send + Sync;
type ConnectionOf = dyn Fn(&Extensions) -> Option<u64> + Send + Sync;

/// Connections that had a request lately.
static CONNECTIONS: Parents = Parents::new();

/// Measures the requests of an HTTP server: their rate, duration, errors and bytes by route. Each
/// request is a call of a profiled function named after its route, such as `GET /user/{id}`.
///
/// ```
/// /// What the router puts into the extensions of a request; axum's is `MatchedPath`.
/// #[derive(Clone)]
/// struct Template(&'static str);
///
/// let measured = perf_sdk::watch_http("api")
///     .route(|extensions| extensions.get::<Template>().map(|template| template.0));
/// # let _ = measured;
/// // let app = axum::Router::new().route("/user/{id}", get(user)).layer(measured);
/// ```
///
/// A request ends with its response's body. It is `cancelled` if it is dropped before. As a call it
/// ends with the head of the response: in error if the service returns one or the status is 500 or
/// above, so that `error_ratio("GET /user/{id}") < 1%` is a target. `docs/http-layer.md` lists the
/// metrics.
///
/// A second layer with the same name joins the first: both count the same server.
///
/// **Limits.** 128 routes of a server; requests of further ones count as `(other)`, and those
/// without a route as `(unknown)`. A path is never a label.
///
/// **Cost.** That of a profiled future, two clock reads and some counters. It allocates for the
/// first request of a route only. `poll_ready` is that of the service.
///
/// **Blind spots.** Bytes of a request's body are counted if their number is declared. What
/// headers take is not counted.
#[must_use]
pub fn watch_http(name: &str) -> HttpLayer {
    HttpLayer { server: Some(routes::server(name)), route: None, connection: None }
}

/// A layer of `tower` that measures requests: see [`watch_http`].
#[derive(Clone)]
pub struct HttpLayer {
    /// `None` before a compression.
    server: Option<&'static Entry<Server>>,
    route: Option<Arc<RouteOf>>,
    connection: Option<Arc<ConnectionOf>>,
}

impl fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").field("server", &self.server.map(|server| server.name)).finish_non_exhaustive()
    }
}

impl HttpLayer {
    /// Tells the template of the route that a request matched, by the request's extensions. Without
    /// this, and where it returns `None`, the route is `(unknown)`.
    #[must_use]
    pub fn route<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(&'a Extensions) -> Option<&'a str> + Send + Sync + 'static,
    {
        Self { route: Some(Arc::new(route)), ..self }
    }

    /// Tells which connection a request came by, by the request's extensions: the peer's address
    /// with its port. Then requests are counted by whether they are the first one of theirs.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// let measured = perf_sdk::watch_http("connections")
    ///     .connection(|extensions| extensions.get::<SocketAddr>().copied());
    /// # let _ = measured;
    /// ```
    ///
    /// The latest 8,192 connections are told from new ones. A new connection with the address and
    /// port of one of them counts as reused.
    #[must_use]
    pub fn connection<C: Hash>(self, connection: impl Fn(&Extensions) -> Option<C> + Send + Sync + 'static) -> Self {
        let server = self.server.map_or(0, |server| std::ptr::from_ref(server).addr());
        let hashed = move |extensions: &Extensions| {
            let mut hasher = DefaultHasher::new();
            (server, connection(extensions)?).hash(&mut hasher);
            Some(hasher.finish())
        };
        Self { connection: Some(Arc::new(hashed)), ..self }
    }

    /// The layer that belongs between the handlers and a layer that compresses responses. It tells
    /// this one how many bytes these had, and how long it took to make them: the rest is
    /// compression.
    ///
    /// ```
    /// let measured = perf_sdk::watch_http("compressed");
    /// let inner = measured.before_compression();
    /// # let _ = inner;
    /// // router.layer(inner).layer(CompressionLayer::new()).layer(measured)
    /// ```
    #[must_use]
    pub fn before_compression(&self) -> Self {
        Self { server: None, route: None, connection: None }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, layer: self.clone() }
    }
}

/// A service whose requests are measured: see [`watch_http`].
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    layer: HttpLayer,
}

impl<S, A, B> Service<Request<A>> for HttpService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    A: Body,
    B: Body,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = HttpFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> HttpFuture<S::Future> {
        let (site, kind) = match self.layer.server {
            None => (None, Kind::Size),
            Some(_) if record::is_off() => (None, Kind::Nothing),
            Some(server) => self.layer.begin(server, &request),
        };
        // PERF: one place makes it, since futures are large.
        HttpFuture { inner: Profiled::new(site, self.inner.call(request), Status), kind }
    }
}

impl HttpLayer {
    fn begin<A: Body>(&self, server: &'static Entry<Server>, request: &Request<A>) -> (Option<&'static Site>, Kind) {
        let _operation = record::operation();
        let template = self.route.as_ref().and_then(|route| route(request.extensions()));
        let route = Server::route(server, request.method().as_str(), template);
        if let Some(connection) = self.connection.as_ref().and_then(|of| of(request.extensions())) {
            server.note_connection(CONNECTIONS.count(connection) > 1);
        }
        route.add(Sum::RequestBytes, request.body().size_hint().exact().unwrap_or(0));
        let kind = Kind::Request { running: Running::new(route), is_head: request.method() == Method::HEAD };
        (route.site, kind)
    }
}

/// The outcome of a request as a call.
#[derive(Clone, Copy, Debug)]
struct Status;

impl<B, E> Judge<Result<Response<B>, E>> for Status {
    #[inline]
    fn outcome(&self, value: &Result<Response<B>, E>) -> Outcome {
        match value {
            Ok(response) if !response.status().is_server_error() => Outcome::Ok,
            _ => Outcome::Error,
        }
    }
}

#[derive(Debug)]
enum Kind {
    Nothing,
    Size,
    Request { running: Running, is_head: bool },
}

pin_project! {
    /// A request of an [`HttpService`], until the head of its response.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpFuture<F> {
        #[pin]
        inner: Profiled<F, Status>,
        kind: Kind,
    }
}

impl<F, B, E> Future for HttpFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.inner.poll(context));
        let kind = std::mem::replace(this.kind, Kind::Nothing);
        let _operation = (!matches!(kind, Kind::Nothing)).then(record::operation);
        let counting = match (&mut result, kind) {
            (Ok(response), Kind::Request { running, is_head }) => Counting::of_request(running, is_head, response),
            (Ok(response), Kind::Size) => Counting::of_size(response.extensions_mut()),
            (Err(_), Kind::Request { mut running, .. }) => {
                running.end_as(Ended::Failed);
                Counting::Nothing
            }
            _ => Counting::Nothing,
        };
        Poll::Ready(result.map(|response| response.map(|body| CountedBody::new(body, counting))))
    }
}

/// Everything that a server may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    routes::descriptions()
}

#[cfg(test)]
mod tests;
