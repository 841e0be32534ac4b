//! The last calls of a function, and its change against an hour ago.

use super::line::{points_of, values};
use super::range::{Kept, Range};
use crate::export::{Recent, Trend, rounded};
use crate::histogram::Histogram;
use crate::history::{self, Answer, Coverage, FunctionId};

/// What is compared: whole minutes, which are cheap to read.
const COMPARED: u32 = 600;
const HOUR: u32 = 3_600;
/// The part of a window that must be known.
const LEAST_SHARE: f64 = 0.5;
/// Calls below which a quantile is no more than a few calls.
const LEAST_CALLS: u64 = 20;
/// Steps of the small chart in a row.
const STEPS: u32 = 30;

pub(super) fn recent(function: FunctionId<'_>, kept: Kept, window: u32) -> Option<Recent> {
    let from = kept.to.saturating_sub(window).max(kept.from);
    let range = Range { from, to: kept.to, step: (kept.to - from).div_ceil(STEPS).max(1), is_clamped: false };
    let points = points_of("function_calls_total", function, range);
    let (from, step, values) = values(&points, range)?;
    Some(Recent { from, step, values: values.into_iter().map(|one| one.map(rounded)).collect() })
}

/// `None` if one of both is not covered, or had next to no calls.
pub(super) fn change(function: FunctionId<'_>, kept: Kept) -> Option<Trend> {
    // The minute that goes on is not closed yet.
    let to = kept.to / 60 * 60;
    let (now, before) = (of_minutes(function, to)?, of_minutes(function, to.checked_sub(HOUR)?)?);
    Some(Trend {
        p95_ns: now.quantile(0.95)?,
        p95_before_ns: before.quantile(0.95)?,
        calls: now.count(),
        calls_before: before.count(),
    })
}

fn of_minutes(function: FunctionId<'_>, to: u32) -> Option<Histogram> {
    let from = to.checked_sub(COMPARED)?;
    let answer = history::ask(|history| history.times_of_minutes(function, (from, to)))?;
    let Answer::Found(times, coverage) = answer else { return None };
    let is_near = |Coverage { from: begin, to: end, .. }: Coverage| {
        // Where only hours are kept, it is another time.
        begin + COMPARED >= from && end <= to + COMPARED
    };
    let is_known = coverage.share(from, to) >= LEAST_SHARE && is_near(coverage);
    Some(times).filter(|times| is_known && times.count() >= LEAST_CALLS)
}
