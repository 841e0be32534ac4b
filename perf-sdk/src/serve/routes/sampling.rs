//! `POST /api/v1/sampling`: how many calls are measured.

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::record::{self, Rule};
use crate::scope::Rate;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn set(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["pattern", "rate"])?;
    let Some(pattern) = query.get("pattern") else {
        return Err(Refusal::bad("there is no pattern; allowed: module::function, with * for any text"));
    };
    let rate = match query.get("rate") {
        Some("default") => None,
        Some(text) => Some(text.parse::<Rate>().map_err(|error| Refusal::bad(format!("rate: {error}, or default")))?),
        None => return Err(Refusal::bad("there is no rate; allowed: always, never, 1/N, N%, or default")),
    };
    let rule = Rule { pattern: pattern.to_owned(), rate };
    reply::work(move || {
        let places = record::add_rules(&[rule]);
        Ok(reply::ok("text/plain; charset=utf-8", format!("{places} annotated places changed their rate\n")))
    })
    .await
}

/// Anything but POST.
pub(super) async fn not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "allowed: POST")
}
