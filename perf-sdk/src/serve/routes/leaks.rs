//! `/leaks`: the verdicts of the leak detector, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::page_or_json;
use crate::collect;
use crate::memory;
use crate::serve::pages::leaks;
use crate::serve::reply::Refusal;

/// Before the first evaluation, the list is empty.
pub(super) async fn leaks(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    page_or_json(uri, headers, collect::leaks, |leaks| leaks::leaks(leaks, &memory::heap_state())).await
}
