//! `/api/v1/settings`: the settings in force, as JSON. A `POST` changes those that may be changed.

use axum::http::Uri;
use axum::response::Response;

use crate::error::Error;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::settings::{InForce, Settings};

/// A key and the text of its value, from a request.
type Change = (String, String);

/// Callbacks into the running profiler, which has the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingsHooks {
    /// Returns every setting in force.
    pub(crate) in_force: fn() -> Vec<InForce>,
    /// Makes all changes or none. Returns one line for each.
    pub(crate) change: fn(&[Change]) -> Result<Vec<String>, Error>,
}

/// Lists the settings in force.
pub(super) async fn list(hooks: SettingsHooks, uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    reply::work(move || {
        let mut body = Vec::new();
        export::json::write(&(hooks.in_force)(), &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

/// Changes each setting in the query.
pub(super) async fn change(hooks: SettingsHooks, uri: Uri) -> Result<Response, Refusal> {
    let changes = Query::pairs(&uri)?;
    if changes.is_empty() {
        let keys: Vec<&str> = Settings::changing().collect();
        return Err(Refusal::bad(format!("the query names no setting to change; allowed: {}", keys.join(", "))));
    }
    reply::work(move || {
        let said = (hooks.change)(&changes).map_err(|error| Refusal::bad(error.to_string()))?;
        Ok(reply::ok("text/plain; charset=utf-8", said.join("\n") + "\n"))
    })
    .await
}
