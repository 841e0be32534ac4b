//! Static files that the pages load.

use axum::http::Uri;
use axum::response::Response;

use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn style(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/css; charset=utf-8", include_str!("../assets/style.css")))
}

pub(super) async fn sort(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/javascript; charset=utf-8", include_str!("../assets/sort.js")))
}
