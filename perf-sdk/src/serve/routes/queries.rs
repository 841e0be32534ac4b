//! `/queries`: the statements of databases, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::page_or_json;
use crate::collect;
use crate::serve::pages::queries;
use crate::serve::reply::Refusal;

pub(super) async fn queries(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let page = |statements: Option<&Vec<_>>| queries::queries(statements.map_or(&[], Vec::as_slice));
    page_or_json(uri, headers, || Some(collect::statements()), page).await
}
