//! `/flight` and `/api/v1/flight`: bundles of evidence.

use std::time::Duration;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::format::page_or_json;
use super::history::seconds;
use crate::flight::{self, Answer, Bundle, Trigger};
use crate::serve::capture::Query;
use crate::serve::pages::flight as page;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::{BundleState, TriggerKind};

/// How long a request waits for its bundle, and between two looks at it.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// Says which bundle a request joined.
const JOINED: &str = "x-perf-joined";

/// The bundles, as a page or as JSON.
pub(super) async fn list(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let page: fn(Option<&Vec<BundleState>>) -> String = |bundles| page::bundles(bundles.map_or(&[], Vec::as_slice));
    page_or_json(uri, headers, || Some(flight::bundles()), page).await
}

/// A new bundle, of the `last` time.
pub(super) async fn new(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["last"])?;
    let last = match query.get("last") {
        None => None,
        Some(text) => Some(seconds(text).filter(|last| *last > 0).map(Duration::from_secs).ok_or_else(|| {
            Refusal::bad(format!("last is {text:?}; allowed: a whole number with s, min or h, such as 60s"))
        })?),
    };
    let trigger = Trigger::now(TriggerKind::Request, "HTTP".to_owned(), String::new());
    let (name, has_joined) = match reply::work(move || Ok(flight::request(trigger, last))).await? {
        Answer::Begun(name) => (name, false),
        Answer::Joined(name) => (name, true),
        Answer::Refused(why) => return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)),
    };
    let start = tokio::time::Instant::now();
    loop {
        let of = name.clone();
        match reply::work(move || Ok(flight::wait(&of, Duration::ZERO))).await? {
            Some(Ok(bundle)) => return Ok(answer(&bundle, has_joined)),
            Some(Err(why)) => {
                let text = format!("the bundle {name} could not be made: {why}");
                return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text));
            }
            None if start.elapsed() > PATIENCE => {
                let text = format!("the bundle {name} takes long; /flight lists it");
                return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, text));
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// A bundle that is kept.
pub(super) async fn kept(uri: Uri, Path(name): Path<String>) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    let asked = name.clone();
    let bundle = reply::work(move || Ok(flight::fetch(&asked))).await?;
    bundle.map(|bundle| answer(&bundle, false)).map_err(|error| {
        Refusal::new(StatusCode::NOT_FOUND, format!("there is no bundle {name:?}: {error}; /flight lists them"))
    })
}

fn answer(bundle: &Bundle, has_joined: bool) -> Response {
    let mut answer = reply::ok("application/gzip", bundle.bytes().to_vec());
    let headers = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", bundle.name())) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if has_joined && let Ok(value) = HeaderValue::from_str(bundle.name()) {
        headers.insert(JOINED, value);
    }
    answer
}
