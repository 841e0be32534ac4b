//! `/findings`: what somebody should do, as a page, as text or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::wants_json;
use crate::collect;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::pages::findings;
use crate::serve::reply::{self, Refusal};

pub(super) async fn findings(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_text = match query.get("format") {
        Some("text") => true,
        None | Some("html" | "json") => false,
        Some(other) => return Err(Refusal::bad(format!("format is {other:?}; allowed: html, json, text"))),
    };
    let is_json = !is_text && wants_json(&query, &headers)?;
    reply::work(move || {
        let findings = collect::findings(&collect::take());
        let mut body = Vec::new();
        if is_json {
            export::json::write(&findings, &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        if is_text {
            findings.write_text(&mut body)?;
            return Ok(reply::ok("text/plain; charset=utf-8", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", findings::findings(&findings)))
    })
    .await
}
