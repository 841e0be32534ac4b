//! Whether what a rule says is so.

use std::collections::BTreeMap;
use std::time::Duration;

use super::definition::WINDOW;
use super::samples::{EVERY, Samples};
use super::state::AlertSeverity;
use crate::base::sort;
use crate::detect::is_seasonal;
use crate::expression::{
    Bound, CallFigure, Comparison, Condition, Dimension, Event, LEAK_VERDICTS, Limit, Metric, Quantity,
};
use crate::target::{
    BurnState, Figure, Figures, Good, Judgement, Missing, Severity, Status, Window, budget, current, duration,
    least_events, shown_value,
};

/// While an alert fires, its limits are nearer by this share, so that a value at a limit does not
/// flap.
const HYSTERESIS: f64 = 0.05;
/// The share of a window of which something must be known.
const LEAST_COVERED: f64 = 0.5;
/// The period of `burn`, to which Sloth's windows belong.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);
/// The number of calls below which `burn` says nothing.
const LEAST_CALLS: u64 = 20;
/// The number of alerts of one rule.
pub(super) const MOST_SUBJECTS: usize = 100;

/// A burst of errors: in this time, against that time before, of which so much must be known.
const BURST: Duration = Duration::from_secs(60);
const BURST_USUAL: Duration = Duration::from_secs(3_600);
const BURST_KNOWN: Duration = Duration::from_secs(600);
/// So many errors, this share of the calls, and so many times the usual share.
const LEAST_ERRORS: f64 = 5.0;
const LEAST_ERROR_SHARE: f64 = 0.05;
const BURST_FACTOR: f64 = 4.0;

const DAY: Duration = Duration::from_secs(86_400);
/// The time that is compared with that of other days.
const SEASON: Duration = Duration::from_secs(600);

/// What is known at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) figures: &'a dyn Figures,
    /// Absent before the first evaluation.
    pub(crate) leaks: Option<&'a [Leaking]>,
    pub(crate) targets: Option<&'a Judgement>,
}

/// A finding of the leak detector.
#[derive(Clone, Debug)]
pub(crate) struct Leaking {
    /// The name of its verdict.
    pub(crate) verdict: &'static str,
    pub(crate) place: String,
    pub(crate) evidence: String,
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Truth {
    /// It does, for each of these.
    Holds(Vec<Sighting>),
    Not,
    /// Nobody knows, for this reason.
    Unknown(String),
}

/// One thing for which a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Empty if it is the only one.
    pub(super) subject: String,
    pub(super) evidence: String,
    /// Where what was found says how bad it is.
    pub(super) severity: Option<AlertSeverity>,
    /// The value of a single comparison.
    pub(super) value: Option<f64>,
}

/// What a rule remembers between two turns.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Of each anomaly's metric, with what the latest sample says.
    samples: BTreeMap<String, (Samples, Option<Truth>)>,
    /// Of `every`: which of its turns was the last one.
    turn: Option<u64>,
}

/// When a rule is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct When<'a> {
    pub(super) at_unix_ns: u64,
    /// Of a clock that never goes back.
    pub(super) second: u64,
    /// The subjects of the rule's alerts that fire.
    pub(super) active: &'a [&'a str],
}

impl Memory {
    pub(super) fn judge(&mut self, condition: &Condition, facts: Facts<'_>, when: When<'_>) -> Truth {
        match condition {
            Condition::Comparison(comparison) => compared(comparison, facts.figures, when),
            Condition::Event(event) => self.event(event, facts, when),
            Condition::All(conditions) => {
                // All are judged: anomalies need their samples.
                let all: Vec<Truth> = conditions.iter().map(|one| self.judge(one, facts, when)).collect();
                all_of(all)
            }
            Condition::Any(conditions) => {
                let all: Vec<Truth> = conditions.iter().map(|one| self.judge(one, facts, when)).collect();
                any_of(all)
            }
        }
    }

    fn event(&mut self, event: &Event, facts: Facts<'_>, when: When<'_>) -> Truth {
        match event {
            Event::Burn { function, objective } => burnt(function, *objective, facts.figures, when.at_unix_ns),
            Event::Anomaly(metric) => self.anomaly(metric, facts.figures, when),
            Event::ErrorBurst => bursts(facts.figures, when),
            Event::Leak(verdict) => leaks(verdict, facts.leaks),
            Event::Target(status) => targets(status, facts.targets),
            Event::Every(interval) => self.every(*interval, when.second),
        }
    }

