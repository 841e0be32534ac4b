//! `/report`: one HTML file of all that is known, for a ticket.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;

use super::format::wants_json;
use super::overview::asked;
use crate::collect;
use crate::export::Report;
use crate::history;
use crate::memory;
use crate::serve::api::{self, Asked};
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::{HistoryQuery, Snapshot};

/// Seconds of the charts if nothing is said, and their steps, at most.
const USUAL: u64 = 900;
const STEPS: u64 = 300;

pub(super) async fn report(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["seconds", "from", "to", "format", "download"])?;
    let form = Form { is_json: wants_json(&query, &headers)?, is_kept: query.is_set("download")? };
    let asked = asked(&query)?;
    let snapshot = query.snapshot().await?;
    let make = move || memory::uncounted(|| made(&snapshot, asked, form));
    #[cfg(feature = "stacks")]
    return reply::long_work(make).await;
    #[cfg(not(feature = "stacks"))]
    reply::work(make).await
}

/// As what it is handed out.
#[derive(Clone, Copy)]
struct Form {
    is_json: bool,
    is_kept: bool,
}

fn made(snapshot: &Snapshot, asked: Asked, form: Form) -> Result<Response, Refusal> {
    let findings = collect::findings(snapshot);
    let program = api::program_name();
    let mut report = Report::of(snapshot)
        .titled(&format!("Report on {program}"))
        .named(&program, "")
        .with_findings(&findings)
        .with_marks(api::said());
    let answer = history::answer(&question(snapshot, asked));
    match &answer {
        Some(Ok(columns)) => report = report.with_history(columns),
        Some(Err(error)) => report = report.without(&format!("charts: {error}")),
        None => {
            report =
                report.without("charts: there is no history (PERF_HISTORY is false, or PERF_MEMORY is below 16 MiB)")
        }
    }
    if form.is_json {
        let mut body = Vec::new();
        report.write_json(&mut body)?;
        return Ok(reply::ok("application/json", body));
    }
    let (page, nonce) = with_samples(report)?.html()?;
    let mut response = reply::file(page, &nonce);
    if form.is_kept
        && let Ok(name) = HeaderValue::from_str("attachment; filename=\"report.html\"")
    {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The series of the charts.
fn question(snapshot: &Snapshot, Asked { from, to, step }: Asked) -> HistoryQuery {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let end = to.unwrap_or(now + 1);
    let begin = from.unwrap_or_else(|| end.saturating_sub(USUAL));
    let step = step.unwrap_or_else(|| end.saturating_sub(begin).div_ceil(STEPS).max(1));
    HistoryQuery {
        from: Some(begin),
        to: Some(end),
        step: Some(step),
        ..HistoryQuery::new(&Report::history_names(snapshot))
    }
}

/// With the CPU samples that are kept.
#[cfg(feature = "stacks")]
fn with_samples(report: Report<'_>) -> Result<Report<'_>, Refusal> {
    match super::flame::samples() {
        Some(document) => Ok(report.with_flame("CPU samples", &document)?),
        None => Ok(report.without(&format!("CPU samples: {}", crate::stacks::state()))),
    }
}

#[cfg(not(feature = "stacks"))]
fn with_samples(report: Report<'_>) -> Result<Report<'_>, Refusal> {
    Ok(report.without("CPU samples: the program is built without the feature stacks"))
}
