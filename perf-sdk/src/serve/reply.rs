//! Responses that all routes share.

use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// What no page of ours needs is forbidden to all of them.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// 200 with a body.
pub(super) fn ok(content_type: &str, body: impl Into<Body>) -> Response {
    with_status(StatusCode::OK, content_type, body)
}

/// 200 with what `write` writes, or its error.
pub(super) fn written(
    content_type: &str,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Result<Response, Response> {
    let mut body = Vec::new();
    match write(&mut body) {
        Ok(()) => Ok(ok(content_type, body)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(refusal(StatusCode::NOT_FOUND, &error.to_string()))
        }
        Err(error) => Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())),
    }
}

/// Plain text that says what was wrong.
pub(super) fn refusal(status: StatusCode, text: &str) -> Response {
    with_status(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn with_status(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
