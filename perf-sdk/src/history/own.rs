//! Readings of the history itself: what it holds, and what it lost.

use super::counts::Counts;
use super::file::FileCounts;
use super::store::History;
use crate::reading::{Description, Labels, Sheet, Unit};

static SERIES: Description =
    Description::gauge("perf_history_series", Unit::Count, "Series of the history in memory, besides quantiles.");
static DROPPED: Description = Description::counter(
    "perf_history_dropped_total",
    Unit::Count,
    "Values that are not in the history, or not for as long as their resolution is kept, by reason.",
);
static FILE_BYTES: Description =
    Description::gauge("perf_history_file_bytes", Unit::Bytes, "Length of the history's file.");
static FAILURES: Description = Description::counter(
    "perf_history_file_failures_total",
    Unit::Count,
    "Writes of the history's file that failed; what they had is lost.",
);
static DAMAGED: Description = Description::counter(
    "perf_history_file_damaged_bytes_total",
    Unit::Bytes,
    "Bytes of the history's file that were damaged or incomplete at the start, and are left out.",
);

pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&SERIES, &DROPPED, &FILE_BYTES, &FAILURES, &DAMAGED].into_iter()
}

/// The labels of the reasons, made once.
#[derive(Debug)]
pub(crate) struct OwnReadings([Labels; REASONS.len()]);

/// `memory`: there was no memory for points, or older ones went for it; `times`: distributions of
/// functions that went before their time or were too large; `late`: of a time that has a value
/// already; `refused`: no number, too long a name, or too many series or functions; `clock`: the
/// clock was set back behind them.
const REASONS: [&str; 5] = ["memory", "times", "late", "refused", "clock"];

impl Default for OwnReadings {
    fn default() -> Self {
        Self(REASONS.map(|reason| Labels::of(&[("reason", reason)])))
    }
}

impl OwnReadings {
    pub(crate) fn read(&self, history: &History, into: &mut Sheet) {
        into.push(&SERIES, history.number_of_series() as f64);
        let Counts {
            evicted_points,
            dropped_points,
            late_points,
            refused_values,
            refused_readings,
            refused_functions,
            dropped_times,
            evicted_times,
            clock_steps_back: _,
            cut_points,
        } = history.counts();
        let numbers = [
            evicted_points.iter().sum::<u64>() + dropped_points,
            dropped_times + evicted_times,
            late_points,
            refused_values + refused_readings + refused_functions,
            cut_points,
        ];
        for (labels, number) in self.0.iter().zip(numbers) {
            into.push_of(&DROPPED, labels, number as f64);
        }
        match history.file_counts() {
            Some(FileCounts { bytes, failed_writes, failed_rewrites, damaged_bytes, dropped_tail_bytes, .. }) => {
                into.push(&FILE_BYTES, bytes as f64);
                into.push(&FAILURES, (failed_writes + failed_rewrites) as f64);
                into.push(&DAMAGED, (damaged_bytes + dropped_tail_bytes) as f64);
            }
            None => into.absent("perf_history_file", "the history is in memory only"),
        }
    }
}
