//! `/slow` and `/api/v1/slow`: the slowest calls of roots, as a page, as text, as JSON, or as a
//! trace for Perfetto.

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;

use super::format::wants_json;
use crate::collect;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::pages::slow as page;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::SlowCalls;

const ALLOWED: &str = "allowed: html, json, text, perfetto";

#[derive(Clone, Copy)]
enum Form {
    Page,
    Text,
    Json,
    Perfetto,
}

pub(super) async fn slow(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format", "function"])?;
    let form = match query.get("format") {
        Some("html") => Form::Page,
        Some("json") => Form::Json,
        Some("text") => Form::Text,
        Some("perfetto") => Form::Perfetto,
        Some(other) => return Err(Refusal::bad(format!("format is {other:?}; {ALLOWED}"))),
        None if wants_json(&query, &headers)? => Form::Json,
        None => Form::Page,
    };
    answer(form, query.get("function").map(str::to_owned)).await
}

pub(super) async fn json(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["function"])?;
    answer(Form::Json, query.get("function").map(str::to_owned)).await
}

/// Of all functions, or of one.
async fn answer(form: Form, function: Option<String>) -> Result<Response, Refusal> {
    reply::work(move || {
        let mut calls = collect::slow_calls();
        if let Some(name) = function {
            let names: Vec<String> = calls.functions.iter().map(|known| known.full_name()).collect();
            calls.functions.retain(|known| known.name == name || known.full_name() == name);
            if calls.functions.is_empty() {
                let known = if names.is_empty() { "none has calls yet".to_owned() } else { names.join(", ") };
                return Err(Refusal::bad(format!(
                    "function is {name:?}, of which no call is kept; there are: {known}"
                )));
            }
        }
        let mut body = Vec::new();
        Ok(match form {
            Form::Page => reply::ok("text/html; charset=utf-8", page::slow(&calls)),
            Form::Text => {
                export::slow::write_text(&calls, &mut body)?;
                reply::ok("text/plain; charset=utf-8", body)
            }
            Form::Json => {
                export::json::write(&calls, &mut body)?;
                reply::ok("application/json", body)
            }
            Form::Perfetto => perfetto(&calls, body)?,
        })
    })
    .await
}

fn perfetto(calls: &SlowCalls, mut body: Vec<u8>) -> Result<Response, Refusal> {
    export::slow::write_perfetto(calls, &mut body)?;
    let mut response = reply::ok("application/octet-stream", body);
    let name = HeaderValue::from_static("attachment; filename=\"slow.pftrace\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
