//! `POST /api/v1/sampling`, `…/recording`, `…/heap`: how many calls are measured, whether any are recorded, how much of the live heap is sampled.

use axum::http::Uri;
use axum::response::Response;

use crate::memory;
use crate::rate::Rate;
use crate::record::{self, Rule};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::settings::{ByteSize, Settings};

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

/// `POST /api/v1/heap`: how much of the live heap is sampled.
pub(super) async fn heap(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["sample"])?;
    let size = query.get("sample").unwrap_or("").to_owned();
    reply::work(move || {
        let changed = Settings::changed("heap", &size).map_err(|error| Refusal::bad(error.to_string()))?;
        memory::sample_heap(changed.heap.map(ByteSize::as_bytes));
        Ok(reply::ok("text/plain; charset=utf-8", format!("sampling of the live heap: {}\n", memory::heap_state())))
    })
    .await
}
