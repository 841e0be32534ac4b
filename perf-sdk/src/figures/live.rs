//! The figures of this process.

use std::time::Duration;

use super::past::Past;
use super::whole::{Whole, telling, unavailable};
use crate::expression::{Aggregate, CallFigure};
use crate::history::History;
use crate::reading::{Kind, Reading, Readings};
use crate::target::{Figure, Figures, Missing, Window};

/// So long a program is young: then the second that the history lacks does not matter any more.
pub(crate) const YOUNG: Duration = Duration::from_secs(300);

/// What is known besides the history.
pub(crate) struct Now<'a> {
    /// The latest readings, and what cannot be read.
    pub(crate) readings: &'a Readings,
    /// Readings at the start, and how long ago that was. Absent before the first ones.
    pub(crate) first: Option<(&'a [Reading], Duration)>,
    /// All since the start, while the program is young: the history lacks its first second.
    pub(crate) whole: Option<&'a Whole>,
    /// The names of all functions that ran, of which the history may lack some.
    pub(crate) functions: fn() -> Vec<&'static str>,
    pub(crate) is_young: bool,
    pub(crate) baseline: Option<&'a Whole>,
}

impl<'a> Now<'a> {
    /// Without what is known of the start.
    pub(crate) fn new(
        readings: &'a Readings,
        functions: fn() -> Vec<&'static str>,
        baseline: Option<&'a Whole>,
    ) -> Self {
        Self { readings, first: None, whole: None, functions, is_young: false, baseline }
    }
}

/// Figures of the history. A window in which the process started is answered by all since the
/// start, unless the history has what was before.
pub(crate) struct Live<'a> {
    past: Option<Past<'a>>,
    now: Now<'a>,
}

impl<'a> Live<'a> {
    pub(crate) fn new(history: Option<&'a History>, now: Now<'a>) -> Self {
        Self { past: history.map(Past::new), now }
    }

    /// The latest second of the history, and how many calls ended after `second`: `None` if there
    /// is no function. `None` without a history.
    pub(crate) fn calls_after(&self, second: u32) -> Option<(u32, Option<f64>)> {
        self.past.as_ref().map(|past| (past.newest(), past.calls_after(second)))
    }

    /// The latest readings with these labels.
    fn latest(&self, name: &str, labels: &[(String, String)]) -> Vec<&Reading> {
        let has = |reading: &Reading, (key, wanted): &(String, String)| {
            reading.labels.pairs().any(|(name, value)| name == key && value == wanted)
        };
        let is_meant =
            |reading: &&Reading| reading.description.name == name && labels.iter().all(|label| has(reading, label));
        self.now.readings.0.iter().filter(is_meant).collect()
    }

    /// Whether a reading has this name, with or without `_total`.
    fn is_reading(&self, name: &str) -> bool {
        let has = |known: &str| known == name || known.strip_suffix("_total") == Some(name);
        self.now.readings.0.iter().any(|reading| has(reading.description.name))
    }

    /// By how much counters grew since the start.
    fn grown(&self, readings: &[&Reading]) -> Option<Figure> {
        let (first, covered) = self.now.first?;
        let grown = |reading: &&Reading| {
            let is_same = |known: &&Reading| {
                std::ptr::eq(known.description, reading.description) && known.labels == reading.labels
            };
            // A counter that was not there yet began at 0, and so did one that fell.
            let before = first.iter().find(is_same).map_or(0.0, |known| known.value);
            let value = self.now.whole.and_then(|whole| whole.value_of(reading)).unwrap_or(reading.value);
            if value >= before { value - before } else { value }
        };
        Some(Figure { value: readings.iter().map(grown).sum(), events: 1, covered })
    }

    fn without_history(&self) -> Missing {
        unavailable("there is no history of this window: PERF_HISTORY is off")
    }
}

/// The one that is of more time.
fn longer(past: Result<Figure, Missing>, whole: Result<Figure, Missing>) -> Result<Figure, Missing> {
    match (past, whole) {
        (Ok(past), Ok(whole)) => Ok(if past.covered > whole.covered + Duration::from_secs(2) { past } else { whole }),
        (Ok(figure), Err(_)) | (Err(_), Ok(figure)) => Ok(figure),
        (Err(missing @ Missing::NotCovered { .. }), Err(_)) => Err(missing),
        (Err(_), Err(missing)) => Err(missing),
    }
}

