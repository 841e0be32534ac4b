//! Static files that the pages load.

use axum::response::Response;

use crate::serve::reply;

pub(super) async fn style() -> Response {
    reply::ok("text/css; charset=utf-8", include_str!("../assets/style.css"))
}

pub(super) async fn sort() -> Response {
    reply::ok("text/javascript; charset=utf-8", include_str!("../assets/sort.js"))
}
