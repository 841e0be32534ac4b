//! `/debug/pprof/…`: what Go's `pprof` and those who speak its protocol ask for.

use std::io;

use axum::Extension;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::export::pprof;
#[cfg(feature = "heap")]
use crate::export::pprof::Opens;
#[cfg(feature = "stacks")]
use crate::export::safe;
#[cfg(feature = "stacks")]
use crate::export::{WallWeight, folded};
use crate::serve::access::BoreToken;
use crate::serve::capture::Query;
#[cfg(feature = "stacks")]
use crate::serve::capture::USUAL;
use crate::serve::html;
use crate::serve::reply::{self, Refusal};
#[cfg(all(feature = "heap", feature = "stacks"))]
use crate::snapshot::HeapStacksNow;
use crate::snapshot::Snapshot;

/// What there is, and what it is.
const PROFILES: &[(&str, &str, bool)] = &[
    #[cfg(feature = "stacks")]
    ("profile", "CPU time by stack, sampled", true),
    #[cfg(feature = "stacks")]
    ("fgprof", "wall time by stack, of threads that run and that wait, over 30 s", true),
    #[cfg(feature = "heap")]
    ("heap", "what is allocated and not freed, by who allocated it", true),
    #[cfg(feature = "heap")]
    ("allocs", "all that was allocated since sampling began", true),
    (
        "scopes",
        "the exact call tree of profiled functions: calls, wall, CPU and off-CPU time, allocations, bytes",
        true,
    ),
    ("mutex", "time that others waited for locks of perf_sdk::sync, by who held them", true),
    ("block", "time spent waiting for locks and condvars of perf_sdk::sync, by who waited", true),
    ("goroutine", "threads and tasks, by the profiled functions that they are in", false),
    ("cmdline", "how the program was started; its arguments with the token", false),
];

/// What there is, with how to look at it.
pub(super) async fn index() -> Response {
    let mut page = html::begin("perf-sdk: profiles", Some("../.."));
    page.push_str("<header><h1>perf-sdk</h1><span class=\"facts\">profiles for <code>go tool pprof</code> and whoever reads its format</span></header><table><tbody>");
    for (name, what, has_window) in PROFILES {
        // As the middleware of that name has it.
        let path = if *name == "fgprof" { "debug/fgprof".to_owned() } else { format!("debug/pprof/{name}") };
        page.push_str(&format!("<tr><td><a href=\"{path}\">{name}</a></td><td class=\"words\">{what}"));
        if *has_window {
            page.push_str(&format!("; <a href=\"{path}?seconds=30\">of the next 30 s</a>"));
        }
        page.push_str("</td></tr>");
    }
    page.push_str("</tbody></table></body></html>");
    reply::ok("text/html; charset=utf-8", page)
}

#[cfg(feature = "heap")]
pub(super) async fn heap(uri: Uri) -> Response {
    answer("heap", allocations(&uri, Opens::InUse).await)
}

#[cfg(feature = "heap")]
pub(super) async fn allocs(uri: Uri) -> Response {
    answer("allocs", allocations(&uri, Opens::Allocated).await)
}

/// Threads and tasks.
pub(super) async fn goroutine(uri: Uri) -> Response {
    answer("goroutine", of_snapshot(&uri, pprof::write_running).await)
}

/// Who held locks that others waited for.
pub(super) async fn mutex(uri: Uri) -> Response {
    answer("mutex", of_snapshot(&uri, pprof::write_mutex).await)
}

/// Who waited for locks.
pub(super) async fn block(uri: Uri) -> Response {
    answer("block", of_snapshot(&uri, pprof::write_block).await)
}

/// The exact call tree.
pub(super) async fn scopes(uri: Uri) -> Response {
    answer("scopes", of_snapshot(&uri, pprof::write_scopes).await)
}

/// Sampled stacks of the next 30 seconds, or as many as the request says.
#[cfg(feature = "stacks")]
pub(super) async fn profile(uri: Uri) -> Response {
    answer("profile", sampled(&uri).await)
}

/// Wall time of the next 30 seconds, or as many as the request says.
#[cfg(feature = "stacks")]
pub(super) async fn wall(uri: Uri) -> Response {
    answer("fgprof", waited(&uri).await)
}

/// The command line, its arguments separated by null bytes: they may hold secrets, so all but the
/// program's name are for those who bear the token.
pub(super) async fn cmdline(uri: Uri, bore_token: Option<Extension<BoreToken>>) -> Response {
    let result = parse(&uri, &[]).map(|_| {
        let most = if bore_token.is_some() { usize::MAX } else { 1 };
        let arguments: Vec<String> =
            std::env::args_os().take(most).map(|argument| argument.to_string_lossy().into_owned()).collect();
        reply::ok("text/plain; charset=utf-8", arguments.join("\0"))
    });
    result.unwrap_or_else(refuse)
}

