//! `/api/v1/scaling`: how many processes the load of this one needs, as JSON.

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::collect;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn scaling(uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    let scaling = collect::scaling().ok_or_else(|| {
        let text = "nothing is decided: there are no rules in PERF_SCALING, or it was not looked yet, which takes 15 seconds or more";
        Refusal::new(StatusCode::NOT_FOUND, text)
    })?;
    let mut body = Vec::new();
    export::json::write(&scaling, &mut body)?;
    Ok(reply::ok("application/json", body))
}