    fn every(&mut self, interval: Quantity, second: u64) -> Truth {
        let seconds = interval.duration().unwrap_or(WINDOW).as_secs().max(1);
        let turn = second / seconds;
        // The first turn begins with the next interval.
        if self.turn.replace(turn).is_none_or(|before| before == turn) {
            return Truth::Not;
        }
        Truth::Holds(vec![Sighting {
            subject: String::new(),
            evidence: format!("{interval} passed"),
            severity: None,
            value: None,
        }])
    }

    fn anomaly(&mut self, metric: &Metric, figures: &dyn Figures, when: When<'_>) -> Truth {
        let name = metric.to_string();
        let (samples, latest) = self.samples.entry(name.clone()).or_default();
        if let Some(truth) = latest.as_ref().filter(|_| !samples.is_due(when.second)) {
            return truth.clone();
        }
        let length = Duration::from_secs(EVERY);
        let value = current(metric, figures, Window { at_unix_ns: when.at_unix_ns, length });
        if let Err(missing @ (Missing::Unknown | Missing::Ambiguous { .. } | Missing::Unavailable { .. })) = value {
            return Truth::Unknown(said(&missing, metric, WINDOW));
        }
        samples.add(when.second, value.ok().map(|figure| figure.value));
        let truth = shifted(&name, metric, samples, figures, when);
        *latest = Some(truth.clone());
        truth
    }
}

/// What the samples of a metric say.
fn shifted(name: &str, metric: &Metric, samples: &Samples, figures: &dyn Figures, when: When<'_>) -> Truth {
    let of = |at_unix_ns: u64, length: Duration| current(metric, figures, Window { at_unix_ns, length });
    let shift = match samples.shift() {
        Ok(Some(shift)) => shift,
        Ok(None) => return Truth::Not,
        Err(reason) => return Truth::Unknown(reason),
    };
    let Ok(now) = of(when.at_unix_ns, SEASON) else { return Truth::Not };
    let before = |day: u32| {
        let at_unix_ns = when.at_unix_ns.checked_sub((DAY * day).as_nanos() as u64)?;
        of(at_unix_ns, SEASON).ok().filter(|figure| figure.covered >= SEASON / 2).map(|figure| figure.value)
    };
    let days: Vec<f64> = (1..=7).filter_map(before).collect();
    if is_seasonal(now.value, &days) == Some(true) {
        return Truth::Not;
    }
    let since = duration(Duration::from_secs(shift.samples as u64 * EVERY));
    let times = format!("{:.1} times what is usual", shift.factor);
    let evidence = format!("{name} is {times} since {since}, {:+.0} standard deviations", shift.distance);
    Truth::Holds(vec![Sighting { subject: String::new(), evidence, severity: None, value: None }])
}

fn all_of(all: Vec<Truth>) -> Truth {
    if all.contains(&Truth::Not) {
        return Truth::Not;
    }
    let mut found = Vec::new();
    for truth in all {
        match truth {
            Truth::Holds(sightings) => found.push(sightings),
            Truth::Unknown(reason) => return Truth::Unknown(reason),
            Truth::Not => {}
        }
    }
    Truth::Holds(vec![together(found.into_iter().flatten(), " and ")])
}

fn any_of(all: Vec<Truth>) -> Truth {
    let (mut found, mut reason) = (Vec::new(), None);
    for truth in all {
        match truth {
            Truth::Holds(sightings) => found.extend(sightings),
            Truth::Unknown(why) => reason = reason.or(Some(why)),
            Truth::Not => {}
        }
    }
    match (found.is_empty(), reason) {
        (false, _) => Truth::Holds(vec![together(found.into_iter(), "; ")]),
        (true, Some(reason)) => Truth::Unknown(reason),
        (true, None) => Truth::Not,
    }
}

/// Several conditions are one alert.
fn together(all: impl Iterator<Item = Sighting>, between: &str) -> Sighting {
    let (mut evidence, mut severity) = (Vec::new(), None);
    for sighting in all.take(MOST_SUBJECTS) {
        let subject = sighting.subject;
        evidence.push(if subject.is_empty() { sighting.evidence } else { format!("{subject}: {}", sighting.evidence) });
        severity = severity.max(sighting.severity);
    }
    Sighting { subject: String::new(), evidence: evidence.join(between), severity, value: None }
}

