//! The readings of panels, from the history of this process.

use super::line::{Copied, copied, values};
use super::range::Range;
use crate::export::{Readings, Steps};
use crate::history::{self, Point};

/// The history in a range.
pub(super) struct InRange(pub(super) Range);

impl Readings for InRange {
    fn series(&self, name: &str) -> Vec<Steps<Option<f64>>> {
        let of = |Copied { labels, points }: Copied| {
            let (from, step, values) = values(&points, self.0)?;
            Some(Steps { labels, from, step, values })
        };
        copied(name, self.0).into_iter().filter_map(of).collect()
    }

    fn pairs(&self, name: &str, second: &str) -> Vec<Steps<Option<(f64, f64)>>> {
        let others = copied(second, self.0);
        let of = |Copied { labels, points }: Copied| {
            let rest = others.iter().find(|other| other.labels == labels);
            let (from, step, values) = paired(&points, rest.map_or(&[][..], |other| &other.points), self.0);
            Steps { labels, from, step, values }
        };
        copied(name, self.0).into_iter().map(of).collect()
    }
}

/// Two series at the same steps. Where the second has nothing, it is 0.
fn paired(one: &[Point], other: &[Point], range: Range) -> (u32, u32, Vec<Option<(f64, f64)>>) {
    let window = (range.from, range.to);
    let mut step = range.step;
    let (one, other) = loop {
        let of = |points| history::columns(points, window, step);
        let (one, other) = (of(one), of(other));
        let longest = one.step.max(other.step);
        if one.step == other.step {
            break (one, other);
        }
        step = longest;
    };
    let second = |at: usize| other.mean.get(at).copied().flatten().unwrap_or(0.0);
    let values = one.mean.iter().enumerate().map(|(at, value)| value.map(|value| (value, second(at)))).collect();
    (one.from, one.step, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: impl Iterator<Item = (u32, f64)>) -> Vec<Point> {
        of.map(|(from, mean)| Point { from, seconds: 1, covered: 1, mean, peak: mean }).collect()
    }

    #[test]
    fn two_series_have_the_same_steps() {
        let hits = points((100..110).map(|at| (at, if at < 105 { 3.0 } else { 0.0 })));
        let misses = points((100..105).map(|at| (at, 1.0)));
        let range = Range { from: 100, to: 110, step: 5, is_clamped: false };
        assert_eq!(paired(&hits, &misses, range), (100, 5, vec![Some((3.0, 1.0)), Some((0.0, 0.0))]));
        assert!(paired(&[], &[], range).2.iter().all(Option::is_none), "a line without values is no line");
    }
}
