//! `/snapshot`: everything, as JSON.

use axum::http::Uri;
use axum::response::Response;

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply;

pub(super) async fn json(uri: Uri) -> Result<Response, Response> {
    let snapshot = Query::parse(&uri, &["seconds"]).map_err(|r| *r)?.snapshot().await.map_err(|r| *r)?;
    reply::written("application/json", |body| export::json::write(&snapshot, body))
}
