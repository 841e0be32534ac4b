//! Figures that are read at intervals, such as the process's memory.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::base::sort;

/// One figure that a monitor or an instrument read, at the time of its latest reading before the
/// snapshot.
///
/// There is none before [`start`](crate::start): readings are taken by a thread of the profiler.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Reading {
    /// The name in scrapes, with its unit, and with `_total` if it only grows.
    pub name: Cow<'static, str>,
    /// What it is, in a sentence.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub help: Cow<'static, str>,
    /// Which of several figures of this name it is.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub labels: BTreeMap<String, String>,
    /// The unit of the value.
    pub unit: ReadingUnit,
    /// Whether it only grows.
    pub kind: ReadingKind,
    /// The value, a finite number.
    pub value: f64,
}

/// The unit of a [`Reading`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ReadingUnit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share, from 0 to 1.
    Ratio,
    /// Hertz.
    Hertz,
    /// A number of things, or of events.
    #[default]
    Count,
}

impl ReadingUnit {
    /// `seconds`, `bytes`, `ratio`, `hertz` or `count`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Hertz => "hertz",
            Self::Count => "count",
        }
    }
}

impl fmt::Display for ReadingUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a [`Reading`] only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ReadingKind {
    /// It rises and falls.
    #[default]
    Gauge,
    /// It only grows, from the start of what it counts.
    Counter,
}

/// Figures that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AbsentReading {
    /// Which figures: the name of one, or what they have in common.
    pub what: Cow<'static, str>,
    /// The reason.
    pub why: Cow<'static, str>,
}

impl Reading {
    /// The order in a snapshot.
    fn order(&self, other: &Self) -> Ordering {
        (&self.name, &self.labels).cmp(&(&other.name, &other.labels))
    }
}

/// Sorts them by name and labels. Of several with the same name and labels the first is kept.
pub(crate) fn sort_readings(readings: &mut Vec<Reading>) {
    sort::sort_by(readings, Reading::order);
    readings.dedup_by(|next, first| next.order(first) == Ordering::Equal);
}

/// The readings now, and of counters the increase since `earlier`.
pub(in crate::snapshot) fn since(now: &[Reading], earlier: &[Reading]) -> Vec<Reading> {
    let earlier: BTreeMap<_, f64> =
        sort::map_of(earlier.iter().map(|reading| ((&reading.name, &reading.labels), reading.value)));
    let mut window = now.to_vec();
    for (reading, now) in window.iter_mut().zip(now).filter(|(reading, _)| reading.kind == ReadingKind::Counter) {
        if let Some(was) = earlier.get(&(&now.name, &now.labels)) {
            reading.value = (now.value - was).max(0.0);
        }
    }
    window
}

/// Adds counters. Of gauges, `theirs` replace `ours` if they are later.
pub(in crate::snapshot) fn add(ours: &mut Vec<Reading>, theirs: &[Reading], theirs_are_later: bool) {
    sort_readings(ours);
    let known = ours.len();
    for their in theirs {
        match ours[..known].binary_search_by(|our| our.order(their)) {
            Ok(at) if ours[at].kind == ReadingKind::Counter => ours[at].value += their.value,
            Ok(at) if theirs_are_later => ours[at].value = their.value,
            Ok(_) => {}
            Err(_) => ours.push(their.clone()),
        }
    }
    sort_readings(ours);
}

/// All reasons of both, each once. What the other has a reading of is left out.
pub(in crate::snapshot) fn add_absent(ours: &mut Vec<AbsentReading>, theirs: &[AbsentReading], readings: &[Reading]) {
    ours.extend_from_slice(theirs);
    ours.sort();
    ours.dedup();
    ours.retain(|absent| readings.iter().all(|reading| reading.name != absent.what));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &'static str, label: &str, kind: ReadingKind, value: f64) -> Reading {
        let labels = [("of".to_owned(), label.to_owned())].into();
        Reading { name: name.into(), labels, kind, value, ..Reading::default() }
    }

    const GAUGE: ReadingKind = ReadingKind::Gauge;
    const COUNTER: ReadingKind = ReadingKind::Counter;

    #[test]
    fn a_window_has_increases_of_counters_and_the_latest_gauges() {
        let earlier = [reading("c", "a", COUNTER, 5.0), reading("c", "b", COUNTER, 9.0), reading("g", "", GAUGE, 7.0)];
        let now = [
            reading("c", "a", COUNTER, 8.0),
            reading("c", "b", COUNTER, 1.0),
            reading("c", "new", COUNTER, 4.0),
            reading("g", "", GAUGE, 3.0),
        ];
        let values: Vec<f64> = since(&now, &earlier).iter().map(|reading| reading.value).collect();
        assert_eq!(values, [3.0, 0.0, 4.0, 3.0]);
    }

    #[test]
    fn merging_adds_counters_and_keeps_the_later_gauge() {
        let theirs = [reading("g", "", GAUGE, 3.0), reading("c", "a", COUNTER, 8.0), reading("c", "b", COUNTER, 1.0)];
        for (later, gauge) in [(true, 3.0), (false, 7.0)] {
            let mut ours = vec![reading("c", "a", COUNTER, 5.0), reading("g", "", GAUGE, 7.0)];
            add(&mut ours, &theirs, later);
            let expected =
                [reading("c", "a", COUNTER, 13.0), reading("c", "b", COUNTER, 1.0), reading("g", "", GAUGE, gauge)];
            assert_eq!(ours, expected);
        }
    }

    #[test]
    fn a_name_with_labels_is_there_once() {
        let mut readings =
            vec![reading("b", "", GAUGE, 1.0), reading("a", "x", GAUGE, 2.0), reading("b", "", GAUGE, 3.0)];
        sort_readings(&mut readings);
        assert_eq!(readings, [reading("a", "x", GAUGE, 2.0), reading("b", "", GAUGE, 1.0)]);
    }

    #[test]
    fn what_one_process_could_read_is_not_absent() {
        let absent = |what: &'static str| AbsentReading { what: what.into(), why: "no such file".into() };
        let mut ours = vec![absent("b"), absent("a")];
        add_absent(&mut ours, &[absent("a"), absent("c")], &[reading("b", "", GAUGE, 1.0)]);
        assert_eq!(ours, [absent("a"), absent("c")]);
    }
}