/// A metric with its limits: for each set of labels if it has several.
fn compared(comparison: &Comparison, figures: &dyn Figures, when: When<'_>) -> Truth {
    let length = comparison.window.and_then(Quantity::duration).unwrap_or(WINDOW);
    let window = Window { at_unix_ns: when.at_unix_ns, length };
    let metric = &comparison.metric;
    match current(metric, figures, window) {
        Ok(figure) => match compared_one(comparison, metric, "", figure, figures, window, when) {
            Ok(Some(sighting)) => Truth::Holds(vec![sighting]),
            Ok(None) => Truth::Not,
            Err(reason) => Truth::Unknown(reason),
        },
        Err(Missing::Ambiguous { labels }) => {
            let (name, known) = metric.read_from();
            let sets = figures.label_sets(name, &known);
            if sets.is_empty() {
                return Truth::Unknown(said(&Missing::Ambiguous { labels }, metric, length));
            }
            let (mut holds, mut reason) = (Vec::new(), None);
            for labels in sets.iter().take(MOST_SUBJECTS) {
                let metric = metric.of_labels(labels);
                let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
                let subject = pairs.join(", ");
                let found = current(&metric, figures, window).map_err(|missing| said(&missing, &metric, length));
                match found
                    .and_then(|figure| compared_one(comparison, &metric, &subject, figure, figures, window, when))
                {
                    Ok(sighting) => holds.extend(sighting),
                    Err(why) => reason = reason.or(Some(why)),
                }
            }
            match (holds.is_empty(), reason) {
                (true, Some(reason)) => Truth::Unknown(reason),
                (true, None) => Truth::Not,
                (false, _) => Truth::Holds(holds),
            }
        }
        Err(missing) => Truth::Unknown(said(&missing, metric, length)),
    }
}

/// What is seen, if the value is as the rule says. An error says why that is not known.
fn compared_one(
    comparison: &Comparison,
    metric: &Metric,
    subject: &str,
    figure: Figure,
    figures: &dyn Figures,
    window: Window,
    when: When<'_>,
) -> Result<Option<Sighting>, String> {
    if figure.events < least_events(metric) {
        return Err(format!("{} of {} events in {}", figure.events, least_events(metric), duration(window.length)));
    }
    // The first minute of a program is not an hour.
    if metric.is_of_a_window() && figure.covered < window.length.mul_f64(LEAST_COVERED) {
        return Err(format!("history covers {} of {}", duration(figure.covered), duration(window.length)));
    }
    let limit = |bound: Option<Bound>| -> Result<Option<(f64, bool)>, String> {
        let Some(bound) = bound else { return Ok(None) };
        let value = match bound.limit {
            Limit::Fixed(quantity) => quantity.value(),
            Limit::OfBaseline(share) => {
                let baseline = figures.baseline().ok_or("there is no baseline")?;
                let found = current(metric, baseline, window);
                found.map_err(|_| format!("the baseline has no {metric}"))?.value * share.value()
            }
        };
        Ok(Some((value, bound.is_inclusive)))
    };
    let (above, below) = (limit(comparison.above)?, limit(comparison.below)?);
    let is_within = |nearer: f64| {
        let value = figure.value;
        let is_above = above.is_none_or(|(low, is_inclusive)| {
            let low = low - low.abs() * nearer;
            value > low || (is_inclusive && value >= low)
        });
        let is_below = below.is_none_or(|(high, is_inclusive)| {
            let high = high + high.abs() * nearer;
            value < high || (is_inclusive && value <= high)
        });
        is_above && is_below
    };
    let limits = comparison.limits();
    let relation = match is_within(0.0) {
        true => "which is",
        false if when.active.contains(&subject) && is_within(HYSTERESIS) => "which is still near",
        false => return Ok(None),
    };
    let shown = shown_value(figure.value, metric.dimension(), &limits);
    let evidence = format!("{metric} is {shown} over {}, {relation} {limits}", duration(window.length));
    let value = Some(figure.value).filter(|value| value.is_finite());
    Ok(Some(Sighting { subject: subject.to_owned(), evidence, severity: None, value }))
}

/// Why there is no value.
fn said(missing: &Missing, metric: &Metric, length: Duration) -> String {
    let length = duration(length);
    match missing {
        Missing::Unknown => format!("nothing has the name in {metric}"),
        Missing::NoData => format!("no data of {metric} in {length}"),
        Missing::NotCovered { longest } => {
            format!("history covers at most {}, the window is {length}", duration(*longest))
        }
        Missing::Ambiguous { labels } => format!("several readings have this name; add one of the labels {labels}"),
        Missing::Unavailable { reason } => reason.clone(),
    }
}

