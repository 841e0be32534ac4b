//! `/metrics`: a scrape.

use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use axum::response::Response;

use crate::export::{Exposition, Format};
use crate::serve::reply::{self, Refusal};
use crate::snapshot;

/// One for all listeners: what it remembers is the process's.
static EXPOSITION: LazyLock<Exposition> = LazyLock::new(Exposition::new);

pub(super) async fn metrics(headers: HeaderMap) -> Result<Response, Refusal> {
    let accepted: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::negotiate(Some(&accepted.join(",")));
    let mut response = reply::work(move || {
        #[cfg(feature = "metrics")]
        let user = crate::serve::user_metrics::render();
        #[cfg(not(feature = "metrics"))]
        let user: Option<String> = None;
        let mut body = Vec::new();
        EXPOSITION.write(format, &snapshot::take(), user.as_deref(), &mut body)?;
        Ok(reply::ok(format.content_type(), body))
    })
    .await?;
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Accept"));
    Ok(response)
}
