//! `/healthz`: responds if the endpoint is running.

use axum::http::Uri;
use axum::response::Response;

use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn ok(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/plain; charset=utf-8", "ok\n"))
}
