//! `/debug/pprof/…`: the protocol of Go's `net/http/pprof`.

use std::io;

use axum::Extension;
use axum::body::{self, Body, HttpBody as _};
use axum::extract::OriginalUri;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

#[cfg(all(feature = "heap", feature = "stacks"))]
use crate::collect::HeapStacksNow;
#[cfg(feature = "heap")]
use crate::export::pprof::Opens;
use crate::export::pprof::{self, Listing};
use crate::export::safe;
#[cfg(feature = "stacks")]
use crate::export::{WallWeight, folded};
use crate::serve::bearer::BoreToken;
use crate::serve::capture::Query;
#[cfg(feature = "stacks")]
use crate::serve::capture::USUAL;
use crate::serve::pages::profiles;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::Snapshot;

/// Profiles of Go that do not exist here: the path, and a message that names an alternative.
pub(super) const MISSING: &[(&str, &str)] = &[
    (
        "/debug/pprof/threadcreate",
        "there is no profile of the creation of threads, because it is not recorded; /debug/pprof/goroutine has the \
         running calls, /metrics the number of threads",
    ),
    (
        "/debug/pprof/trace",
        "there is no execution trace, which is a trace of Go's scheduler; /debug/fgprof has the stacks in which threads \
         run and wait, /flamegraph?weight=offcpu the time that profiled functions wait",
    ),
    #[cfg(not(feature = "heap"))]
    ("/debug/pprof/heap", "there is no heap profile: the program is built without the feature heap of perf-sdk"),
    #[cfg(not(feature = "heap"))]
    (
        "/debug/pprof/allocs",
        "there is no profile of allocations: the program is built without the feature heap of perf-sdk",
    ),
    #[cfg(not(feature = "stacks"))]
    (
        "/debug/pprof/profile",
        "there is no CPU profile: the program is built without the feature stacks of perf-sdk; /debug/pprof/scopes \
         has the CPU time of profiled functions",
    ),
];

/// Responds with the reason why a profile does not exist.
pub(super) async fn missing(uri: Uri) -> Response {
    let is_it = |(path, _): &&(&str, &str)| uri.path().ends_with(path);
    let why = MISSING.iter().find(is_it).map_or("there is no such profile", |(_, why)| why);
    refuse(Refusal::new(StatusCode::NOT_IMPLEMENTED, why))
}

/// `/debug/pprof`: redirects to the path with a slash, which relative links need.
pub(super) async fn moved(OriginalUri(uri): OriginalUri) -> Response {
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let to = format!("/{}/{query}", uri.path().trim_start_matches('/'));
    let location = HeaderValue::from_str(&to);
    let mut response = Refusal::new(StatusCode::MOVED_PERMANENTLY, format!("moved to {to}")).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The page that lists the profiles. `debug` is Go's, which has one form of this page only too.
pub(super) async fn index(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &["debug"])?;
    Ok(reply::ok("text/html; charset=utf-8", profiles::profiles()))
}

#[cfg(feature = "heap")]
pub(super) async fn heap(uri: Uri) -> Response {
    answer("heap", allocations(&uri, Opens::InUse).await)
}

#[cfg(feature = "heap")]
pub(super) async fn allocs(uri: Uri) -> Response {
    answer("allocs", allocations(&uri, Opens::Allocated).await)
}

/// Running calls and open futures.
pub(super) async fn goroutine(uri: Uri) -> Response {
    answer("goroutine", of_snapshot(&uri, Listing::Count { name: "goroutine" }, pprof::write_running).await)
}

/// Waits for locks, by the holder.
pub(super) async fn mutex(uri: Uri) -> Response {
    answer("mutex", of_snapshot(&uri, Listing::Contention { name: "mutex" }, pprof::write_mutex).await)
}

/// Waits for locks, by the waiter.
pub(super) async fn block(uri: Uri) -> Response {
    answer("block", of_snapshot(&uri, Listing::Contention { name: "contention" }, pprof::write_block).await)
}

/// The exact call tree.
pub(super) async fn scopes(uri: Uri) -> Response {
    let result = async {
        let snapshot = parse(&uri, &[], Text::Elsewhere("/folded has text"))?.0.snapshot().await?;
        reply::written(BINARY, snapshot, pprof::write_scopes).await
    };
    answer("scopes", result.await)
}

/// Sampled stacks of the next 30 seconds, or of the window in the request.
#[cfg(feature = "stacks")]
pub(super) async fn profile(uri: Uri) -> Response {
    answer("profile", sampled(&uri).await)
}

/// Wall time of the next 30 seconds, or of the window in the request.
#[cfg(feature = "stacks")]
pub(super) async fn wall(uri: Uri) -> Response {
    answer("fgprof", waited(&uri).await)
}

