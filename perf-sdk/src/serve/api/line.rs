//! One line of a chart.

use serde::Serialize;

use super::range::Range;
use crate::history::{self, Point, SeriesId};

/// Digits of a value that are written: more are not kept.
const DIGITS: i32 = 5;

/// What a line is in its chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Line,
    /// What the others must stay below.
    Limit,
}

/// Values at equal steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::serve) struct Line {
    /// What is written beside it.
    pub(super) name: String,
    /// The same in each answer: names of series and labels.
    pub(super) id: String,
    pub(super) role: Role,
    /// When the first step begins, in seconds since 1970.
    pub(super) from: u32,
    /// The seconds of a step.
    pub(super) step: u32,
    pub(super) values: Vec<Option<f64>>,
}

/// A copy of the points of a series.
pub(super) struct Copied {
    pub(super) labels: Vec<(String, String)>,
    pub(super) points: Vec<Point>,
}

/// All series of a name.
pub(super) fn copied(name: &str, range: Range) -> Vec<Copied> {
    let copy = |history: &history::History| {
        let of = |info: history::SeriesInfo| {
            let points = history.points(info.id, range.from, range.to).collect();
            Copied { labels: info.labels, points }
        };
        history.series_of(name).map(of).collect()
    };
    history::ask(copy).unwrap_or_default()
}

/// The series of a name with one label. Empty if there is none.
pub(super) fn points_of(name: &str, label: (&str, &str), range: Range) -> Vec<Point> {
    let copy = |history: &history::History| {
        let id: SeriesId = history.find(name, &[label])?;
        Some(history.points(id, range.from, range.to).collect())
    };
    history::ask(copy).flatten().unwrap_or_default()
}

/// Values at the steps of a range. `None` if nothing is known in all of it.
pub(super) fn values(points: &[Point], range: Range) -> Option<(u32, u32, Vec<Option<f64>>)> {
    let columns = history::columns(points, (range.from, range.to), range.step);
    let is_known = columns.mean.iter().any(Option::is_some);
    is_known.then(|| (columns.from, columns.step, columns.mean.into_iter().map(|one| one.map(rounded)).collect()))
}

/// The label values of a series, for people.
pub(super) fn shown(labels: &[(String, String)]) -> String {
    labels.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn id(name: &str, labels: &[(String, String)]) -> String {
    let mut id = name.to_owned();
    for (label, value) in labels {
        id.push_str(&format!("|{label}={value}"));
    }
    id
}

/// As many digits as the history has.
pub(super) fn rounded(value: f64) -> f64 {
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
