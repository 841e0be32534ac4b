//! Where a metric is in the range that it ought to be in, for whoever acts on the distance.

use super::current::current;
use super::definition::Target;
use super::figures::{Figure, Figures, Missing, Window};
use super::shown;
use crate::expression::{Aggregate, Bound, Dimension, Formula, Limit};

/// A target's metric, and its range.
#[derive(Clone, Debug)]
pub(crate) struct Ranged {
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) dimension: Dimension,
    /// Both ends are above 0.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Not negative.
    Is(f64),
    /// Nothing happened of which it could be, or too little, or the program is young.
    Nothing(String),
    /// It is not known, so nobody may rely on it.
    Unknown(String),
}

impl Target {
    /// Why a range of this metric does not tell by its distance how many processes there ought to
    /// be. `None` if it does.
    pub(crate) fn not_a_load(&self) -> Option<&'static str> {
        let falls = match self.that.metric.function {
            Some(function) if function.name == "hit_ratio" => true,
            function => matches!(
                function.map(|function| function.formula),
                Some(Formula::TimeTo { .. } | Formula::Saved { .. } | Formula::Over(Aggregate::Lowest))
            ),
        };
        if falls {
            return Some("figures that rise with the load and fall as others take their part");
        }
        let is_positive = |bound: Option<Bound>| match bound.map(|bound| bound.limit) {
            Some(Limit::Fixed(quantity)) => quantity.value() > 0.0,
            _ => true,
        };
        let are_positive = is_positive(self.that.above) && is_positive(self.that.below);
        (!are_positive).then_some("limits above 0")
    }

    /// Whether its value over ten minutes says what it is over another time.
    pub(crate) fn is_level(&self) -> bool {
        match self.that.metric.function.map(|function| function.formula) {
            Some(Formula::Over(aggregate)) => matches!(aggregate, Aggregate::Mean | Aggregate::Latest),
            _ => true,
        }
    }

    /// The value of its metric over a window.
    pub(crate) fn value(&self, figures: &dyn Figures, window: Window) -> Result<Figure, Missing> {
        current(&self.that.metric, figures, window)
    }

    /// The metric over the target's own window. `least_covered` is the share of it of which
    /// something must be known.
    pub(crate) fn ranged(&self, figures: &dyn Figures, at_unix_ns: u64, least_covered: f64) -> Ranged {
        let window = Window { at_unix_ns, length: self.length() };
        let mut ranged = Ranged {
            name: self.title(),
            metric: self.that.metric.to_string(),
            dimension: self.that.metric.dimension(),
            low: None,
            high: None,
            value: Value::Unknown(String::new()),
        };
        let end = |bound: Option<Bound>| {
            let limit = bound.map(|bound| self.limit(bound.limit, figures, window)).transpose();
            limit.map(|limit| limit.filter(|limit| *limit > 0.0 && limit.is_finite()))
        };
        match (end(self.that.above), end(self.that.below)) {
            (Ok(low), Ok(high)) => (ranged.low, ranged.high) = (low, high),
            (Err(reason), _) | (_, Err(reason)) => {
                ranged.value = Value::Unknown(reason);
                return ranged;
            }
        }
        let length = shown::duration(window.length);
        ranged.value = match self.value(figures, window) {
            Ok(figure) if figure.events < self.least_events() => {
                Value::Nothing(format!("{} of {} events in {length}", figure.events, self.least_events()))
            }
            Ok(figure) if figure.covered.as_secs_f64() < least_covered * window.length.as_secs_f64() => {
                Value::Nothing(format!("{} of {length} are known", shown::duration(figure.covered)))
            }
            Ok(figure) if figure.value.is_finite() => Value::Is(figure.value.max(0.0)),
            Ok(_) => Value::Unknown("it is no number".to_owned()),
            Err(Missing::NoData) => Value::Nothing(format!("nothing happened in {length}")),
            Err(Missing::Unknown) => Value::Unknown("nothing of this name was seen".to_owned()),
            Err(Missing::NotCovered { longest }) => {
                Value::Unknown(format!("the history covers at most {}", shown::duration(longest)))
            }
            Err(Missing::Ambiguous { labels }) => {
                Value::Unknown(format!("several readings have this name; add one of the labels {labels}"))
            }
            Err(Missing::Unavailable { reason }) => Value::Unknown(reason),
        };
        ranged
    }
}
