//! `/`: the table of functions.

use axum::extract::OriginalUri;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::serve::{page, reply};
use crate::snapshot;

pub(super) async fn page(OriginalUri(uri): OriginalUri) -> Response {
    // Mounted under a prefix and asked without the slash: the page's relative links would lead astray.
    if !uri.path().ends_with('/') {
        let folder = format!("{}/", uri.path());
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, folder)]).into_response();
    }
    reply::ok("text/html; charset=utf-8", page::html(&snapshot::take()))
}
