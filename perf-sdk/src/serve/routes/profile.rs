//! `/flamegraph`, `/folded`, `/speedscope`: the call tree by weight.

use std::io;

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::export::{self, Weight};
use crate::serve::capture::{Query, bad};
use crate::serve::reply;
use crate::snapshot::Snapshot;

#[cfg(feature = "svg")]
pub(super) async fn flamegraph(uri: Uri) -> Result<Response, Response> {
    draw(&uri, "image/svg+xml", export::flamegraph::write).await
}

pub(super) async fn folded(uri: Uri) -> Result<Response, Response> {
    draw(&uri, "text/plain; charset=utf-8", export::folded::write).await
}

pub(super) async fn speedscope(uri: Uri) -> Result<Response, Response> {
    draw(&uri, "application/json", export::speedscope::write).await
}

type Write = fn(&Snapshot, Weight, Option<&str>, &mut Vec<u8>) -> io::Result<()>;

async fn draw(uri: &Uri, content_type: &str, write: Write) -> Result<Response, Response> {
    let query = Query::parse(uri, &["weight", "function", "seconds"]).map_err(|r| *r)?;
    let weight: Weight =
        query.get("weight").unwrap_or("wall").parse().map_err(|e: export::UnknownWeight| *bad(&e.to_string()))?;
    let function = query.get("function");
    let snapshot = query.snapshot().await.map_err(|r| *r)?;
    if weight.needs_allocations() && !snapshot.has_allocations {
        let text = format!(
            "there is no {weight} weight: the program's global allocator is neither perf_sdk::Alloc nor perf_sdk::Counted"
        );
        return Err(reply::refusal(StatusCode::NOT_FOUND, &text));
    }
    if let Some(function) = function
        && !export::has_function(&snapshot, function)
    {
        let names: Vec<&str> = snapshot.functions.iter().map(|f| f.name.as_str()).take(50).collect();
        let text = format!("function {function:?} was not called; there is {}", names.join(", "));
        return Err(reply::refusal(StatusCode::NOT_FOUND, &text));
    }
    reply::written(content_type, |body| write(&snapshot, weight, function, body))
}
