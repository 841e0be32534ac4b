//! `/dhat`: the live heap over time, for DHAT's viewer.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use crate::export;
use crate::memory;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::HeapProfile;

pub(super) async fn dhat(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    let mut response = reply::work(|| {
        let Some(profile) = HeapProfile::take() else {
            let state = memory::heap_state();
            return Err(Refusal::new(StatusCode::NOT_FOUND, format!("sampling of the live heap: {state}")));
        };
        let mut body = Vec::new();
        export::dhat::write(&profile, &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await?;
    let attachment = HeaderValue::from_static("attachment; filename=\"dhat-heap.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}
