//! Routes: one file for each, or for several that differ only in the format.

mod alerts;
mod assets;
#[cfg(feature = "heap")]
mod dhat;
mod events;
mod findings;
mod flame;
#[cfg(feature = "flight")]
mod flight;
mod format;
mod function;
mod functions;
mod healthz;
mod history;
#[cfg(feature = "hdr")]
mod hlog;
mod index;
mod leaks;
mod metrics;
mod overview;
mod pages;
#[cfg(any(feature = "heap", feature = "stacks"))]
mod pprof;
mod profile;
mod queries;
mod report;
mod scaling;
mod settings;
mod slow;
mod snapshot;
mod targets;

use std::sync::LazyLock;

use axum::extract::{OriginalUri, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};

pub(crate) use settings::SettingsHooks;

use super::capture::Query;
use super::encoding;
use super::foreign;
use super::reply::Refusal;

/// What a response costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// A fold of the records: milliseconds.
    Fold,
    /// Takes long, or changes how the process runs, as sampling does. A window of seconds makes any
    /// route a capture.
    Capture,
}

/// The route that names addresses. They may be posted, because a query is too short for them.
const SYMBOL: &str = "/debug/pprof/symbol";

/// The dashboard, which has no data in it.
const SHELL: &str = "/";
/// The page of the flamegraph viewer, which has none either.
const VIEWER: &str = "/flame";
/// Files that the pages load, which are the same in each process of a version.
const ASSETS: &str = "/assets/{name}";

/// All routes that only read, with their cost.
fn table() -> Vec<(&'static str, MethodRouter, Cost)> {
    use Cost::Fold;
    #[cfg_attr(not(any(feature = "heap", feature = "stacks")), allow(unused_mut))]
    let mut table: Vec<(&'static str, MethodRouter, Cost)> = vec![
        (SHELL, get(index::shell), Fold),
        ("/pages", get(pages::page), Fold),
        ("/metrics", get(metrics::metrics), Fold),
        #[cfg(feature = "svg")]
        ("/flamegraph", get(profile::flamegraph), Fold),
        (VIEWER, get(flame::viewer), Fold),
        ("/api/v1/flame", get(flame::calls), Fold),
        #[cfg(feature = "stacks")]
        ("/api/v1/flame/cpu", get(flame::cpu), Cost::Capture),
        #[cfg(feature = "stacks")]
        ("/api/v1/flame/wall", get(flame::wall), Cost::Capture),
        #[cfg(all(feature = "heap", feature = "stacks"))]
        ("/api/v1/flame/heap", get(flame::heap), Cost::Capture),
        // Looks up the names of the addresses in samples.
        ("/report", get(report::report), Cost::Capture),
        ("/folded", get(profile::folded), Fold),
        ("/speedscope", get(profile::speedscope), Fold),
        ("/snapshot", get(snapshot::json), Fold),
        #[cfg(feature = "hdr")]
        ("/hlog", get(hlog::hlog), Fold),
        ("/leaks", get(leaks::leaks), Fold),
        ("/api/v1/history", get(history::history), Fold),
        ("/api/v1/overview", get(overview::overview), Fold),
        ("/api/v1/functions", get(functions::functions), Fold),
        ("/api/v1/function", get(function::function), Fold),
        ("/targets", get(targets::targets), Fold),
        ("/alerts", get(alerts::alerts), Fold),
        ("/api/v1/events", get(events::events), Fold),
        ("/findings", get(findings::findings), Fold),
        ("/api/v1/scaling", get(scaling::scaling), Fold),
        ("/queries", get(queries::queries), Fold),
        // Look up the names of the addresses in samples.
        ("/slow", get(slow::slow), Cost::Capture),
        ("/api/v1/slow", get(slow::json), Cost::Capture),
        #[cfg(feature = "flight")]
        ("/flight", get(flight::list), Fold),
        #[cfg(feature = "flight")]
        ("/api/v1/flight", get(flight::new), Cost::Capture),
        #[cfg(feature = "flight")]
        ("/api/v1/flight/{name}", get(flight::kept), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/", get(pprof::index), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof", get(pprof::moved), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/block", get(pprof::block), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/mutex", get(pprof::mutex), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/cmdline", get(pprof::cmdline), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/goroutine", get(pprof::goroutine), Fold),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        ("/debug/pprof/scopes", get(pprof::scopes), Fold),
        #[cfg(feature = "stacks")]
        ("/debug/fgprof", get(pprof::wall), Cost::Capture),
        #[cfg(feature = "stacks")]
        ("/debug/pprof/profile", get(pprof::profile), Cost::Capture),
        #[cfg(any(feature = "heap", feature = "stacks"))]
        (SYMBOL, get(pprof::symbol).post(pprof::symbol_posted), Cost::Capture),
        // Looks up the names of the addresses in stacks.
        #[cfg(feature = "heap")]
        ("/debug/pprof/heap", get(pprof::heap), Cost::Capture),
        #[cfg(feature = "heap")]
        ("/debug/pprof/allocs", get(pprof::allocs), Cost::Capture),
        #[cfg(feature = "heap")]
        ("/dhat", get(dhat::dhat), Fold),
        ("/healthz", get(healthz::ok), Fold),
        (ASSETS, get(assets::asset), Fold),
        ("/assets/flame.css", get(assets::flame_style), Fold),
        ("/assets/flame.js", get(assets::flame_script), Fold),
        ("/assets/flame-file.html", get(assets::flame_file), Fold),
    ];
    #[cfg(any(feature = "heap", feature = "stacks"))]
    table.extend(pprof::MISSING.iter().map(|(path, _)| (*path, get(pprof::missing), Fold)));
    table
}

