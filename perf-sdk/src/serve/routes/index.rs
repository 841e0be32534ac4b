//! `/`: the table of functions.

use axum::extract::OriginalUri;
use axum::response::Response;

use crate::collect;
use crate::serve::capture::Query;
use crate::serve::pages::index;
use crate::serve::reply::{self, Refusal};

pub(super) async fn page(OriginalUri(uri): OriginalUri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    // If the routes are mounted at `/prefix` and the request has no slash at the end, links are
    // relative to `prefix/`.
    reply::work(move || {
        let folder = uri.path().rsplit('/').next().filter(|last| !last.is_empty());
        Ok(reply::ok("text/html; charset=utf-8", index::index(&collect::take(), folder)))
    })
    .await
}
