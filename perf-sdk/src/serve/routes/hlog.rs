//! `/hlog`: an HDR interval log.

use axum::http::Uri;
use axum::response::Response;

use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn hlog(uri: Uri) -> Result<Response, Refusal> {
    let snapshot = Query::parse(&uri, &["seconds"])?.snapshot().await?;
    reply::written("text/plain; charset=utf-8", snapshot, export::hlog::write).await
}
