//! `/snapshot`: the whole snapshot, as JSON.

use axum::http::Uri;
use axum::response::Response;

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn json(uri: Uri) -> Result<Response, Refusal> {
    let snapshot = Query::parse(&uri, &["seconds"])?.snapshot().await?;
    reply::written("application/json", snapshot, export::json::write).await
}