/// Functions at addresses, `0x…+0x…`.
#[cfg(feature = "stacks")]
pub(super) async fn symbol(uri: Uri) -> Response {
    const MOST: usize = 10_000;
    let addresses: Vec<u64> = uri
        .query()
        .unwrap_or_default()
        .split('+')
        .filter_map(|text| u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok())
        .take(MOST)
        .collect();
    let result = reply::long_work(move || {
        // What Go says that has symbols.
        let mut text = "num_symbols: 1\n".to_owned();
        for (address, name) in crate::snapshot::names_of(&addresses) {
            text.push_str(&format!("{address:#x} {}\n", safe::line(&name)));
        }
        Ok(reply::ok("text/plain; charset=utf-8", text))
    });
    result.await.unwrap_or_else(refuse)
}

fn parse(uri: &Uri, known: &[&str]) -> Result<Query, Refusal> {
    let query = Query::parse(uri, &[known, &["seconds", "gc", "debug", "trace_id"]].concat())?;
    if query.get("trace_id").is_some_and(|text| text != "true" && text != "false") {
        return Err(Refusal::bad("trace_id is neither true nor false; allowed: true, false"));
    }
    if query.get("debug").is_some_and(|debug| debug != "0") {
        return Err(Refusal::bad("debug is not 0; allowed: 0, the binary format"));
    }
    Ok(query)
}

async fn of_snapshot(uri: &Uri, write: fn(&Snapshot, &mut Vec<u8>) -> io::Result<()>) -> Result<Response, Refusal> {
    let snapshot = parse(uri, &[])?.snapshot().await?;
    reply::written("application/octet-stream", snapshot, write).await
}

/// `gc` is accepted, as Go does: nothing here is collected.
#[cfg(feature = "heap")]
async fn allocations(uri: &Uri, opens: Opens) -> Result<Response, Refusal> {
    let query = parse(uri, &[])?;
    #[cfg(feature = "stacks")]
    return allocations_at_stacks(query, opens).await;
    #[cfg(not(feature = "stacks"))]
    {
        let (before, now) = query.window().await?;
        reply::written("application/octet-stream", now, move |now, body| {
            pprof::write_heap(now, before.as_ref().map(|(before, _)| before), opens, body)
        })
        .await
    }
}

/// With stacks where they are known.
#[cfg(all(feature = "heap", feature = "stacks"))]
async fn allocations_at_stacks(query: Query, opens: Opens) -> Result<Response, Refusal> {
    let take = || (HeapStacksNow::take(), crate::snapshot::take());
    let (before, (stacks, now)) = query.window_of(take).await?;
    reply::long_work(move || {
        let mut body = Vec::new();
        let stacks = stacks.map(HeapStacksNow::resolve);
        let (before, _place) = before.unzip();
        let resolved = before.map(|(stacks, snapshot)| (stacks.map(HeapStacksNow::resolve), snapshot));
        let before = resolved.as_ref().map(|(stacks, snapshot)| (snapshot, stacks.as_ref()));
        match (&stacks, before) {
            (Some(stacks), None) => pprof::write_heap_stacks((&now, stacks), None, opens, &mut body)?,
            (Some(stacks), Some((snapshot, Some(was)))) => {
                pprof::write_heap_stacks((&now, stacks), Some((snapshot, was)), opens, &mut body)?;
            }
            (_, before) => pprof::write_heap(&now, before.map(|(snapshot, _)| snapshot), opens, &mut body)?,
        }
        Ok(reply::ok("application/octet-stream", body))
    })
    .await
}

#[cfg(feature = "stacks")]
async fn sampled(uri: &Uri) -> Result<Response, Refusal> {
    let query = parse(uri, &["hz"])?;
    let mut profile = query.cpu_profile(Some(USUAL)).await?;
    if is_without_trace_ids(&query) {
        profile = profile.without_trace_ids();
    }
    reply::work(move || {
        let mut body = Vec::new();
        pprof::write_cpu(&profile, &mut body)?;
        Ok(reply::ok("application/octet-stream", body))
    })
    .await
}

/// Collectors that make a series of each value of a label say so.
#[cfg(feature = "stacks")]
fn is_without_trace_ids(query: &Query) -> bool {
    query.get("trace_id") == Some("false")
}

#[cfg(feature = "stacks")]
async fn waited(uri: &Uri) -> Result<Response, Refusal> {
    let query = parse(uri, &["hz", "threads", "format"])?;
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
        Ok(reply::ok("application/octet-stream", body))
    })
    .await
}

fn answer(name: &str, result: Result<Response, Refusal>) -> Response {
    match result {
        Ok(mut response) => {
            if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
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
