//! A program whose calls and readings are all known.

use std::time::Duration;

use super::{Figure, Figures, Missing, Moment, Window};
use crate::expression::{Aggregate, CallFigure};

/// Now, in seconds since the Unix epoch: 10 days after the program's start at the earliest.
pub(super) const NOW: f64 = 864_000.0;

/// When the history of a long-running program begins to be kept.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

struct Call {
    function: &'static str,
    at: f64,
    seconds: f64,
    is_error: bool,
}

struct Series {
    name: &'static str,
    labels: Vec<(&'static str, &'static str)>,
    values: Vec<(f64, f64)>,
}

/// What a program did, from `started` until [`NOW`].
pub(super) struct Program {
    started: f64,
    calls: Vec<Call>,
    series: Vec<Series>,
    pub(super) saved: Option<Box<Program>>,
}

pub(super) fn moment(traffic_seconds: u64) -> Moment {
    Moment { at_unix_ns: (NOW * 1e9) as u64, traffic: Duration::from_secs(traffic_seconds) }
}

impl Program {
    pub(super) fn running_for(seconds: f64) -> Self {
        Self { started: NOW - seconds, calls: Vec::new(), series: Vec::new(), saved: None }
    }

    /// Calls at equal distances in the last `ago` seconds, whose durations are spread evenly from 0
    /// to `longest`. One of `one_in` fails; of 0 none.
    pub(super) fn calls(
        mut self,
        function: &'static str,
        ago: f64,
        number: usize,
        longest: f64,
        one_in: usize,
    ) -> Self {
        let call = |at: usize| Call {
            function,
            at: NOW - ago * (1.0 - (at as f64 + 0.5) / number as f64),
            // A stride that is prime to the number mixes the durations.
            seconds: longest * (((at * 7_919) % number) as f64 + 0.5) / number as f64,
            is_error: one_in > 0 && at % one_in == one_in - 1,
        };
        self.calls.extend((0..number).map(call));
        self
    }

    /// A reading of each second of the last ten minutes, or since the start.
    pub(super) fn reading(
        mut self,
        name: &'static str,
        labels: &[(&'static str, &'static str)],
        value: impl Fn(f64) -> f64,
    ) -> Self {
        let first = self.started.max(NOW - 600.0);
        let values = (0..=(NOW - first) as u32).map(|second| (first + f64::from(second), value(f64::from(second))));
        self.series.push(Series { name, labels: labels.to_vec(), values: values.collect() });
        self
    }

    pub(super) fn gauge(self, name: &'static str, labels: &[(&'static str, &'static str)], value: f64) -> Self {
        self.reading(name, labels, |_| value)
    }

    pub(super) fn counter(self, name: &'static str, labels: &[(&'static str, &'static str)], a_second: f64) -> Self {
        self.reading(name, labels, |second| second * a_second)
    }

    /// The part of the window that the program lived through.
    fn covered(&self, window: Window) -> Result<(f64, Duration), Missing> {
        if window.length > KEPT {
            return Err(Missing::NotCovered { longest: KEPT });
        }
        let end = window.at_unix_ns as f64 / 1e9;
        let begin = (end - window.length.as_secs_f64()).max(self.started);
        Ok((begin, Duration::from_secs_f64(end - begin)))
    }
}

impl Figures for Program {
    fn calls(&self, function: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing> {
        let all = || self.calls.iter().filter(|call| call.function == function);
        all().next().ok_or(Missing::Unknown)?;
        let (begin, covered) = self.covered(window)?;
        let mut seconds: Vec<f64> = all().filter(|call| call.at > begin).map(|call| call.seconds).collect();
        let number = seconds.len() as f64;
        let share = |is: &dyn Fn(&Call) -> bool| {
            all().filter(|call| call.at > begin && is(call)).count() as f64 / number.max(1.0)
        };
        if seconds.is_empty() && figure != CallFigure::Rate {
            return Err(Missing::NoData);
        }
        seconds.sort_by(f64::total_cmp);
        let value = match figure {
            CallFigure::Quantile(q) => seconds[((number * q).ceil() as usize).clamp(1, seconds.len()) - 1],
            CallFigure::ErrorRatio => share(&|call| call.is_error),
            CallFigure::SlowerThan(limit) => share(&|call| call.seconds > limit),
            CallFigure::Rate => number / covered.as_secs_f64(),
            _ => return Err(Missing::Unavailable { reason: "not simulated".to_owned() }),
        };
        Ok(Figure { value, events: seconds.len() as u64, covered })
    }

    fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        how: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing> {
        if name == "pressure" {
            return Err(Missing::Unavailable { reason: "the kernel has no /proc/pressure".to_owned() });
        }
        let is_meant = |series: &&Series| {
            let has = |(name, value): &(String, String)| series.labels.contains(&(name.as_str(), value.as_str()));
            series.name == name && labels.iter().all(has)
        };
        let found: Vec<&Series> = self.series.iter().filter(is_meant).collect();
        let first = found.first().ok_or(Missing::Unknown)?;
        if found.len() > 1 && how != Aggregate::Growth {
            return Err(Missing::Ambiguous { labels: first.labels[0].0.to_owned() });
        }
        let (begin, covered) = self.covered(window)?;
        let of = |series: &Series| -> Vec<f64> {
            series.values.iter().filter(|(at, _)| *at >= begin).map(|(_, value)| *value).collect()
        };
        let values = of(first);
        let (Some(first_value), Some(last)) = (values.first(), values.last()) else { return Err(Missing::NoData) };
        let value = match how {
            Aggregate::Latest => *last,
            Aggregate::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Aggregate::Peak => values.iter().copied().fold(*first_value, f64::max),
            Aggregate::Lowest => values.iter().copied().fold(*first_value, f64::min),
            Aggregate::Trend => (*last - *first_value) / values.len() as f64,
            Aggregate::Growth => found.iter().map(|series| of(series)).map(|v| v[v.len() - 1] - v[0]).sum(),
        };
        Ok(Figure { value, events: values.len() as u64, covered })
    }

    fn baseline(&self) -> Option<&dyn Figures> {
        self.saved.as_deref().map(|saved| saved as &dyn Figures)
    }

    fn names(&self) -> Vec<String> {
        let series = self.series.iter().map(|series| series.name);
        self.calls.iter().map(|call| call.function).chain(series).map(str::to_owned).collect()
    }
}
