//! `/alerts`: what ought not to be so, whether it is, and what happened, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::page_or_json;
use crate::collect;
use crate::serve::pages::alerts;
use crate::serve::reply::Refusal;

/// Without rules, and before the first judgement, the lists are empty.
pub(super) async fn alerts(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    page_or_json(uri, headers, collect::alerts_report, alerts::alerts).await
}
