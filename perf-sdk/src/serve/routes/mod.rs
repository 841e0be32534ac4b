//! One file a route, or a family of routes that differ in a format only.

mod assets;
#[cfg(feature = "heap")]
mod dhat;
mod healthz;
mod hlog;
mod index;
mod leaks;
mod metrics;
#[cfg(any(feature = "heap", feature = "stacks"))]
mod pprof;
mod profile;
mod sampling;
mod snapshot;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};

use super::reply::Refusal;

/// What is served where.
fn table() -> Vec<(&'static str, MethodRouter)> {
    vec![
        ("/", get(index::page)),
        ("/metrics", get(metrics::metrics)),
        #[cfg(feature = "svg")]
        ("/flamegraph", get(profile::flamegraph)),
        ("/folded", get(profile::folded)),
        ("/speedscope", get(profile::speedscope)),
        ("/snapshot", get(snapshot::json)),
        ("/hlog", get(hlog::hlog)),
        ("/leaks", get(leaks::leaks)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/", get(pprof::index)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/block", get(pprof::block)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/mutex", get(pprof::mutex)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/cmdline", get(pprof::cmdline)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/goroutine", get(pprof::goroutine)),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/scopes", get(pprof::scopes)),
        #[cfg(feature = "stacks")]
        ("/debug/fgprof", get(pprof::wall)),
        #[cfg(feature = "stacks")]
        ("/debug/pprof/profile", get(pprof::profile)),
        #[cfg(feature = "stacks")]
        ("/debug/pprof/symbol", get(pprof::symbol)),
        #[cfg(feature = "heap")]
        ("/debug/pprof/heap", get(pprof::heap)),
        #[cfg(feature = "heap")]
        ("/debug/pprof/allocs", get(pprof::allocs)),
        #[cfg(feature = "heap")]
        ("/dhat", get(dhat::dhat)),
        ("/healthz", get(healthz::ok)),
        ("/assets/style.css", get(assets::style)),
        ("/assets/sort.js", get(assets::sort)),
    ]
}

/// All routes of the profiler, to be mounted on a server of your own, behind its TLS and authentication.
///
/// ```
/// let app: axum::Router = axum::Router::new().nest("/perf", perf_sdk::router());
/// ```
///
/// The pages link relatively, so they work under any prefix. Neither the Host header nor the token is checked here: that
/// is your server's part. On a runtime of several threads a page is made on one of its blocking threads, not beside your
/// tasks.
pub fn router() -> Router {
    table()
        .into_iter()
        .fold(Router::new(), |router, (path, method)| router.route(path, method.fallback(not_allowed)))
        .fallback(not_found)
}

/// Routes that change something: on our own endpoint only, where the token is checked.
pub(super) fn changes() -> Router {
    Router::new()
        .route("/api/v1/sampling", post(sampling::set).fallback(sampling::not_allowed))
        .route("/api/v1/heap", post(sampling::heap).fallback(sampling::not_allowed))
        .route("/api/v1/recording", post(sampling::switch).fallback(sampling::not_allowed))
}

async fn not_found(uri: Uri) -> Refusal {
    let paths: Vec<&str> = table().iter().map(|(path, _)| *path).filter(|path| !path.starts_with("/assets/")).collect();
    Refusal::new(StatusCode::NOT_FOUND, format!("nothing is at {}; there is {}", uri.path(), paths.join(", ")))
}

async fn not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let mut response = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not allowed at {}; allowed: GET, HEAD", uri.path()),
    )
    .into_response();
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
    response
}
