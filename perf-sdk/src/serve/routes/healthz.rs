//! `/healthz`: responds if the endpoint is running.

use axum::response::Response;

use crate::serve::reply;

pub(super) async fn ok() -> Response {
    reply::ok("text/plain; charset=utf-8", "ok\n")
}
