//! `/flame`, the flamegraph viewer, and `/api/v1/flame…`, its data.

use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;

use crate::export::FlameDocument;
use crate::serve::capture::Query;
use crate::serve::pages::flame as page;
use crate::serve::reply::{self, Refusal};

/// Parameters that the page reads from its own address.
const OF_PAGE: [&str; 15] = [
    "weight",
    "colour",
    "from",
    "to",
    "base",
    "seconds",
    "search",
    "function",
    "view",
    "recursion",
    "scope",
    "thread",
    "slow",
    "per",
    "width",
];

/// The page, without any data: its script asks for them.
pub(super) async fn viewer(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &OF_PAGE)?;
    Ok(reply::asking(page::viewer()))
}

/// The calls of profiled functions, by all weights.
pub(super) async fn calls(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["seconds", "download"])?;
    let form = Form::of(&query)?;
    let snapshot = query.snapshot().await?;
    reply::work(move || form.answer("calls", &FlameDocument::of_calls(&snapshot))).await
}

/// CPU time by sampled stacks: of the last minutes with the time of each sample, since the start,
/// or of the next seconds.
#[cfg(feature = "stacks")]
pub(super) async fn cpu(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["from", "to", "seconds", "hz", "download"])?;
    let form = Form::of(&query)?;
    let is_whole = query.get("from") == Some("start");
    if is_whole && query.get("to").is_some() {
        return Err(Refusal::bad("to is given beside from=start; allowed: from=start alone"));
    }
    if query.get("seconds").is_some() {
        if let Some(other) = ["from", "to"].into_iter().find(|name| query.get(name).is_some()) {
            return Err(Refusal::bad(format!("{other} is given beside seconds; allowed: one of both")));
        }
        let profile = query.cpu_profile(None).await?;
        return reply::work(move || form.answer("cpu", &FlameDocument::of_cpu(&profile))).await;
    }
    if !is_whole {
        let now = now_unix_ns();
        let (from, until) = (moment(&query, "from", now)?, moment(&query, "to", now)?);
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return Err(Refusal::bad("from is not before to; allowed: a time before that of to"));
        }
        if let Some(document) = reply::long_work(move || Ok(recorded(from, until))).await? {
            return reply::work(move || form.answer("cpu", &document)).await;
        }
        if from.or(until).is_some() {
            let text = "samples are not kept one by one: PERF_FLIGHT is off, or stacks are not sampled; from=start \
                        has all since the start";
            return Err(Refusal::new(axum::http::StatusCode::NOT_FOUND, text));
        }
    }
    let profile = query.cpu_profile(None).await?;
    reply::work(move || {
        let document = FlameDocument::of_cpu(&profile).saying("since the start; samples have no times");
        form.answer("cpu", &document)
    })
    .await
}

/// All samples that are kept one by one, else their sums since the start. `None` if stacks are not
/// sampled.
#[cfg(feature = "stacks")]
pub(super) fn samples() -> Option<FlameDocument> {
    let since_the_start = || {
        Some(
            FlameDocument::of_cpu(&crate::snapshot::CpuProfile::take()?)
                .saying("since the start; samples have no times"),
        )
    };
    recorded(None, None).or_else(since_the_start)
}

/// Samples one by one, with those in slow calls. `None` if they are not kept.
#[cfg(all(feature = "stacks", feature = "flight"))]
fn recorded(from: Option<u64>, until: Option<u64>) -> Option<FlameDocument> {
    use crate::base::calendar::time_of;
    use crate::collect::{self, RecordedRange};

    let RecordedRange { profile, timeline, kept_unix_ns: (first, last) } = collect::recorded_between(from, until)?;
    let kept = format!("samples are kept from {} to {} UTC (PERF_FLIGHT)", time_of(first), time_of(last));
    let document = FlameDocument::of_cpu(&profile).saying(&kept).with_times(&timeline);
    Some(document.with_slow(&collect::slow_calls(), &collect::take(), &timeline))
}

#[cfg(all(feature = "stacks", not(feature = "flight")))]
fn recorded(_: Option<u64>, _: Option<u64>) -> Option<FlameDocument> {
    None
}

