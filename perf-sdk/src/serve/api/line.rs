//! The values of lines, from the history.

use super::range::Range;
use crate::export::rounded;
use crate::history::{self, FunctionId, Point};

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

/// The series of a name, of one function. Empty if there is none.
pub(super) fn points_of(name: &str, function: FunctionId<'_>, range: Range) -> Vec<Point> {
    let copy = |history: &history::History| {
        let id = history.find_of(name, function)?;
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
