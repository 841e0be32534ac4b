//! `/debug/pprof/…`: what Go's `pprof` and those who speak its protocol ask for.

use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::export::pprof::{self, Opens};
use crate::serve::capture::Query;
use crate::serve::html;
use crate::serve::reply::{self, Refusal};

/// What there is, with how to look at it.
pub(super) async fn index() -> Response {
    const PROFILES: [(&str, &str); 2] = [
        ("heap", "what is allocated and not freed, by the profiled scope that allocated it"),
        ("allocs", "all that was allocated since sampling began"),
    ];
    let mut page = html::begin("perf-sdk: profiles", Some("."));
    page.push_str("<header><h1>perf-sdk</h1><span class=\"facts\">profiles for <code>go tool pprof</code> and whoever reads its format</span></header><table><tbody>");
    for (name, what) in PROFILES {
        page.push_str(&format!(
            "<tr><td><a href=\"{name}\">{name}</a></td><td>{what}; <a href=\"{name}?seconds=30\">of the next 30 s</a></td></tr>"
        ));
    }
    page.push_str("</tbody></table></body></html>");
    reply::ok("text/html; charset=utf-8", page)
}

pub(super) async fn heap(uri: Uri) -> Response {
    answer("heap", write(&uri, Opens::InUse).await)
}

pub(super) async fn allocs(uri: Uri) -> Response {
    answer("allocs", write(&uri, Opens::Allocated).await)
}

/// `gc` is accepted, as Go does: nothing here is collected.
async fn write(uri: &Uri, opens: Opens) -> Result<Response, Refusal> {
    let query = Query::parse(uri, &["seconds", "gc", "debug"])?;
    if query.get("debug").is_some_and(|debug| debug != "0") {
        return Err(Refusal::bad("debug is not 0; allowed: 0, the binary format"));
    }
    let (before, now) = query.window().await?;
    reply::work(move || {
        let mut body = Vec::new();
        pprof::write_heap(&now, before.as_ref(), opens, &mut body)?;
        Ok(reply::ok("application/octet-stream", body))
    })
    .await
}

fn answer(name: &str, result: Result<Response, Refusal>) -> Response {
    let is_profile = result.is_ok();
    let mut response = result.unwrap_or_else(Refusal::into_response);
    let headers = response.headers_mut();
    if !is_profile {
        headers.insert("x-go-pprof", HeaderValue::from_static("1"));
    } else if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
