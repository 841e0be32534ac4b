//! Questions about a window, answered from points.

use super::series::Point;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer<T> {
    /// The history has nothing of the window: neither a value nor 0.
    NotCovered,
    /// It has the window, and nothing happened that the value could be taken from: no calls.
    Empty(Coverage),
    Found(T, Coverage),
}

impl<T> Answer<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Found(value, _) => Some(value),
            Self::NotCovered | Self::Empty(_) => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn coverage(&self) -> Coverage {
        match self {
            Self::Found(_, coverage) | Self::Empty(coverage) => *coverage,
            Self::NotCovered => Coverage::default(),
        }
    }
}

/// What an answer is of. Points that overlap the window are part of it as a whole, so it may begin
/// and end earlier and later by less than one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// The seconds between the two of which something is known.
    pub(crate) seconds: u32,
}

impl Coverage {
    pub(super) fn add(&mut self, from: u32, seconds: u32, covered: u32) {
        if self.seconds == 0 {
            self.from = from;
        }
        self.to = from + seconds;
        self.seconds += covered;
    }

    /// What two answers are of together, if each is of a part of what is asked for: of the longer
    /// one where both are of the same time.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self.seconds, other.seconds) {
            (0, _) => other,
            (_, 0) => self,
            (a, b) => {
                let (from, to) = (self.from.min(other.from), self.to.max(other.to));
                let is_apart = self.to <= other.from || other.to <= self.from;
                Self { from, to, seconds: if is_apart { a + b } else { a.max(b) } }
            }
        }
    }

    /// The share of a window of which something is known, from 0 to 1.
    pub(crate) fn share(&self, from: u32, to: u32) -> f64 {
        let window = f64::from(to.saturating_sub(from));
        if window > 0.0 { (f64::from(self.seconds) / window).min(1.0) } else { 0.0 }
    }
}

/// The mean over time: of a gauge, of its values; of a counter, its rate per second.
pub(super) fn average(points: impl Iterator<Item = Point>) -> Answer<f64> {
    let (mut sum, mut coverage) = (0.0, Coverage::default());
    for point in points {
        sum += point.mean * f64::from(point.covered);
        coverage.add(point.from, point.seconds, point.covered);
    }
    found(coverage, |coverage| sum / f64::from(coverage.seconds))
}

/// The highest value; of a counter, the highest rate of a point.
pub(super) fn peak(points: impl Iterator<Item = Point>) -> Answer<f64> {
    let (mut peak, mut coverage) = (f64::NEG_INFINITY, Coverage::default());
    for point in points {
        peak = peak.max(point.peak);
        coverage.add(point.from, point.seconds, point.covered);
    }
    found(coverage, |_| peak)
}

/// From the first point to the last one; of a counter, what it grew by.
pub(super) fn change(points: impl Iterator<Item = Point>, is_counter: bool) -> Answer<f64> {
    let (mut first, mut last, mut sum, mut coverage) = (None, 0.0, 0.0, Coverage::default());
    for point in points {
        first.get_or_insert(point.mean);
        last = point.mean;
        sum += point.mean * f64::from(point.covered);
        coverage.add(point.from, point.seconds, point.covered);
    }
    found(coverage, |_| if is_counter { sum } else { last - first.unwrap_or(last) })
}

fn found(coverage: Coverage, value: impl FnOnce(&Coverage) -> f64) -> Answer<f64> {
    if coverage.seconds == 0 { Answer::NotCovered } else { Answer::Found(value(&coverage), coverage) }
}
