//! `/hlog`: HDR interval log.

use axum::http::Uri;
use axum::response::Response;

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply;

pub(super) async fn hlog(uri: Uri) -> Result<Response, Response> {
    let snapshot = Query::parse(&uri, &["seconds"]).map_err(|r| *r)?.snapshot().await.map_err(|r| *r)?;
    reply::written("text/plain; charset=utf-8", |body| export::hlog::write(&snapshot, body))
}
