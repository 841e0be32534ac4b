//! `/alerts`: what ought not to be so, whether it is, and what happened, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::wants_json;
use crate::collect;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::pages::alerts;
use crate::serve::reply::{self, Refusal};

pub(super) async fn alerts(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_json = wants_json(&query, &headers)?;
    reply::work(move || {
        let report = collect::alerts_report();
        if is_json {
            let mut body = Vec::new();
            // Without rules, and before the first judgement, the lists are empty.
            export::json::write(&report.unwrap_or_default(), &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", alerts::alerts(report.as_ref())))
    })
    .await
}
