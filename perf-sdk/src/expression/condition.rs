//! What an expression says.

use std::fmt;

use super::metric::{Metric, quoted};
use super::unit::Quantity;

/// A whole expression. Only those of alerts have more than one comparison, or times.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    /// For how long it must hold.
    pub(crate) hold: Option<Quantity>,
    /// For how long it then stays.
    pub(crate) keep: Option<Quantity>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Comparison(Comparison),
    Event(Event),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// A metric with its limits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) metric: Metric,
    /// The metric must be above this.
    pub(crate) above: Option<Bound>,
    /// The metric must be below this.
    pub(crate) below: Option<Bound>,
    /// The time over which the metric is taken.
    pub(crate) window: Option<Quantity>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) limit: Limit,
    /// Whether the limit itself is allowed.
    pub(crate) is_inclusive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    Fixed(Quantity),
    /// A share of the metric's value in a saved snapshot.
    OfBaseline(Quantity),
}

/// What only alerts know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The error budget of a function is burnt too fast.
    Burn { function: String, objective: Quantity },
    /// A metric is unlike itself.
    Anomaly(Metric),
    /// A function whose calls fail far more often than they did.
    ErrorBurst,
    /// A leak of this verdict or a worse one.
    Leak(String),
    /// A target of this status or a worse one.
    Target(String),
    /// Regularly.
    Every(Quantity),
}

impl Condition {
    /// Whether what is found says how bad it is.
    pub(crate) fn is_burn(&self) -> bool {
        match self {
            Self::Event(Event::Burn { .. }) => true,
            Self::All(all) | Self::Any(all) => all.iter().any(Self::is_burn),
            _ => false,
        }
    }

    /// Whether it is so at a moment only.
    pub(crate) fn is_moment(&self) -> bool {
        match self {
            Self::Event(Event::Every(_)) => true,
            Self::All(all) => all.iter().any(Self::is_moment),
            Self::Any(all) => all.iter().all(Self::is_moment),
            _ => false,
        }
    }

    /// The functions of the program that it is about.
    pub(crate) fn functions(&self) -> Vec<&str> {
        match self {
            Self::Comparison(comparison) => comparison.metric.profiled_function().into_iter().collect(),
            Self::Event(Event::Burn { function, .. }) => vec![function],
            Self::Event(Event::Anomaly(metric)) => metric.profiled_function().into_iter().collect(),
            Self::Event(Event::ErrorBurst | Event::Leak(_) | Event::Target(_) | Event::Every(_)) => Vec::new(),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().flat_map(Self::functions).collect(),
        }
    }
}

impl Comparison {
    /// The limits, as they stand behind the metric: `< 100ms`, `in 60%..80%`.
    pub(crate) fn limits(&self) -> String {
        match (self.above, self.below) {
            (Some(above), Some(below)) if above.is_inclusive && below.is_inclusive => {
                format!("in {}..{}", above.limit, below.limit)
            }
            (above, below) => {
                let one = |sign: &str, bound: Option<Bound>| {
                    bound.map(|bound| format!("{sign}{} {}", if bound.is_inclusive { "=" } else { "" }, bound.limit))
                };
                let both = [one(">", above), one("<", below)];
                both.into_iter().flatten().collect::<Vec<_>>().join(" and ")
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(quantity) => quantity.fmt(f),
            Self::OfBaseline(share) => write!(f, "{share} of baseline"),
        }
    }
}

/// The text that is parsed to the same comparison.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |bound: Bound| if bound.is_inclusive { "<=" } else { "<" };
        match (self.above, self.below) {
            (Some(above), Some(below)) if !(above.is_inclusive && below.is_inclusive) => {
                let (low, high) = (above.limit, below.limit);
                write!(f, "{low} {} {} {} {high}", sign(above), self.metric, sign(below))?;
            }
            _ => write!(f, "{} {}", self.metric, self.limits())?,
        }
        self.window.map_or(Ok(()), |window| write!(f, " over {window}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Burn { function, objective } => write!(f, "burn({}, {objective})", quoted(function)),
            Self::Anomaly(metric) => write!(f, "anomaly({metric})"),
            Self::ErrorBurst => f.write_str("errors(burst)"),
            Self::Leak(verdict) => write!(f, "leak({verdict})"),
            Self::Target(status) => write!(f, "target({status})"),
            Self::Every(time) => write!(f, "every({time})"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (conditions, word) = match self {
            Self::Comparison(comparison) => return comparison.fmt(f),
            Self::Event(event) => return event.fmt(f),
            Self::All(conditions) => (conditions, " AND "),
            Self::Any(conditions) => (conditions, " OR "),
        };
        for (at, condition) in conditions.iter().enumerate() {
            let before = if at > 0 { word } else { "" };
            match condition {
                Self::All(_) | Self::Any(_) => write!(f, "{before}({condition})")?,
                _ => write!(f, "{before}{condition}")?,
            }
        }
        Ok(())
    }
}

/// The text that is parsed to the same rule.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)?;
        self.hold.map_or(Ok(()), |time| write!(f, " for {time}"))?;
        self.keep.map_or(Ok(()), |time| write!(f, " keep {time}"))
    }
}
