//! Pages that are there as JSON too.

use axum::http::{HeaderMap, header};

use crate::serve::capture::Query;
use crate::serve::reply::Refusal;

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