/// The command line, its arguments separated by null bytes. Arguments may contain secrets, so
/// without the token it is the name of the program only.
pub(super) async fn cmdline(uri: Uri, bore_token: Option<Extension<BoreToken>>) -> Response {
    // It is always text.
    let result = parse(&uri, &[], Text::Always).map(|_| {
        let most = if bore_token.is_some() { usize::MAX } else { 1 };
        let arguments: Vec<String> =
            std::env::args_os().take(most).map(|argument| argument.to_string_lossy().into_owned()).collect();
        reply::ok("text/plain; charset=utf-8", arguments.join("\0"))
    });
    result.unwrap_or_else(refuse)
}

/// The maximum number of addresses in one request for names, and of its bytes.
const MOST_ADDRESSES: usize = 10_000;
const MOST_BYTES: usize = 20 * MOST_ADDRESSES;

/// Names the functions at the addresses in the query, `0x…+0x…`.
pub(super) async fn symbol(uri: Uri) -> Response {
    names(uri.query().unwrap_or_default()).await.unwrap_or_else(refuse)
}

/// Names the functions at the addresses in the body, as `go tool pprof` requests them.
pub(super) async fn symbol_posted(body: Body) -> Response {
    let result = async {
        let too_large = || {
            let text = format!("the body has more than {MOST_BYTES} bytes; allowed: up to {MOST_ADDRESSES} addresses");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        };
        if body.size_hint().lower() > MOST_BYTES as u64 {
            return Err(too_large());
        }
        let bytes = body::to_bytes(body, MOST_BYTES).await.map_err(|_| too_large())?;
        names(&String::from_utf8_lossy(&bytes)).await
    };
    result.await.unwrap_or_else(refuse)
}

async fn names(addresses: &str) -> Result<Response, Refusal> {
    let addresses: Vec<u64> = addresses
        .split('+')
        .filter_map(|text| u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok())
        .take(MOST_ADDRESSES)
        .collect();
    let work = move || {
        // Any number but 0 tells Go's tools that there are symbols.
        let mut text = "num_symbols: 1\n".to_owned();
        #[cfg(feature = "stacks")]
        let code = crate::collect::names_of(&addresses);
        #[cfg(not(feature = "stacks"))]
        let code = Vec::new();
        for (address, name) in code.into_iter().chain(pprof::names_of_scopes(&crate::collect::take(), &addresses)) {
            text.push_str(&format!("{address:#x} {}\n", safe::line(&name)));
        }
        Ok(reply::ok("text/plain; charset=utf-8", text))
    };
    #[cfg(feature = "stacks")]
    return reply::long_work(work).await;
    #[cfg(not(feature = "stacks"))]
    reply::work(work).await
}

const BINARY: &str = "application/octet-stream";

