//! `/api/v1/overview`: charts of the process, marks, and what the profiler takes, as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Uri;
use axum::response::Response;

use super::history::{step, time};
use crate::export;
use crate::memory;
use crate::serve::api::{self, Asked};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

pub(super) async fn overview(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["from", "to", "step", "status"])?;
    let asked = asked(&query)?;
    let has_status = match query.get("status") {
        None | Some("off") => false,
        Some("on") => true,
        Some(other) => return Err(Refusal::bad(format!("status is {other:?}; allowed: on, off"))),
    };
    reply::work(move || {
        let answer = memory::uncounted(|| api::overview(asked, has_status)).map_err(Refusal::bad)?;
        let mut body = Vec::new();
        export::json::write(&answer, &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

/// The window that a request names.
pub(super) fn asked(query: &Query) -> Result<Asked, Refusal> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let asked = Asked { from: time(query, "from", now)?, to: time(query, "to", now)?, step: step(query)? };
    // Whatever is kept.
    match asked {
        Asked { from: Some(from), to: Some(to), .. } if from >= to => {
            Err(Refusal::bad(format!("from is {from}; allowed: a time before to, which is {to}")))
        }
        asked => Ok(asked),
    }
}
