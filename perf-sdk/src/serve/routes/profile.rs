//! `/flamegraph`, `/folded`, `/speedscope`: the call tree by weight.

use std::io;

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::export::{self, Weight};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::Snapshot;

#[cfg(feature = "svg")]
pub(super) async fn flamegraph(uri: Uri) -> Result<Response, Refusal> {
    draw(&uri, "image/svg+xml", export::flamegraph::write).await
}

pub(super) async fn folded(uri: Uri) -> Result<Response, Refusal> {
    draw(&uri, "text/plain; charset=utf-8", export::folded::write).await
}

pub(super) async fn speedscope(uri: Uri) -> Result<Response, Refusal> {
    draw(&uri, "application/json", export::speedscope::write).await
}

type Write = fn(&Snapshot, Weight, Option<&str>, &mut Vec<u8>) -> io::Result<()>;

async fn draw(uri: &Uri, content_type: &'static str, write: Write) -> Result<Response, Refusal> {
    let query = Query::parse(uri, &["weight", "function", "seconds"])?;
    let weight: Weight = query
        .get("weight")
        .unwrap_or("wall")
        .parse()
        .map_err(|e: export::UnknownWeight| Refusal::bad(e.to_string()))?;
    let function = query.get("function").map(str::to_owned);
    let snapshot = query.snapshot().await?;
    if weight.needs_allocations() && !snapshot.has_allocations {
        let text = format!(
            "there is no {weight} weight: the program's global allocator is neither perf_sdk::Alloc nor perf_sdk::Counted"
        );
        return Err(Refusal::new(StatusCode::NOT_FOUND, text));
    }
    if weight.needs_heap() && snapshot.heap.is_none() {
        let state = &snapshot.profiler.heap;
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no {weight} weight: sampling of the live heap: {state}"),
        ));
    }
    if let Some(function) = &function
        && !export::has_function(&snapshot, function)
    {
        let names: Vec<&str> = snapshot.functions.iter().map(|f| f.name.as_str()).take(50).collect();
        let text = format!("function {function:?} was not called; there is {}", names.join(", "));
        return Err(Refusal::new(StatusCode::NOT_FOUND, text));
    }
    reply::written(content_type, snapshot, move |snapshot, body| write(snapshot, weight, function.as_deref(), body))
        .await
}
