//! `/api/v1/function`: everything that is known of one function, as JSON.

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::overview::asked;
use crate::collect;
use crate::export;
use crate::memory;
use crate::serve::api;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};

/// Names in the answer for an unknown function, at most.
const NAMED: usize = 20;

pub(super) async fn function(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["name", "module", "from", "to", "step"])?;
    let asked = asked(&query)?;
    let Some(name) = query.get("name").map(str::to_owned) else {
        return Err(Refusal::bad("name is missing; allowed: the name of a function, with its module as module"));
    };
    let module = query.get("module").map(str::to_owned);
    reply::work(move || {
        let answer = memory::uncounted(|| api::detail((module.as_deref(), &name), asked)).map_err(Refusal::bad)?;
        let Some(detail) = answer else { return Err(unknown(&name)) };
        let mut body = Vec::new();
        export::json::write(&detail, &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

fn unknown(name: &str) -> Refusal {
    let names = collect::function_names();
    let some: Vec<&str> = names.iter().take(NAMED).copied().collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no function {name:?}; there are: {}{more}", some.join(", ")))
}
