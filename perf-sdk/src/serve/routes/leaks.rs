//! `/leaks`: the verdicts of the leak detector, as a page or as JSON.

use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;

use crate::collect;
use crate::export;
use crate::memory;
use crate::serve::capture::Query;
use crate::serve::pages::leaks;
use crate::serve::reply::{self, Refusal};

pub(super) async fn leaks(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let accepts_json = || {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accepted.is_some_and(|accepted| accepted.trim_start().starts_with("application/json"))
    };
    let is_json = match query.get("format") {
        None => accepts_json(),
        Some("html") => false,
        Some("json") => true,
        Some(other) => return Err(Refusal::bad(format!("format is {other:?}; allowed: html, json"))),
    };
    reply::work(move || {
        let leaks = collect::leaks();
        if is_json {
            let mut body = Vec::new();
            // Before the first evaluation, the list is empty.
            export::json::write(&leaks.unwrap_or_default(), &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", leaks::leaks(leaks.as_ref(), &memory::heap_state())))
    })
    .await
}
