//! `/targets`: what the program's figures ought to be, and whether they are, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::wants_json;
use crate::collect;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::pages::targets;
use crate::serve::reply::{self, Refusal};

pub(super) async fn targets(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_json = wants_json(&query, &headers)?;
    reply::work(move || {
        let judgement = collect::targets();
        if is_json {
            let mut body = Vec::new();
            // Without targets, and before the first judgement, the list is empty.
            export::json::write(&judgement.unwrap_or_default(), &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", targets::targets(judgement.as_ref())))
    })
    .await
}