impl Figures for Live<'_> {
    fn calls(&self, function: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing> {
        let past = match &self.past {
            Some(past) => past.calls(function, figure, window),
            None => Err(self.without_history()),
        };
        let young = self.now.whole.filter(|whole| self.now.is_young && whole.length() <= window.length);
        match past {
            Err(Missing::NotCovered { .. }) => past,
            past if young.is_some() => {
                young.map_or(Err(Missing::Unknown), |young| longer(past, young.calls(function, figure, window)))
            }
            // `rate` takes functions and counters.
            Err(Missing::Unknown) if self.is_reading(function) => past,
            Err(Missing::Unknown) => match (self.now.functions)().contains(&function) {
                true if self.now.is_young => Err(Missing::NoData),
                true => Err(unavailable("it is not among the functions of which the history is kept")),
                false => past,
            },
            _ => past,
        }
    }

    fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        how: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing> {
        let latest = self.latest(name, labels);
        let past = match &self.past {
            Some(past) => past.reading(name, labels, how, window),
            None if latest.is_empty() => Err(Missing::Unknown),
            None => Err(self.without_history()),
        };
        let Some(first) = latest.first() else {
            // It may have ended, so the history may have it.
            let absent = self.now.readings.1.iter().find(|absent| absent.what == name);
            return match (past, absent) {
                (Err(Missing::Unknown | Missing::NoData), Some(absent)) => Err(unavailable(absent.why)),
                // What is new may be in a snapshot before it was read for the history.
                (Err(Missing::Unknown), None) if self.now.is_young => match self.now.whole {
                    Some(young) => young.reading(name, labels, how, window),
                    None => Err(Missing::Unknown),
                },
                (past, _) => past,
            };
        };
        if how == Aggregate::Growth && first.description.kind == Kind::Counter {
            let is_young = self.now.first.is_some_and(|(_, age)| self.now.is_young && age <= window.length);
            return match self.grown(&latest).filter(|_| is_young) {
                Some(_) if matches!(past, Err(Missing::NotCovered { .. })) => past,
                Some(grown) => longer(past, Ok(grown)),
                None if past == Err(Missing::Unknown) => Err(Missing::NoData),
                None => past,
            };
        }
        let covered = match &past {
            Ok(figure) => figure.covered,
            Err(_) => Duration::ZERO,
        };
        let one = match latest.as_slice() {
            [one] => one,
            several => {
                let sets: Vec<Vec<(String, String)>> = several
                    .iter()
                    .map(|reading| {
                        reading.labels.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
                    })
                    .collect();
                let sets = sets.iter().map(|set| set.iter().map(|(name, value)| (name, value)));
                return Err(Missing::Ambiguous { labels: telling(sets.collect()) });
            }
        };
        match past {
            // As it was read, not as the history rounds it.
            _ if how == Aggregate::Latest => {
                Ok(Figure { value: one.value, events: 1, covered: covered.max(Duration::from_secs(1)) })
            }
            Err(Missing::Unknown | Missing::NoData) if !matches!(how, Aggregate::Growth | Aggregate::Trend) => {
                Ok(Figure { value: one.value, events: 1, covered: Duration::from_secs(1) })
            }
            past => past,
        }
    }

    fn baseline(&self) -> Option<&dyn Figures> {
        self.now.baseline.map(|baseline| baseline as &dyn Figures)
    }

    fn functions(&self) -> Vec<String> {
        self.past.as_ref().map(Past::functions).unwrap_or_default()
    }

    fn label_sets(&self, name: &str, labels: &[(String, String)]) -> Vec<Vec<(String, String)>> {
        let own = |reading: &&Reading| {
            reading.labels.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        self.latest(name, labels).iter().map(own).collect()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = (self.now.functions)().into_iter().map(str::to_owned).collect();
        names.extend(self.now.readings.0.iter().map(|reading| reading.description.name.to_owned()));
        for info in self.past.iter().flat_map(Past::series) {
            names.push(info.name.clone());
            // A module is no name of what can be asked for.
            let values = info.labels.iter().filter(|(label, _)| label != "module");
            names.extend(values.map(|(_, value)| value.clone()));
        }
        names
    }
}
