//! Static files that the pages load.

use axum::http::Uri;
use axum::response::Response;

use crate::export;
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

pub(super) async fn flame_style(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/css; charset=utf-8", export::VIEWER_STYLE))
}

pub(super) async fn flame_script(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/javascript; charset=utf-8", export::viewer_script()))
}

/// The file of the viewer without its data, of which the page makes a file of what it shows. It is
/// no page: it has marks where its parts go.
pub(super) async fn flame_file(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    Ok(reply::ok("text/plain; charset=utf-8", export::VIEWER_FILE))
}
