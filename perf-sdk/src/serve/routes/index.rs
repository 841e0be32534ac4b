//! `/`: the dashboard. It is the same for everybody, and asks for its data.

use axum::extract::OriginalUri;
use axum::response::Response;

use crate::serve::capture::Query;
use crate::serve::pages::html::escape;
use crate::serve::reply::{self, Refusal};

const SHELL: &str = include_str!("../assets/dashboard.html");
/// Stands in the shell where the folder of its links comes.
const BASE: &str = "<!-- base -->";

pub(super) async fn shell(OriginalUri(uri): OriginalUri) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    // If the routes are mounted at `/prefix` and the request has no slash at the end, links are
    // relative to `prefix/`.
    let folder = uri.path().rsplit('/').next().filter(|last| !last.is_empty());
    let base = folder.map_or_else(String::new, |folder| format!("<base href=\"{}/\">", escape(folder)));
    let page = SHELL.replacen(BASE, &base, 1);
    Ok(reply::asking(page))
}
