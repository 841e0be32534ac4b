//! `/leaks`: the verdicts of the leak detector, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::wants_json;
use crate::collect;
use crate::export;
use crate::memory;
use crate::serve::capture::Query;
use crate::serve::pages::leaks;
use crate::serve::reply::{self, Refusal};

pub(super) async fn leaks(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_json = wants_json(&query, &headers)?;
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
