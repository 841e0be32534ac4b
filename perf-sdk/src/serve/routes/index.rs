//! `/`: the table of functions.

use axum::extract::OriginalUri;
use axum::response::Response;

use crate::collect;
use crate::serve::pages::index;
use crate::serve::reply::{self, Refusal};

pub(super) async fn page(OriginalUri(uri): OriginalUri) -> Result<Response, Refusal> {
    // Mounted at `/prefix` and asked without a slash at the end, the page's links are relative to
    // `prefix/`.
    reply::work(move || {
        let folder = uri.path().rsplit('/').next().filter(|last| !last.is_empty());
        Ok(reply::ok("text/html; charset=utf-8", index::index(&collect::take(), folder)))
    })
    .await
}
