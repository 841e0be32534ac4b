//! Precision and recall of `anomaly`, as the process judges it, on labelled series.
//!
//! The series are in `tests/labelled/series.txt`. They were made after the detectors, and no
//! threshold was changed for them. Since then what recurs within the hour is usual, which one of
//! them had shown.
//!
//! | file | job |
//! |---|---|
//! | `series` | one labelled series, and its text |
//! | `generator` | makes them |

mod generator;
mod series;

use std::path::PathBuf;
use std::time::Duration;

use self::series::{EVERY, Labelled};
use super::*;
use crate::expression::{Aggregate, CallFigure};
use crate::target::{Figure, Figures, Missing, Window};

const BEGIN: u64 = 1_700_000_000;
/// An alert that fires so many values after the end of an interval is still for it.
const GRACE: usize = 12;
const DAY: u64 = 86_400;

impl Figures for Labelled {
    fn calls(&self, _: &str, _: CallFigure, _: Window) -> Result<Figure, Missing> {
        Err(Missing::Unknown)
    }

    fn reading(&self, _: &str, _: &[(String, String)], how: Aggregate, window: Window) -> Result<Figure, Missing> {
        assert_eq!(how, Aggregate::Mean);
        let end = window.at_unix_ns / 1_000_000_000;
        // Of that day, or of one before.
        let days = BEGIN.saturating_sub(end).div_ceil(DAY);
        let (all, every) = match days.checked_sub(1) {
            None => (Some(&self.values), EVERY),
            Some(day) => (self.earlier.get(day as usize), series::EARLIER_EVERY),
        };
        let all = all.map_or(&[][..], Vec::as_slice);
        let end = (((end + days * DAY - BEGIN) / every) as usize).min(all.len());
        let begin = end.saturating_sub((window.length.as_secs() / every) as usize);
        let values: Vec<f64> = all[begin..end].iter().copied().filter(|value| value.is_finite()).collect();
        let covered = (end - begin) as u64 * every;
        if values.is_empty() {
            return Err(Missing::NoData);
        }
        let value = values.iter().sum::<f64>() / values.len() as f64;
        Ok(Figure { value, events: values.len() as u64, covered: Duration::from_secs(covered) })
    }
}

/// The values at which an alert fired.
fn fired(series: &Labelled) -> Vec<usize> {
    let rule = AlertRule::new("anomaly(mean(load))").expect("it is a rule");
    let mut rules = AlertRules::new();
    rules.add(rule).expect("it is allowed");
    let mut watch = Watch::new(&rules);
    let mut fired = Vec::new();
    for at in 1..=series.values.len() {
        let second = BEGIN + at as u64 * EVERY;
        let moment = Moment { at_unix_ns: second * 1_000_000_000, second };
        let facts = Facts { figures: series, leaks: None, targets: None };
        let events = watch.turn(facts, moment);
        fired.extend(events.iter().filter(|event| event.change == AlertChange::Fired).map(|_| at - 1));
    }
    fired
}

#[derive(Debug, Default)]
struct Score {
    anomalies: usize,
    hits: usize,
    false_alarms: usize,
    /// From the begin of an interval to its first alert, in values.
    after: Vec<usize>,
}

fn scored<'a>(all: impl Iterator<Item = &'a Labelled>) -> Score {
    let mut score = Score::default();
    for series in all {
        let fired = fired(series);
        let is_for = |at: usize, (begin, end): (usize, usize)| (begin..end + GRACE).contains(&at);
        let mut said = Vec::new();
        for interval in &series.anomalies {
            let found = fired.iter().find(|at| is_for(**at, *interval)).map(|at| at - interval.0);
            score.after.extend(found);
            said.push(found.map_or("missed".to_owned(), |after| format!("found after {}0 s", after + 1)));
        }
        let wrong = fired.iter().filter(|at| !series.anomalies.iter().any(|interval| is_for(**at, *interval)));
        let wrong = wrong.count();
        println!("{}: {}; {wrong} false alarms", series.name, said.join(", "));
        score.anomalies += series.anomalies.len();
        score.false_alarms += wrong;
    }
    score.after.sort_unstable();
    score.hits = score.after.len();
    score
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/labelled/series.txt")
}

#[test]
#[cfg_attr(miri, ignore = "reads a file")]
fn the_series_are_those_that_the_generator_makes() {
    let made = Labelled::write(&generator::all());
    if std::env::var_os("PERF_TEST_BLESS").is_some() {
        std::fs::write(file(), &made).expect("the folder is there");
    }
    let kept = std::fs::read_to_string(file()).expect("the file is there");
    assert!(kept == made, "tests/labelled/series.txt is not what the generator makes; see CONTRIBUTING.md");
}

/// The figures are those of `docs/alerts.md`.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of turns")]
fn precision_and_recall_do_not_become_worse() {
    let all = Labelled::read(&std::fs::read_to_string(file()).expect("the file is there"));
    let score = scored(all.iter());
    let (precision, recall) =
        (score.hits as f64 / (score.hits + score.false_alarms) as f64, score.hits as f64 / score.anomalies as f64);
    let median = score.after[score.after.len() / 2] + 1;
    println!("precision {precision:.3}, recall {recall:.3}, the median alert after {median} values: {score:?}");
    assert_eq!((all.len(), score.anomalies), (51, 30));
    assert!(score.hits >= 29 && score.false_alarms <= 13, "{score:?}");
}
