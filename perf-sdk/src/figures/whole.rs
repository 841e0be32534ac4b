//! A snapshot as a whole: a saved one, or all since the start.

use std::time::Duration;

use super::slower::share_slower;
use crate::expression::{Aggregate, CallFigure};
use crate::histogram::Histogram;
use crate::reading;
use crate::snapshot::{Calls, Function, Reading, ReadingKind, Snapshot};
use crate::target::{Figure, Figures, Missing, Window};

pub(super) const NO_CPU: &str = "the CPU time of this function is not measured";
pub(super) const NO_BYTES: &str = "allocations of this function are not counted";
pub(super) const NO_HEAP: &str = "the live heap is not sampled";

/// Figures of all that a snapshot has. Windows do not matter.
#[derive(Debug)]
pub(crate) struct Whole(pub(crate) Snapshot);

impl Whole {
    pub(super) fn length(&self) -> Duration {
        Duration::from_nanos(self.0.window_ns)
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Function> + Clone {
        self.0.functions.iter().filter(move |function| function.name == name)
    }

    /// The value that a reading has here, which may be a later one.
    pub(super) fn value_of(&self, reading: &reading::Reading) -> Option<f64> {
        let is_same = |known: &&Reading| {
            known.name == reading.description.name
                && known.labels.len() == reading.labels.pairs().count()
                && reading.labels.pairs().all(|(name, value)| known.labels.get(name).is_some_and(|own| own == value))
        };
        self.0.readings.iter().find(is_same).map(|known| known.value)
    }
}

/// A reason why there is no value.
pub(super) fn unavailable(reason: &str) -> Missing {
    Missing::Unavailable { reason: reason.to_owned() }
}

impl Figures for Whole {
    /// Functions of one name are one.
    fn calls(&self, function: &str, figure: CallFigure, _: Window) -> Result<Figure, Missing> {
        let named = self.named(function);
        let first = named.clone().next().ok_or(Missing::Unknown)?;
        let mut calls = Calls::default();
        named.clone().for_each(|function| calls.add(&function.calls));
        let (events, covered) = (calls.total(), self.length());
        let of = |value: f64, events| Ok(Figure { value, events, covered });
        let per_second =
            |sum: f64| if covered.is_zero() { Err(Missing::NoData) } else { of(sum / covered.as_secs_f64(), events) };
        let sum = |part: fn(&Function) -> i64| named.clone().map(part).sum::<i64>().max(0) as f64;
        let times = || {
            let mut times = Histogram::default();
            named.clone().for_each(|function| times.merge(&function.wall));
            times
        };
        match figure {
            CallFigure::Rate => per_second(events as f64),
            _ if events == 0 => Err(Missing::NoData),
            CallFigure::Quantile(q) => {
                // Of calls of which a part is measured, few may stand for many.
                let measured: u64 = named.clone().map(Function::informative_samples).sum();
                times().quantile(q).map_or(Err(Missing::NoData), |ns| of(ns / 1e9, measured.min(events)))
            }
            CallFigure::SlowerThan(limit) => {
                let samples = named.clone().map(|function| function.samples).sum();
                share_slower(&times(), limit).map_or(Err(Missing::NoData), |share| of(share, samples))
            }
            CallFigure::ErrorRatio => of((calls.error + calls.panic) as f64 / events as f64, events),
            CallFigure::SelfTime => per_second(sum(|function| function.exclusive.wall_ns) / 1e9),
            CallFigure::SelfCpu if first.cpu.is_none() => Err(unavailable(NO_CPU)),
            CallFigure::SelfCpu => per_second(sum(|function| function.exclusive.cpu_ns) / 1e9),
            CallFigure::Allocated if first.bytes.is_none() => Err(unavailable(NO_BYTES)),
            CallFigure::Allocated => per_second(sum(|function| function.inclusive.allocated_bytes)),
            CallFigure::Live => {
                let live: Option<u64> = named.map(|function| function.live.map(|live| live.bytes)).sum();
                live.map_or(Err(unavailable(NO_HEAP)), |bytes| of(bytes as f64, events.max(1)))
            }
        }
    }

    fn reading(&self, name: &str, labels: &[(String, String)], how: Aggregate, _: Window) -> Result<Figure, Missing> {
        let is_meant =
            |name: &String, value: &String| labels.iter().all(|(key, wanted)| key != name || value == wanted);
        let found: Vec<_> = self
            .0
            .readings
            .iter()
            .filter(|reading| reading.name == name && labels.iter().all(|(key, _)| reading.labels.contains_key(key)))
            .filter(|reading| reading.labels.iter().all(|(name, value)| is_meant(name, value)))
            .collect();
        let Some(first) = found.first() else {
            let absent = self.0.absent_readings.iter().find(|absent| absent.what == name);
            return Err(absent.map_or(Missing::Unknown, |absent| unavailable(&absent.why)));
        };
        if how == Aggregate::Trend {
            return Err(unavailable("a snapshot has no trend"));
        }
        let is_sum = how == Aggregate::Growth && first.kind == ReadingKind::Counter;
        if found.len() > 1 && !is_sum {
            let sets: Vec<_> = found.iter().map(|reading| reading.labels.iter()).collect();
            return Err(Missing::Ambiguous { labels: telling(sets) });
        }
        let value = found.iter().map(|reading| reading.value).sum();
        Ok(Figure { value, events: 1, covered: self.length() })
    }

    fn names(&self) -> Vec<String> {
        let functions = self.0.functions.iter().map(|function| function.name.clone());
        functions.chain(self.0.readings.iter().map(|reading| reading.name.to_string())).collect()
    }
}

/// The labels that differ between several readings.
pub(super) fn telling<'a>(sets: Vec<impl Iterator<Item = (&'a String, &'a String)>>) -> String {
    let sets: Vec<Vec<_>> = sets.into_iter().map(Iterator::collect).collect();
    let mut names: Vec<&str> = sets.iter().flatten().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &&str| {
        let value =
            |set: &Vec<(&String, &String)>| set.iter().find(|(own, _)| own == name).map(|(_, value)| (*value).clone());
        sets.iter().any(|set| value(set) != value(&sets[0]))
    };
    names.into_iter().filter(differs).collect::<Vec<_>>().join(", ")
}
