//! Figures for display, marked if they are uncertain.

use super::Function;

/// A figure is weak if its relative standard error is greater than this.
const WEAK: f64 = 0.2;

/// The meaning of `~` before a figure.
pub(crate) const WEAK_SAYS: &str =
    "may be off by more than 20 %: few calls were measured, or they are too short to be measured";
/// The meaning of `≈` before a number of calls.
pub(crate) const ESTIMATED_SAYS: &str =
    "called too often to be counted: its calls are estimated, unless PERF_HOT or the attribute says hot = count";

/// A time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) ns: f64,
    /// Whether it may be off by more than a fifth.
    pub(crate) is_weak: bool,
}

impl Shown {
    fn new(ns: i64, error_ns: u64) -> Self {
        let ns = ns.max(0) as f64;
        Self { ns, is_weak: error_ns as f64 > WEAK * ns && ns > 0.0 }
    }

    pub(crate) fn total(function: &Function) -> Self {
        Self::new(function.inclusive.wall_ns, function.inclusive_error_ns)
    }

    pub(crate) fn own(function: &Function) -> Self {
        Self::new(function.exclusive.wall_ns, function.exclusive_error_ns)
    }

    pub(crate) fn cpu(function: &Function) -> Self {
        Self::new(function.inclusive.cpu_ns, function.inclusive_error_ns)
    }

    /// `None` if too few calls were measured.
    pub(crate) fn quantile(function: &Function, q: f64) -> Option<Self> {
        let quantile = function.quantile(q)?;
        // Half of a 95 % interval is about two standard errors.
        let error = (quantile.high - quantile.low) / 4.0;
        Some(Self { ns: quantile.ns, is_weak: error > WEAK * quantile.ns })
    }
}