/// How a route responds to the parameter `debug`.
enum Text {
    /// 1 and 2 have the same effect: the profile as text.
    As(Listing),
    /// It is refused. The message names another route or parameter for text.
    Elsewhere(&'static str),
    /// It is ignored.
    Always,
}

/// The query, and the form of text that it requests. `None` means the binary format.
fn parse(uri: &Uri, known: &[&str], text: Text) -> Result<(Query, Option<Listing>), Refusal> {
    let query = Query::parse(uri, &[known, &["seconds", "gc", "debug", "trace_id"]].concat())?;
    if query.get("trace_id").is_some_and(|text| text != "true" && text != "false") {
        return Err(Refusal::bad("trace_id is neither true nor false; allowed: true, false"));
    }
    let listing = match (query.get("debug"), text) {
        (None | Some("0"), _) | (_, Text::Always) => None,
        (Some("1" | "2"), Text::As(listing)) => Some(listing),
        (Some(debug), Text::As(_)) => {
            let text = format!("debug is {debug:?}; allowed: 0 for the binary format, 1 or 2 for text");
            return Err(Refusal::bad(text));
        }
        (Some(debug), Text::Elsewhere(place)) => {
            return Err(Refusal::bad(format!("debug is {debug:?}; allowed: 0 for the binary format; {place}")));
        }
    };
    Ok((query, listing))
}

/// Responds with a profile, as it is or as text.
fn profile_as(listing: Option<Listing>, zipped: Vec<u8>) -> Result<Response, Refusal> {
    let Some(listing) = listing else { return Ok(reply::ok(BINARY, zipped)) };
    let mut text = Vec::new();
    pprof::write_text(&zipped, listing, &mut text)?;
    Ok(reply::ok("text/plain; charset=utf-8", text))
}

async fn of_snapshot(
    uri: &Uri,
    listing: Listing,
    write: fn(&Snapshot, &mut Vec<u8>) -> io::Result<()>,
) -> Result<Response, Refusal> {
    let (query, listing) = parse(uri, &[], Text::As(listing))?;
    let snapshot = query.snapshot().await?;
    reply::work(move || {
        let mut body = Vec::new();
        write(&snapshot, &mut body)?;
        profile_as(listing, body)
    })
    .await
}

/// `gc` is accepted as in Go, but has no effect: there is no garbage collector.
#[cfg(feature = "heap")]
async fn allocations(uri: &Uri, opens: Opens) -> Result<Response, Refusal> {
    let known: &[&str] = if cfg!(feature = "stacks") { &["names"] } else { &[] };
    let (query, listing) = parse(uri, known, Text::As(Listing::Heap))?;
    #[cfg(feature = "stacks")]
    return allocations_at_stacks(query, listing, opens).await;
    #[cfg(not(feature = "stacks"))]
    {
        let (before, now) = query.window().await?;
        reply::work(move || {
            let mut body = Vec::new();
            pprof::write_heap(&now, before.as_ref().map(|(before, _)| before), opens, &mut body)?;
            profile_as(listing, body)
        })
        .await
    }
}

/// Includes the stacks of allocations where they are known.
#[cfg(all(feature = "heap", feature = "stacks"))]
async fn allocations_at_stacks(query: Query, listing: Option<Listing>, opens: Opens) -> Result<Response, Refusal> {
    let take = || (HeapStacksNow::take(), crate::collect::take());
    let names = query.names()?;
    let (before, (stacks, now)) = query.window_of(take).await?;
    reply::long_work(move || {
        let mut body = Vec::new();
        let resolve = |stacks: HeapStacksNow| stacks.resolve(names);
        let stacks = stacks.map(resolve);
        let (before, _place) = before.unzip();
        let resolved = before.map(|(stacks, snapshot)| (stacks.map(resolve), snapshot));
        let before = resolved.as_ref().map(|(stacks, snapshot)| (snapshot, stacks.as_ref()));
        match (&stacks, before) {
            (Some(stacks), None) => pprof::write_heap_stacks((&now, stacks), None, opens, &mut body)?,
            (Some(stacks), Some((snapshot, Some(was)))) => {
                pprof::write_heap_stacks((&now, stacks), Some((snapshot, was)), opens, &mut body)?;
            }
            (_, before) => pprof::write_heap(&now, before.map(|(snapshot, _)| snapshot), opens, &mut body)?,
        }
        profile_as(listing, body)
    })
    .await
}

#[cfg(feature = "stacks")]
async fn sampled(uri: &Uri) -> Result<Response, Refusal> {
    let (query, listing) = parse(uri, &["hz", "names"], Text::As(Listing::Count { name: "cpu" }))?;
    let mut profile = query.cpu_profile(Some(USUAL)).await?;
    if is_without_trace_ids(&query) {
        profile = profile.without_trace_ids();
    }
    reply::work(move || {
        let mut body = Vec::new();
        pprof::write_cpu(&profile, &mut body)?;
        profile_as(listing, body)
    })
    .await
}

/// Requested by collectors that make one series for each value of a label.
#[cfg(feature = "stacks")]
fn is_without_trace_ids(query: &Query) -> bool {
    query.get("trace_id") == Some("false")
}

#[cfg(feature = "stacks")]
async fn waited(uri: &Uri) -> Result<Response, Refusal> {
    let elsewhere = Text::Elsewhere("format=folded is text");
    let (query, _) = parse(uri, &["hz", "threads", "format", "names"], elsewhere)?;
    let is_folded = match query.get("format") {
        None | Some("pprof") => false,
        Some("folded") => true,
        Some(other) => return Err(Refusal::bad(format!("format is {other:?}; allowed: pprof, folded"))),
    };
    let mut profile = query.wall_profile().await?;
    if is_without_trace_ids(&query) {
        profile = profile.without_trace_ids();
    }
    reply::work(move || {
        let mut body = Vec::new();
        if is_folded {
            folded::write_wall(&profile, WallWeight::Wall, None, &mut body)?;
            return Ok(reply::ok("text/plain; charset=utf-8", body));
        }
        pprof::write_wall(&profile, &mut body)?;
        Ok(reply::ok(BINARY, body))
    })
    .await
}

fn answer(name: &str, result: Result<Response, Refusal>) -> Response {
    match result {
        Ok(mut response) => {
            // Browsers display text, so it is not an attachment.
            let is_text = response.headers().get(header::CONTENT_TYPE).is_some_and(|is| is != BINARY);
            if !is_text && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            response
        }
        Err(refusal) => refuse(refusal),
    }
}

fn refuse(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    response.headers_mut().insert("x-go-pprof", HeaderValue::from_static("1"));
    response
}
