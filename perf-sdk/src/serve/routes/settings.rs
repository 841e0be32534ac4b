//! `/api/v1/settings`: those that hold, as JSON; a `POST` changes what may change.

use axum::http::Uri;
use axum::response::Response;

use crate::error::Error;
use crate::export;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::settings::{InForce, Settings};

/// A key and its text, as a request has them.
type Change = (String, String);

/// Who knows the settings and changes them: the running profiler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingsHooks {
    /// Every setting as it holds now.
    pub(crate) in_force: fn() -> Vec<InForce>,
    /// Makes all changes or none; a line for each.
    pub(crate) change: fn(&[Change]) -> Result<Vec<String>, Error>,
}

/// All that hold.
pub(super) async fn list(hooks: SettingsHooks, uri: Uri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    reply::work(move || {
        let mut body = Vec::new();
        export::json::write(&(hooks.in_force)(), &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

/// Changes each that the query names.
pub(super) async fn change(hooks: SettingsHooks, uri: Uri) -> Result<Response, Refusal> {
    let changes = Query::pairs(&uri)?;
    if changes.is_empty() {
        let keys: Vec<&str> = Settings::changing().collect();
        return Err(Refusal::bad(format!("there is no setting to change; allowed: {}", keys.join(", "))));
    }
    reply::work(move || {
        let said = (hooks.change)(&changes).map_err(|error| Refusal::bad(error.to_string()))?;
        Ok(reply::ok("text/plain; charset=utf-8", said.join("\n") + "\n"))
    })
    .await
}
