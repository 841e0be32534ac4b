//! `/queries`: the statements of databases, as a page or as JSON.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::format::wants_json;
use crate::export;
use crate::instrument;
use crate::serve::capture::Query;
use crate::serve::pages::queries;
use crate::serve::reply::{self, Refusal};

pub(super) async fn queries(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["format"])?;
    let is_json = wants_json(&query, &headers)?;
    reply::work(move || {
        let statements = instrument::statements();
        if is_json {
            let mut body = Vec::new();
            export::json::write(&statements, &mut body)?;
            return Ok(reply::ok("application/json", body));
        }
        Ok(reply::ok("text/html; charset=utf-8", queries::queries(&statements)))
    })
    .await
}