/// Wall time by sampled stacks, of the next seconds.
#[cfg(feature = "stacks")]
pub(super) async fn wall(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["seconds", "hz", "threads", "download"])?;
    let form = Form::of(&query)?;
    let profile = query.wall_profile().await?;
    reply::work(move || form.answer("wall", &FlameDocument::of_wall(&profile))).await
}

/// The live heap by stack, now.
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(super) async fn heap(uri: Uri) -> Result<Response, Refusal> {
    use crate::collect::{self, HeapStacksNow, Names};

    let query = Query::parse(&uri, &["download"])?;
    let form = Form::of(&query)?;
    reply::long_work(move || {
        let snapshot = collect::take();
        let (Some(heap), Some(stacks)) = (snapshot.heap, HeapStacksNow::take()) else {
            let text = format!(
                "there is no live heap by stack: the heap: {}; stacks: {}",
                snapshot.profiler.heap, snapshot.profiler.stacks
            );
            return Err(Refusal::new(axum::http::StatusCode::NOT_FOUND, text));
        };
        let stacks = stacks.resolve(Names::LookedUp);
        form.answer("heap", &FlameDocument::of_heap(&stacks, heap.sample_bytes).at(snapshot.taken_at_unix_ns))
    })
    .await
}

/// As what the data are handed out.
#[derive(Clone, Copy)]
enum Form {
    Json,
    /// One HTML file, to be kept.
    File,
}

impl Form {
    fn of(query: &Query) -> Result<Self, Refusal> {
        Ok(if query.is_set("download")? { Self::File } else { Self::Json })
    }

    fn answer(self, what: &str, document: &FlameDocument) -> Result<Response, Refusal> {
        let mut body = Vec::new();
        if let Self::Json = self {
            document.write_json(&mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        document.write_html(&mut body)?;
        let mut response = reply::ok("text/html; charset=utf-8", body);
        if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"flame-{what}.html\"")) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        }
        Ok(response)
    }
}

#[cfg(feature = "stacks")]
fn now_unix_ns() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// A time in nanoseconds since 1970, of a parameter in seconds.
#[cfg(feature = "stacks")]
fn moment(query: &Query, name: &str, now_unix_ns: u64) -> Result<Option<u64>, Refusal> {
    const MOST: f64 = 1e10;
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| (0.0..MOST).contains(number));
    let ago = |text: &str| {
        let (number_of, seconds) = [("min", 60.0), ("m", 60.0), ("s", 1.0), ("h", 3_600.0)]
            .into_iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
        Some(now_unix_ns.saturating_sub((number(number_of)? * seconds * 1e9) as u64))
    };
    let found = match text.strip_prefix('-') {
        Some(text) => ago(text),
        None if text == "now" => Some(now_unix_ns),
        None => number(text).map(|seconds| (seconds * 1e9) as u64),
    };
    let more = if name == "from" { ", or start" } else { "" };
    let allowed = format!("allowed: now, a time before now such as -30s (s, m, h), or seconds since 1970{more}");
    found.map(Some).ok_or_else(|| Refusal::bad(format!("{name} is {text:?}; {allowed}")))
}

#[cfg(all(test, feature = "stacks"))]
mod tests {
    use super::*;

    #[test]
    fn times_have_parts_of_seconds() {
        const S: u64 = 1_000_000_000;
        let of = |text: &str| {
            let query = Query::parse_any(&format!("/?from={text}").parse().unwrap()).unwrap();
            moment(&query, "from", 1_000 * S).map_err(|refusal| format!("{refusal:?}"))
        };
        for (text, expected) in [
            ("", None),
            ("now", Some(1_000 * S)),
            ("-1.5s", Some(998 * S + S / 2)),
            ("-2min", Some(880 * S)),
            ("-1h", Some(0)),
            ("17.25", Some(17 * S + S / 4)),
        ] {
            assert_eq!(of(text), Ok(expected), "{text}");
        }
        for text in ["-", "-5", "5m", "yesterday", "NaN", "inf", "1e11", "--5s"] {
            let said = of(text).unwrap_err();
            assert!(said.contains(text) && said.contains("allowed: now") && said.contains("start"), "{said}");
        }
    }
}
