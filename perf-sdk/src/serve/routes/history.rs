//! `/api/v1/history`: readings and functions of the last seconds to days, as JSON in columns.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::export;
use crate::history;
use crate::memory;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::{HistoryColumns, HistoryQuery};

/// Units of times, in seconds.
const UNITS: [(&str, u64); 5] = [("min", 60), ("m", 60), ("s", 1), ("h", 3_600), ("d", 86_400)];

pub(super) async fn history(uri: Uri) -> Result<Response, Refusal> {
    let query = Query::parse(&uri, &["names", "from", "to", "step"])?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let names = query.get("names").map(str::to_owned);
    let query = HistoryQuery {
        names: names.clone().unwrap_or_default(),
        from: time(&query, "from", now)?,
        to: time(&query, "to", now)?,
        step: step(&query)?,
    };
    reply::work(move || {
        let answer = memory::uncounted(|| {
            if names.is_some() {
                return history::answer(&query);
            }
            Some(Ok(HistoryColumns { series: history::list()?, ..HistoryColumns::default() }))
        });
        let answer = answer.ok_or_else(|| {
            let text = "there is no history: the profiler does not run, or PERF_HISTORY is false";
            Refusal::new(StatusCode::NOT_FOUND, text)
        })?;
        let answer = answer.map_err(|error| Refusal::bad(error.to_string()))?;
        let mut body = Vec::new();
        export::json::write(&answer, &mut body)?;
        Ok(reply::ok("application/json", body))
    })
    .await
}

/// A time in seconds since 1970.
pub(super) fn time(query: &Query, name: &str, now: u64) -> Result<Option<u64>, Refusal> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let found = match text.strip_prefix('-') {
        Some(ago) => seconds(ago).map(|ago| now.saturating_sub(ago)),
        // So that the second that goes on is part of it.
        None if text == "now" => Some(now + 1),
        None => text.parse().ok(),
    };
    let allowed = "allowed: now, a time before now such as -15m (s, m, h, d), or seconds since 1970";
    found.map(Some).ok_or_else(|| Refusal::bad(format!("{name} is {text:?}; {allowed}")))
}

pub(super) fn step(query: &Query) -> Result<Option<u64>, Refusal> {
    let Some(text) = query.get("step") else { return Ok(None) };
    let found = text.parse().ok().or_else(|| seconds(text)).filter(|step| *step > 0);
    let allowed = "allowed: a whole number of seconds above 0, or with a unit such as 5m (s, m, h, d)";
    found.map(Some).ok_or_else(|| Refusal::bad(format!("step is {text:?}; {allowed}")))
}

/// A whole number with a unit.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_before_now() {
        let time_of = |text: &str| {
            let query = Query::parse_any(&format!("/?from={text}").parse().unwrap()).unwrap();
            time(&query, "from", 1_000_000).map_err(|refusal| format!("{refusal:?}"))
        };
        for (text, expected) in [
            ("", None),
            ("now", Some(1_000_001)),
            ("17", Some(17)),
            ("-90s", Some(999_910)),
            ("-15m", Some(999_100)),
            ("-15min", Some(999_100)),
            ("-6h", Some(978_400)),
            ("-7d", Some(395_200)),
            ("-30d", Some(0)),
        ] {
            assert_eq!(time_of(text), Ok(expected), "{text}");
        }
        for text in ["-", "-5", "5m", "tomorrow", "-1.5h", "-99999999999999999999d"] {
            let said = time_of(text).unwrap_err();
            assert!(said.contains("from is") && said.contains(text) && said.contains("allowed"), "{said}");
        }
        let query = |text: &str| Query::parse_any(&format!("/?step={text}").parse().unwrap()).unwrap();
        assert!(matches!((step(&query("10")), step(&query("5m"))), (Ok(Some(10)), Ok(Some(300)))));
        assert!(step(&query("0")).is_err() && step(&query("fast")).is_err());
    }
}
