//! A window of the history.

use std::time::Duration;

use super::slower::share_slower;
use super::whole::{NO_BYTES, NO_CPU, NO_HEAP, telling, unavailable};
use crate::detect::trend;
use crate::expression::{Aggregate, CallFigure};
use crate::history::{Answer, Coverage, FUNCTION_SERIES, History, Point, SeriesId, SeriesInfo};
use crate::reading::Kind;
use crate::target::{Figure, Missing, Window};

/// The longest window that a history covers.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// Seconds between two readings of what goes on, at most.
const ENDED_BEFORE: u32 = 15;
/// The share of a window that must be known for a trend.
const COVERED: f64 = 0.9;

/// Of [`FUNCTION_SERIES`].
const CALLS: usize = 0;
const ERRORS: usize = 1;
const SELF_TIME: usize = 2;
const SELF_CPU: usize = 3;
const ALLOCATED: usize = 4;
const LIVE: usize = 5;

/// Questions to the history at one moment.
pub(super) struct Past<'a> {
    history: &'a History,
}

impl<'a> Past<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        Self { history }
    }

    pub(super) fn series(&self) -> Vec<SeriesInfo> {
        self.history.series()
    }

    /// The window in seconds since 1970: the second after the last one is not in it. The latest
    /// second of the history ends it, if that is earlier.
    fn seconds(&self, window: Window) -> Result<(u32, u32), Missing> {
        if window.length > LONGEST {
            return Err(Missing::NotCovered { longest: LONGEST });
        }
        let now = (window.at_unix_ns / 1_000_000_000) as u32 + 1;
        let to = now.min(self.history.newest() + 1);
        Ok((to.saturating_sub(window.length.as_secs_f64().ceil() as u32), to))
    }

    /// Of all functions of this name, of whichever module.
    fn of_function(&self, function: &str, series: usize) -> Option<Vec<SeriesId>> {
        let all: Vec<SeriesId> = self.history.find_named(series, function).collect();
        (!all.is_empty()).then_some(all)
    }

    /// What counters grew by together.
    fn grown(&self, all: &[SeriesId], (from, to): (u32, u32)) -> Result<(f64, Coverage), Missing> {
        let found = all.iter().filter_map(|id| match self.history.change(*id, from, to) {
            Answer::Found(grown, covered) => Some((grown, covered)),
            Answer::Empty(_) | Answer::NotCovered => None,
        });
        found.reduce(|(a, one), (b, other)| (a + b, one.with(other))).ok_or(Missing::NoData)
    }

    /// The sum of the latest values, but for what ended before.
    fn latest(&self, all: &[SeriesId], (from, to): (u32, u32)) -> Result<Figure, Missing> {
        let found: Vec<(Point, Coverage)> = all
            .iter()
            .filter_map(|id| {
                let (_, covered) = found(self.history.average(*id, from, to)).ok()?;
                Some((self.history.points(*id, from, to).last()?, covered))
            })
            .collect();
        let end = |point: &Point| point.from + point.seconds;
        let newest = found.iter().map(|(point, _)| end(point)).max().ok_or(Missing::NoData)?;
        let sum = found.iter().filter(|(point, _)| end(point) + ENDED_BEFORE >= newest).map(|(point, _)| point.mean);
        let covered = found.iter().fold(Coverage::default(), |all, (_, covered)| all.with(*covered));
        figure_of(sum.sum(), u64::from(covered.seconds), covered)
    }

    /// `Unknown` if the history has no such function.
    pub(super) fn calls(&self, function: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing> {
        let counted = self.of_function(function, CALLS).ok_or(Missing::Unknown)?;
        let (from, to) = self.seconds(window)?;
        let growth = |series: Vec<SeriesId>| self.grown(&series, (from, to));
        let calls = || self.grown(&counted, (from, to));
        // Of a function that is never measured there is no such series.
        let per_second = |series: usize, lacking: &str| {
            let series = self.of_function(function, series).ok_or_else(|| unavailable(lacking))?;
            let ((sum, covered), (calls, _)) = (growth(series)?, calls()?);
            figure_of(sum / f64::from(covered.seconds), calls as u64, covered)
        };
        let times = || match self.history.times_named(function, (from, to)) {
            Answer::Found(times, covered) => Ok((times, covered)),
            Answer::Empty(_) | Answer::NotCovered => Err(Missing::NoData),
        };
        match figure {
            CallFigure::Quantile(q) => {
                let (times, covered) = times()?;
                figure_of(times.quantile(q).ok_or(Missing::NoData)? / 1e9, times.count(), covered)
            }
            CallFigure::SlowerThan(limit) => {
                let (times, covered) = times()?;
                figure_of(share_slower(&times, limit).ok_or(Missing::NoData)?, times.count(), covered)
            }
            CallFigure::ErrorRatio => {
                let (calls, covered) = calls()?;
                let errors =
                    self.of_function(function, ERRORS).map(growth).transpose()?.map_or(0.0, |(errors, _)| errors);
                if calls < 0.5 {
                    Err(Missing::NoData)
                } else {
                    figure_of((errors / calls).min(1.0), calls as u64, covered)
                }
            }
            CallFigure::Rate => {
                let (calls, covered) = calls()?;
                figure_of(calls / f64::from(covered.seconds), calls as u64, covered)
            }
            CallFigure::SelfTime => per_second(SELF_TIME, "the time of this function is not measured"),
            CallFigure::SelfCpu => per_second(SELF_CPU, NO_CPU),
            CallFigure::Allocated => per_second(ALLOCATED, NO_BYTES),
            CallFigure::Live => {
                let series = self.of_function(function, LIVE).ok_or_else(|| unavailable(NO_HEAP))?;
                self.latest(&series, (from, to))
            }
        }
    }

    /// `Unknown` if the history has no such reading.
    pub(super) fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        how: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing> {
        let is_meant = |info: &SeriesInfo| labels.iter().all(|label| info.labels.contains(label));
        let meant: Vec<SeriesInfo> = self.history.series_of(name).filter(is_meant).collect();
        let first = meant.first().ok_or(Missing::Unknown)?;
        let (from, to) = self.seconds(window)?;
        let is_sum = how == Aggregate::Growth && first.kind == Kind::Counter;
        if !is_sum {
            // What ended before the window does not stand beside what replaced it.
            let is_there = |info: &&SeriesInfo| self.history.points(info.id, from, to).next().is_some();
            let there: Vec<&SeriesInfo> = meant.iter().filter(is_there).collect();
            return match there.as_slice() {
                [] => Err(Missing::NoData),
                [one] => self.gauge(one.id, how, (from, to)),
                several => {
                    let sets = several.iter().map(|info| info.labels.iter().map(|(name, value)| (name, value)));
                    Err(Missing::Ambiguous { labels: telling(sets.collect()) })
                }
            };
        }
        let mut sum: Option<(f64, Coverage)> = None;
        for info in meant {
            if let Answer::Found(grown, covered) = self.history.change(info.id, from, to) {
                sum = Some(match sum {
                    Some((sum, longest)) if longest.seconds >= covered.seconds => (sum + grown, longest),
                    Some((sum, _)) => (sum + grown, covered),
                    None => (grown, covered),
                });
            }
        }
        let (value, covered) = sum.ok_or(Missing::NoData)?;
        figure_of(value, u64::from(covered.seconds), covered)
    }

    fn gauge(&self, series: SeriesId, how: Aggregate, (from, to): (u32, u32)) -> Result<Figure, Missing> {
        let points = || self.history.points(series, from, to);
        let (mean, covered) = found(self.history.average(series, from, to))?;
        let value = match how {
            Aggregate::Mean => Some(mean),
            Aggregate::Latest => points().last().map(|point| point.mean),
            Aggregate::Lowest => points().map(|point| point.mean).reduce(f64::min),
            Aggregate::Peak => self.history.peak(series, from, to).value(),
            Aggregate::Growth => self.history.change(series, from, to).value(),
            Aggregate::Trend => {
                // A part of the window says nothing about the whole.
                let is_known = covered.share(from, to) >= COVERED;
                let at = |point: Point| (f64::from(point.from) + f64::from(point.seconds) / 2.0, point.mean);
                let found = is_known.then(|| trend(&points().map(at).collect::<Vec<_>>()));
                found.map(Option::unwrap_or_default)
            }
        };
        figure_of(value.ok_or(Missing::NoData)?, u64::from(covered.seconds), covered)
    }

    /// Calls that all functions finished after this second, and whether there are any functions.
    pub(super) fn calls_after(&self, second: u32) -> Option<f64> {
        let counted = self.history.series_of(FUNCTION_SERIES[CALLS].0);
        let grown = |info: SeriesInfo| self.history.change(info.id, second + 1, u32::MAX).value().unwrap_or(0.0);
        counted.map(grown).reduce(|sum, grown| sum + grown)
    }

    /// Each name once.
    pub(super) fn functions(&self) -> Vec<String> {
        let mut names: Vec<String> = self.history.functions().map(|function| function.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn newest(&self) -> u32 {
        self.history.newest()
    }
}

fn found<T>(answer: Answer<T>) -> Result<(T, Coverage), Missing> {
    match answer {
        Answer::Found(value, covered) => Ok((value, covered)),
        Answer::Empty(_) | Answer::NotCovered => Err(Missing::NoData),
    }
}

fn figure_of(value: f64, events: u64, covered: Coverage) -> Result<Figure, Missing> {
    let covered = Duration::from_secs(covered.seconds.into());
    if covered.is_zero() || !value.is_finite() { Err(Missing::NoData) } else { Ok(Figure { value, events, covered }) }
}
