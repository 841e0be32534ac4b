//! Error budgets, and how fast they burn.
//!
//! Of the calls in a period, a share may be bad: the error budget. Its burn rate is the share of
//! bad calls ÷ the share that may be bad. Pairs of windows and factors are those of Sloth for 30
//! days, which are those of Google's *Site Reliability Workbook*.

use std::time::Duration;

use super::figures::{Figure, Figures, Missing, Window};
use super::judgement::{BurnRate, BurnState, ErrorBudget, Severity};
use super::shown;
use crate::expression::CallFigure;

const HOUR: u64 = 3_600;

/// The period to which the windows belong.
const PERIOD: Duration = Duration::from_secs(30 * 24 * HOUR);

/// Factor, seconds of the longer and the shorter window, and severity. The factors use up 2, 5, 10
/// and 10 % of the budget within the longer window.
const PAIRS: [(f64, u64, u64, Severity); 4] = [
    (14.4, HOUR, 300, Severity::Page),
    (6.0, 6 * HOUR, 1_800, Severity::Page),
    (3.0, 24 * HOUR, 2 * HOUR, Severity::Ticket),
    (1.0, 72 * HOUR, 6 * HOUR, Severity::Ticket),
];

/// So many calls must be bad in the longer window: a single one is chance.
const LEAST_BAD: f64 = 5.0;

/// The share of a window that data must cover: the latest step of the history may be missing.
const COVERED: f64 = 0.95;

/// Which calls are good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Good {
    /// Counts the bad ones.
    pub(crate) bad: CallFigure,
    /// The share that must be good, below 1.
    pub(crate) objective: f64,
    pub(crate) period: Duration,
    /// The number of calls below which a window says nothing.
    pub(crate) min_events: u64,
}

/// The shortest window of a budget's burn rates.
pub(super) fn shortest_window(period: Duration) -> Duration {
    let shortest = PAIRS.iter().map(|(_, _, short, _)| *short).min().unwrap_or_default();
    Duration::from_secs(shortest).mul_f64(scale(period))
}

/// Windows of a period are longer than those of [`PERIOD`] by this factor.
fn scale(period: Duration) -> f64 {
    period.as_secs_f64() / PERIOD.as_secs_f64()
}

/// Why a window has no burn rate.
enum Silent {
    NoData(String),
    NotEvaluable(String),
}

/// The error budget of a function's calls.
pub(crate) fn budget(function: &str, good: Good, figures: &dyn Figures, at_unix_ns: u64) -> ErrorBudget {
    let of = |length| burnt(function, good, figures, Window { at_unix_ns, length });
    let (remaining, reason) = match of(good.period) {
        Ok((rate, _)) => (Some(1.0 - rate), String::new()),
        Err(Silent::NoData(reason)) => (None, format!("no data: {reason}")),
        Err(Silent::NotEvaluable(reason)) => (None, format!("not evaluable: {reason}")),
    };
    let scale = scale(good.period);
    let burn_rates = PAIRS.map(|(factor, long, short, severity)| {
        let [long, short] = [long, short].map(|seconds| Duration::from_secs(seconds).mul_f64(scale));
        let (over_long, over_short) = (of(long), of(short));
        let rate = |found: &Result<(f64, f64), Silent>| found.as_ref().ok().map(|(rate, _)| *rate);
        let (long_rate, short_rate) = (rate(&over_long), rate(&over_short));
        let (state, reason) = match (over_long, over_short) {
            (Err(Silent::NotEvaluable(reason)), _) | (_, Err(Silent::NotEvaluable(reason))) => {
                (BurnState::NotEvaluable, reason)
            }
            (Err(Silent::NoData(reason)), _) | (_, Err(Silent::NoData(reason))) => (BurnState::NoData, reason),
            (Ok((rate, bad)), Ok((short_rate, _))) => {
                let is_burning = rate >= factor && short_rate >= factor && bad >= LEAST_BAD;
                (if is_burning { BurnState::Burning } else { BurnState::Quiet }, String::new())
            }
        };
        let (long_seconds, short_seconds) = (long.as_secs_f64(), short.as_secs_f64());
        BurnRate { factor, long_seconds, short_seconds, long_rate, short_rate, severity, state, reason }
    });
    let (objective, period_seconds) = (good.objective, good.period.as_secs_f64());
    ErrorBudget { objective, period_seconds, remaining, reason, burn_rates: burn_rates.into() }
}

/// The burn rate over a window, and the number of bad calls.
fn burnt(function: &str, good: Good, figures: &dyn Figures, window: Window) -> Result<(f64, f64), Silent> {
    let length = shown::duration(window.length);
    match figures.calls(function, good.bad, window) {
        Ok(Figure { covered, .. }) if covered.as_secs_f64() < window.length.as_secs_f64() * COVERED => {
            Err(Silent::NotEvaluable(format!("history covers {} of {length}", shown::duration(covered))))
        }
        Ok(Figure { events, .. }) if events < good.min_events => {
            Err(Silent::NoData(format!("{events} of {} calls in {length}", good.min_events)))
        }
        Ok(Figure { value, events, .. }) => Ok((value / (1.0 - good.objective), value * events as f64)),
        Err(Missing::Unknown | Missing::NoData) => Err(Silent::NoData(format!("no calls in {length}"))),
        Err(Missing::NotCovered { longest }) => {
            Err(Silent::NotEvaluable(format!("history covers at most {} of {length}", shown::duration(longest))))
        }
        Err(Missing::Ambiguous { labels: reason } | Missing::Unavailable { reason }) => {
            Err(Silent::NotEvaluable(reason))
        }
    }
}
