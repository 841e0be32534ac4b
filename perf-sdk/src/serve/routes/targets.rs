//! `/targets`: what the program's figures ought to be, and whether they are, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::page_or_json;
use crate::collect;
use crate::serve::pages::targets;
use crate::serve::reply::Refusal;

/// Without targets, and before the first judgement, the list is empty.
pub(super) async fn targets(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    page_or_json(uri, headers, collect::targets, targets::targets).await
}
