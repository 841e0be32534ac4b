//! Pages that are there as JSON too.

use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use serde::Serialize;

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

/// Whether a request asks for JSON: by `format=json`, or without it by its `Accept`.
pub(super) fn wants_json(query: &Query, headers: &HeaderMap) -> Result<bool, Refusal> {
    match query.get("format") {
        None => {
            let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            Ok(accepted.is_some_and(|accepted| accepted.trim_start().starts_with("application/json")))
        }
        Some("html") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(Refusal::bad(format!("format is {other:?}; allowed: html, json"))),
    }
}

/// A page, or the same as JSON. `read` returns `None` where there is nothing yet; the JSON form is
/// that of an empty value then.
pub(super) async fn page_or_json<T: Serialize + Default + 'static>(
    uri: Uri,
    headers: HeaderMap,
    read: fn() -> Option<T>,
    page: fn(Option<&T>) -> String,
) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_json = wants_json(&query, &headers)?;
    reply::work(move || {
        let value = read();
        if is_json {
            let mut body = Vec::new();
            export::json::write(&value.unwrap_or_default(), &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", page(value.as_ref())))
    })
    .await
}