fn burnt(function: &str, objective: Quantity, figures: &dyn Figures, at_unix_ns: u64) -> Truth {
    let objective = objective.value();
    let good = Good { bad: CallFigure::ErrorRatio, objective, period: PERIOD, min_events: LEAST_CALLS };
    let budget = budget(function, good, figures, at_unix_ns);
    let burning = budget.burn_rates.iter().find(|rate| rate.state == BurnState::Burning);
    if let Some(rate) = burning {
        let [long, short] = [rate.long_seconds, rate.short_seconds].map(Duration::from_secs_f64).map(duration);
        let times = rate.long_rate.unwrap_or(rate.factor).min(rate.short_rate.unwrap_or(rate.factor));
        let evidence =
            format!("the error budget of {function} burns {times:.1} times as fast as it may, over {long} and {short}");
        let severity = if rate.severity == Severity::Page { AlertSeverity::Critical } else { AlertSeverity::Warning };
        return Truth::Holds(vec![Sighting {
            subject: String::new(),
            evidence,
            severity: Some(severity),
            value: None,
        }]);
    }
    match budget.burn_rates.iter().any(|rate| rate.state == BurnState::Quiet) {
        true => Truth::Not,
        false => Truth::Unknown(budget.burn_rates.first().map(|rate| rate.reason.clone()).unwrap_or_default()),
    }
}

/// Functions whose calls fail far more often than in the hour before.
fn bursts(figures: &dyn Figures, when: When<'_>) -> Truth {
    let minute = Window { at_unix_ns: when.at_unix_ns, length: BURST };
    let hour = Window { at_unix_ns: when.at_unix_ns.saturating_sub(BURST.as_nanos() as u64), length: BURST_USUAL };
    let of = |function: String| {
        let now = figures.calls(&function, CallFigure::ErrorRatio, minute).ok()?;
        let errors = now.value * now.events as f64;
        if errors < LEAST_ERRORS || now.value < LEAST_ERROR_SHARE {
            return None;
        }
        let usual = figures.calls(&function, CallFigure::ErrorRatio, hour).ok()?;
        let is_known = usual.covered >= BURST_KNOWN && usual.events >= LEAST_CALLS;
        let is_burst = now.value > BURST_FACTOR * usual.value && now.value > usual.value + LEAST_ERROR_SHARE;
        (is_known && is_burst).then(|| {
            let shown = |share| shown_value(share, Dimension::Ratio, "");
            let (now, usual, length) = (shown(now.value), shown(usual.value), duration(BURST));
            let evidence =
                format!("{now} of its calls failed in {length}, {errors:.0} of them, after {usual} in the hour before");
            Sighting { subject: function, evidence, severity: None, value: None }
        })
    };
    of_all(figures.functions().into_iter().filter_map(of).collect())
}

fn leaks(verdict: &str, leaks: Option<&[Leaking]>) -> Truth {
    let Some(leaks) = leaks else { return Truth::Unknown("there was no evaluation of leaks yet".to_owned()) };
    let rank = |verdict: &str| LEAK_VERDICTS.iter().position(|known| *known == verdict);
    let found = leaks.iter().filter(|leak| rank(leak.verdict) >= rank(verdict)).map(|leak| Sighting {
        subject: leak.place.clone(),
        evidence: leak.evidence.clone(),
        severity: None,
        value: None,
    });
    of_all(found.collect())
}

fn targets(status: &str, judgement: Option<&Judgement>) -> Truth {
    let Some(judgement) = judgement else { return Truth::Unknown("there are no targets".to_owned()) };
    let is_meant = |found: Status| found == Status::Missed || (found == Status::AtRisk && status == "at_risk");
    let found = judgement.targets.iter().filter(|target| is_meant(target.status)).map(|target| {
        let (metric, shown, limits) = (&target.metric, &target.shown, &target.target);
        let reason = if target.reason.is_empty() { String::new() } else { format!(", {}", target.reason) };
        let evidence = format!("{metric} is {shown}, and ought to be {limits}{reason}");
        Sighting { subject: target.name.clone(), evidence, severity: None, value: None }
    });
    of_all(found.collect())
}

fn of_all(mut found: Vec<Sighting>) -> Truth {
    // Two of one name are one.
    sort::sort_by(&mut found, |a, b| a.subject.cmp(&b.subject));
    found.dedup_by(|a, b| a.subject == b.subject);
    found.truncate(MOST_SUBJECTS);
    if found.is_empty() { Truth::Not } else { Truth::Holds(found) }
}
