//! `/flamegraph`, `/folded`, `/speedscope`: the call tree by weight.

use std::io;

use axum::http::{StatusCode, Uri};
use axum::response::Response;

#[cfg(feature = "stacks")]
use crate::export::WallWeight;
use crate::export::{self, Weight};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};
use crate::snapshot::{Snapshot, telling_names};

#[cfg(feature = "svg")]
pub(super) async fn flamegraph(uri: Uri) -> Result<Response, Refusal> {
    #[cfg(feature = "stacks")]
    if let Some(answer) =
        draw_samples(&uri, "image/svg+xml", (export::flamegraph::write_cpu, export::flamegraph::write_wall)).await
    {
        return answer;
    }
    draw(&uri, "image/svg+xml", export::flamegraph::write).await
}

pub(super) async fn folded(uri: Uri) -> Result<Response, Refusal> {
    #[cfg(feature = "stacks")]
    if let Some(answer) =
        draw_samples(&uri, "text/plain; charset=utf-8", (export::folded::write_cpu, export::folded::write_wall)).await
    {
        return answer;
    }
    draw(&uri, "text/plain; charset=utf-8", export::folded::write).await
}

pub(super) async fn speedscope(uri: Uri) -> Result<Response, Refusal> {
    #[cfg(feature = "stacks")]
    if let Some(answer) =
        draw_samples(&uri, "application/json", (export::speedscope::write_cpu, export::speedscope::write_wall)).await
    {
        return answer;
    }
    draw(&uri, "application/json", export::speedscope::write).await
}

/// Parameters that the script of an SVG adds to its URL: the zoom and the search term. So a reload
/// shows the same.
fn own_parameters(content_type: &str) -> &'static [&'static str] {
    if content_type == "image/svg+xml" { &["x", "y", "s"] } else { &[] }
}

type Write = fn(&Snapshot, Weight, Option<&str>, &mut Vec<u8>) -> io::Result<()>;

async fn draw(uri: &Uri, content_type: &'static str, write: Write) -> Result<Response, Refusal> {
    let query = Query::parse(uri, &[&["weight", "function", "seconds"], own_parameters(content_type)].concat())?;
    let weight: Weight = query.get("weight").unwrap_or("wall").parse().map_err(|e: export::UnknownWeight| {
        let more = if cfg!(feature = "stacks") { ", cpu_samples, wall_samples, offcpu_samples" } else { "" };
        Refusal::bad(format!("{e}{more}"))
    })?;
    let function = query.get("function").map(str::to_owned);
    let snapshot = query.snapshot().await?;
    if weight.needs_allocations() && !snapshot.has_allocations {
        let text = format!(
            "the weight {weight} is not available: the program's global allocator is neither perf_sdk::Alloc nor perf_sdk::CountingAlloc"
        );
        return Err(Refusal::new(StatusCode::NOT_FOUND, text));
    }
    if weight.needs_heap() && snapshot.heap.is_none() {
        let state = &snapshot.profiler.heap;
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("the weight {weight} is not available: sampling of the live heap: {state}"),
        ));
    }
    if let Some(function) = &function
        && !export::has_function(&snapshot, function)
    {
        let mut names = telling_names(&snapshot.functions);
        names.truncate(50);
        let text = format!("function {function:?} was not called; allowed: {}", names.join(", "));
        return Err(Refusal::new(StatusCode::NOT_FOUND, text));
    }
    reply::written(content_type, snapshot, move |snapshot, body| write(snapshot, weight, function.as_deref(), body))
        .await
}

/// The weight of CPU samples, which come from sampled stacks and not from recorded calls.
const SAMPLES: &str = "cpu_samples";

/// Whether `weight` is one of sampled stacks.
pub(super) fn is_sampled(weight: &str) -> bool {
    [SAMPLES, "wall_samples", "offcpu_samples"].contains(&weight)
}

#[cfg(feature = "stacks")]
type WriteSamples = (
    fn(&CpuProfile, Option<&str>, &mut Vec<u8>) -> io::Result<()>,
    fn(&WallProfile, WallWeight, Option<&str>, &mut Vec<u8>) -> io::Result<()>,
);

/// `None` if the request asks for another weight.
#[cfg(feature = "stacks")]
async fn draw_samples(
    uri: &Uri,
    content_type: &'static str,
    (write_cpu, write_wall): WriteSamples,
) -> Option<Result<Response, Refusal>> {
    // Other parameters are checked below.
    let weight = Query::parse_any(uri).ok()?.get("weight")?.to_owned();
    let walls = [WallWeight::Wall, WallWeight::OffCpu];
    let wall = walls.into_iter().find(|wall| wall.name() == weight);
    if wall.is_none() && weight != SAMPLES {
        return None;
    }
    let answer = async {
        let known: &[&str] = if wall.is_some() { &["threads"] } else { &[] };
        let known = [&["weight", "function", "seconds", "hz"], known, own_parameters(content_type)].concat();
        let query = Query::parse(uri, &known)?;
        let function = query.get("function").map(str::to_owned);
        let Some(wall) = wall else {
            let profile = query.cpu_profile(None).await?;
            return written(content_type, move |body| write_cpu(&profile, function.as_deref(), body)).await;
        };
        let profile = query.wall_profile().await?;
        written(content_type, move |body| write_wall(&profile, wall, function.as_deref(), body)).await
    };
    Some(answer.await)
}

#[cfg(feature = "stacks")]
async fn written(
    content_type: &'static str,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()> + Send + 'static,
) -> Result<Response, Refusal> {
    reply::work(move || {
        let mut body = Vec::new();
        write(&mut body)?;
        Ok(reply::of_bytes(content_type, body))
    })
    .await
}
