//! `POST /api/v1/sampling`, `POST /api/v1/recording`: how many calls are measured, and whether any are recorded.

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::rate::Rate;
use crate::record::{self, Rule};
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

/// `POST /api/v1/recording`: on or off.
pub(super) async fn switch(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["state"])?;
    let (on, said) = match query.get("state") {
        Some("on") => (true, "recording\n"),
        Some("off") => (false, "not recording\n"),
        other => return Err(Refusal::bad(format!("state is {:?}; allowed: on, off", other.unwrap_or("")))),
    };
    record::set_recording(on);
    Ok(reply::ok("text/plain; charset=utf-8", said))
}

/// Anything but POST.
pub(super) async fn not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "allowed: POST")
}
