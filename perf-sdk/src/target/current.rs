//! The value of a metric over a window.

use std::time::Duration;

use super::figures::{Figure, Figures, Missing, Window};
use crate::expression::{Aggregate, CallFigure, Formula, Metric};

/// A limit that is not reached in this time is not reached.
const FAR: Duration = Duration::from_secs(30 * 86_400);

/// The value, in seconds, bytes, shares of 1, things, or these per second.
pub(crate) fn current(metric: &Metric, figures: &dyn Figures, window: Window) -> Result<Figure, Missing> {
    let labels = metric.reading_labels();
    let of = Readings { figures, labels: &labels, window };
    let Some(function) = metric.function else { return of.one(&metric.name, Aggregate::Latest) };
    let subject = metric.subject().unwrap_or_default();
    let figure = match function.formula {
        Formula::Calls(figure) => figures.calls(subject, figure, window),
        Formula::Rate => match metric.argument(0) {
            Some(counter) => of.labelled(&counter.labels).rate(&counter.name),
            None => match figures.calls(subject, CallFigure::Rate, window) {
                Err(Missing::Unknown) => of.rate(subject),
                found => found,
            },
        },
        Formula::Gauge(name) => of.one(name, Aggregate::Latest),
        Formula::Quotient { part, whole } => quotient(of.sum(part)?, of.sum(whole)?),
        Formula::Saved { after, before } => {
            let kept = quotient(of.growth(after)?, of.growth(before)?)?;
            Ok(Figure { value: 1.0 - kept.value, ..kept })
        }
        Formula::Utilization { used, limit } => {
            let (used, limit) = (of.one(used, Aggregate::Mean)?, of.one(limit, Aggregate::Latest)?);
            Ok(Figure { events: used.events, ..quotient(used, limit)? })
        }
        Formula::TimeTo { used, limit } => {
            let grows = of.one(used, Aggregate::Trend)?;
            let (used, limit) = (of.one(used, Aggregate::Latest)?, of.one(limit, Aggregate::Latest)?);
            let left = (limit.value - used.value).max(0.0);
            // What does not grow is far from it.
            let seconds = if grows.value > 0.0 { left / grows.value } else { f64::INFINITY };
            Ok(Figure { value: seconds.min(FAR.as_secs_f64()), ..grows })
        }
        Formula::PerCapacity { used, capacity } => {
            let (used, capacity) = (of.rate(used)?, of.one(capacity, Aggregate::Latest)?);
            let of_group = |name| of.one(name, Aggregate::Latest).ok().map(|figure| figure.value);
            let quota = of_group("container_spec_cpu_quota").zip(of_group("container_spec_cpu_period"));
            let value = processors(capacity.value, quota.map(|(quota, period)| quota / period));
            Ok(Figure { events: used.events, ..quotient(used, Figure { value, ..capacity })? })
        }
        Formula::Over(aggregate) => {
            let Some(argument) = metric.argument(0) else { return Err(Missing::Unknown) };
            let labels = argument.reading_labels();
            let of = of.labelled(&labels);
            let name = match argument.function.map(|function| function.formula) {
                Some(Formula::Gauge(name)) => name,
                _ => &argument.name,
            };
            if aggregate == Aggregate::Growth { of.growth(name) } else { of.one(name, aggregate) }
        }
        Formula::OfCounters => {
            let counter = |at| {
                let counter: &Metric = metric.argument(at).ok_or(Missing::Unknown)?;
                of.labelled(&counter.labels).growth(&counter.name)
            };
            quotient(counter(0)?, counter(1)?)
        }
    }?;
    if figure.value.is_finite() { Ok(figure) } else { Err(Missing::NoData) }
}

/// The processors that a process may use. The standard library counts whole ones of a quota, at
/// least one: where that is what limits it, the quota itself counts.
fn processors(whole: f64, quota: Option<f64>) -> f64 {
    quota.filter(|quota| *quota > 0.0 && quota.floor().max(1.0) == whole).unwrap_or(whole)
}

/// Readings with these labels.
#[derive(Clone, Copy)]
struct Readings<'a> {
    figures: &'a dyn Figures,
    labels: &'a [(String, String)],
    window: Window,
}

impl<'a> Readings<'a> {
    fn labelled(self, labels: &'a [(String, String)]) -> Self {
        Self { labels, ..self }
    }

    fn one(self, name: &str, how: Aggregate) -> Result<Figure, Missing> {
        self.figures.reading(name, self.labels, how, self.window)
    }

    /// Of a counter, whose name may be given without `_total`.
    fn growth(self, name: &str) -> Result<Figure, Missing> {
        match self.one(name, Aggregate::Growth) {
            Err(Missing::Unknown) if !name.ends_with("_total") => self.one(&format!("{name}_total"), Aggregate::Growth),
            found => found,
        }
    }

    /// Growth per second.
    fn rate(self, name: &str) -> Result<Figure, Missing> {
        let grown = self.growth(name)?;
        let value = grown.value / grown.covered.as_secs_f64();
        if grown.covered.is_zero() { Err(Missing::NoData) } else { Ok(Figure { value, ..grown }) }
    }

    fn sum(self, names: &[&str]) -> Result<Figure, Missing> {
        let mut sum: Option<Figure> = None;
        for name in names {
            let one = self.growth(name)?;
            sum = Some(sum.map_or(one, |sum| Figure {
                value: sum.value + one.value,
                events: sum.events.max(one.events),
                covered: sum.covered.min(one.covered),
            }));
        }
        sum.ok_or(Missing::Unknown)
    }
}

/// It rests on as many events as the whole has. Nothing of nothing is no data.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, which saturates")]
fn quotient(part: Figure, whole: Figure) -> Result<Figure, Missing> {
    if whole.value <= 0.0 {
        return Err(Missing::NoData);
    }
    let covered = part.covered.min(whole.covered);
    Ok(Figure { value: part.value / whole.value, events: whole.value as u64, covered })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_quota_its_parts_of_a_processor_count() {
        for (whole, quota, found) in [
            (4.0, None, 4.0),
            (1.0, Some(1.9), 1.9),
            (1.0, Some(0.25), 0.25),
            (2.0, Some(8.0), 2.0),
            (3.0, Some(3.0), 3.0),
        ] {
            assert_eq!(processors(whole, quota), found, "{whole} {quota:?}");
        }
    }
}
