//! `/pages`: the table of functions without scripts, with links to everything else.

use axum::http::Uri;
use axum::response::Response;

use crate::collect;
use crate::serve::capture::Query;
use crate::serve::pages::index;
use crate::serve::reply::{self, Refusal};

pub(super) async fn page(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    reply::work(|| Ok(reply::ok("text/html; charset=utf-8", index::index(&collect::take())))).await
}