/// Whether this is the path, whose last part may be a name.
fn is_at(path: &str, uri: &Uri) -> bool {
    match path.strip_suffix("{name}") {
        Some(before) => uri.path().strip_prefix(before).is_some_and(|name| !name.is_empty() && !name.contains('/')),
        None => path == uri.path(),
    }
}

/// Whether a response is the same whatever the program does: pages whose scripts ask for data, and
/// files. These need no token.
pub(super) fn is_static(uri: &Uri) -> bool {
    [SHELL, VIEWER].contains(&uri.path()) || is_asset(uri)
}

/// Whether it is a file that pages load. Pages of other origins may load it too.
pub(super) fn is_asset(uri: &Uri) -> bool {
    is_at(ASSETS, uri)
}

/// Whether no method at this path changes anything.
pub(super) fn only_reads(uri: &Uri) -> bool {
    static PATHS: LazyLock<Vec<&'static str>> =
        LazyLock::new(|| table().into_iter().map(|(path, _, _)| path).collect());
    PATHS.iter().any(|path| is_at(path, uri))
}

/// Whether a request takes long or changes how the process runs.
pub(super) fn is_capture(uri: &Uri) -> bool {
    // A weight or a window in its address is for its script, which asks for the data.
    if uri.path() == VIEWER {
        return false;
    }
    static CAPTURES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        table().into_iter().filter(|(_, _, cost)| *cost == Cost::Capture).map(|(path, _, _)| path).collect()
    });
    // An invalid query is refused by its route, before anything is done.
    let asks = |query: Query| query.get("seconds").is_some() || query.get("weight").is_some_and(profile::is_sampled);
    CAPTURES.iter().any(|path| is_at(path, uri)) || Query::parse_any(uri).is_ok_and(asks)
}

/// All routes of the profiler, to be mounted on a server of your own, behind its TLS and
/// authentication.
///
/// ```
/// let app: axum::Router = axum::Router::new().nest("/perf", perf_sdk::router());
/// ```
///
/// Responses are compressed for clients that accept it (`Accept-Encoding: gzip`), and are not
/// compressed again by a layer of your own. Links on the pages are relative, so they work under any
/// prefix. Neither the Host header nor the token is checked here: this is your server's task.
/// Captures that a page of another origin requests (`Sec-Fetch-Site`) are refused here too, where
/// browsers send this header: on loopback and over TLS. `/debug/pprof/cmdline` returns the name of
/// the program only. A stream of events ends after half a minute, so that your server can end; a
/// browser goes on where it was. On a multi-threaded runtime, a response is made on one of its
/// blocking threads, not beside your tasks.
///
/// With the feature `metrics`, the program's own `metrics` are in the scrape. This needs that no
/// recorder is installed when the profiler is running and the routes are mounted, whichever comes
/// later: then one is installed.
pub fn router() -> Router {
    #[cfg(feature = "metrics")]
    super::user_metrics::mount();
    routes().layer(Extension(events::Visit)).layer(middleware::from_fn(encoding::encode))
}

/// All routes that only read.
pub(super) fn routes() -> Router {
    let mount = |router: Router, (path, methods, _): (&'static str, MethodRouter, Cost)| {
        router.route(path, refusing(methods, if path == SYMBOL { "GET, HEAD, POST" } else { "GET, HEAD" }))
    };
    table().into_iter().fold(Router::new(), mount).fallback(not_found).layer(middleware::from_fn(no_foreign_captures))
}

/// Adds a response to all other methods.
fn refusing(methods: MethodRouter, allowed: &'static str) -> MethodRouter {
    methods.fallback(move |method: Method, OriginalUri(uri): OriginalUri| not_allowed(allowed, method, uri))
}

async fn no_foreign_captures(request: Request, next: Next) -> Response {
    if is_capture(request.uri())
        && let Err(refusal) = foreign::check_site(request.headers(), true)
    {
        return refusal.into_response();
    }
    next.run(request).await
}

/// Routes that change something: only on our own endpoint, where the token is checked.
pub(super) fn changes(hooks: SettingsHooks) -> Router {
    let methods = get(move |uri| settings::list(hooks, uri)).post(move |uri| settings::change(hooks, uri));
    Router::new().route("/api/v1/settings", refusing(methods, "GET, HEAD, POST"))
}

async fn not_found(uri: Uri) -> Refusal {
    #[cfg(any(feature = "heap", feature = "stacks"))]
    let is_there =
        |path: &&str| !path.starts_with("/assets/") && !pprof::MISSING.iter().any(|(missing, _)| missing == path);
    #[cfg(not(any(feature = "heap", feature = "stacks")))]
    let is_there = |path: &&str| !path.starts_with("/assets/");
    let paths: Vec<&str> = table().iter().map(|(path, _, _)| *path).filter(is_there).collect();
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no route {}; allowed: {}", uri.path(), paths.join(", ")))
}

async fn not_allowed(allowed: &'static str, method: Method, uri: Uri) -> Response {
    let text = format!("{method} is not allowed at {}; allowed: {allowed}", uri.path());
    let mut response = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}
