//! A chart, as the page draws it.

use serde::Serialize;

/// Digits of a value that are written: more are not kept.
const DIGITS: i32 = 5;

/// What a line is in its chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Line,
    /// What the others are a part of, which may be much more.
    Whole,
    /// What the others must stay below.
    Limit,
}

/// Values at equal steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    /// What is written beside it.
    pub(crate) name: String,
    /// The same in each answer: names of series and labels.
    pub(crate) id: String,
    pub(crate) role: Role,
    /// When the first step begins, in seconds since 1970.
    pub(crate) from: u32,
    /// The seconds of a step.
    pub(crate) step: u32,
    pub(crate) values: Vec<Option<f64>>,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Chart {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) lines: Vec<Line>,
    /// Lines for which there is no room.
    pub(crate) more: usize,
}

/// A chart of a series that functions have: id, title, unit, hint, series.
pub(crate) struct OfFunctions {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) series: &'static str,
}

pub(crate) const RATE: OfFunctions = OfFunctions {
    id: "rate",
    title: "Calls",
    unit: "count_per_second",
    hint: "calls that ended, per second",
    series: "function_calls_total",
};
pub(crate) const ERRORS: OfFunctions = OfFunctions {
    id: "errors",
    title: "Errors",
    unit: "count_per_second",
    hint: "calls that ended with an error or a panic, per second",
    series: "function_errors_total",
};

/// Quantiles that are drawn: id, title, hint, rank.
pub(crate) const QUANTILES: [(&str, &str, &str, f64); 3] = [
    ("p50", "p50", "half of the calls of each step take at most this long", 0.5),
    ("p95", "p95", "95 % of the calls of each step take at most this long", 0.95),
    ("p99", "p99", "99 % of the calls of each step take at most this long", 0.99),
];

impl OfFunctions {
    pub(crate) fn chart(&self, lines: Vec<Line>) -> Chart {
        Chart { id: self.id, title: self.title, unit: self.unit, hint: self.hint, lines, more: 0 }
    }
}

/// The id of a line of a function, which is given by module and name.
pub(crate) fn of_function(series: &str, (module, name): (&str, &str)) -> String {
    format!("{series}|{module}|{name}")
}

/// What is written beside the lines of these functions: the name, or `module::name` if several of
/// them have it.
pub(crate) fn names_beside(functions: &[(&str, &str)]) -> Vec<String> {
    let is_alone = |name: &str| functions.iter().filter(|(_, other)| *other == name).count() < 2;
    let of = |(module, name): &(&str, &str)| match module.is_empty() || is_alone(name) {
        true => (*name).to_owned(),
        false => format!("{module}::{name}"),
    };
    functions.iter().map(of).collect()
}

/// As many digits as the history has.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let shift = DIGITS - 1 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(shift.abs());
    if shift >= 0 { (value * scale).round() / scale } else { (value / scale).round() * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_five_digits() {
        for (value, expected) in
            [(0.0, 0.0), (1.0 / 3.0, 0.33333), (123_456.0, 123_460.0), (-0.000_123_456_7, -0.000_123_46), (7.0, 7.0)]
        {
            assert_eq!(rounded(value), expected, "{value}");
        }
    }
}
