//! Values at equal steps, for charts.

use super::series::Point;

/// Steps of a column, at most. A smaller step is made larger.
pub(crate) const MOST_STEPS: u32 = 11_000;

/// A series between two times. Each column has a value for each step, or `None` for a gap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    /// When the first step begins: a multiple of the step.
    pub(crate) from: u32,
    /// Seconds: those that were asked for, or more where the history is coarser.
    pub(crate) step: u32,
    pub(crate) mean: Vec<Option<f64>>,
    pub(crate) peak: Vec<Option<f64>>,
}

/// The steps of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) from: u32,
    pub(super) step: u32,
    pub(super) number: u32,
}

impl Steps {
    /// A multiple of the seconds of the coarsest point.
    pub(super) fn new((from, to): (u32, u32), step: u32, coarsest: u32) -> Self {
        let least = to.saturating_sub(from).div_ceil(MOST_STEPS - 1);
        let step = step.max(least).max(1).next_multiple_of(coarsest.max(1));
        let from = from / step * step;
        Self { from, step, number: to.saturating_sub(from).div_ceil(step) }
    }

    /// Which one a time is in.
    pub(super) fn place(&self, time: u32) -> Option<usize> {
        let place = time.checked_sub(self.from)? / self.step;
        (place < self.number).then_some(place as usize)
    }
}

/// The points at a step.
pub(crate) fn columns(points: &[Point], window: (u32, u32), step: u32) -> Columns {
    let coarsest = points.iter().map(|point| point.seconds).max().unwrap_or(1);
    let steps = Steps::new(window, step, coarsest);
    let number = steps.number as usize;
    let mut sums = vec![(0.0, 0.0); number];
    let mut peak: Vec<Option<f64>> = vec![None; number];
    for point in points {
        // A coarse point that begins before the window is part of its first step.
        let Some(place) = steps.place(point.from.max(steps.from)) else { continue };
        let covered = f64::from(point.covered);
        sums[place] = (sums[place].0 + point.mean * covered, sums[place].1 + covered);
        peak[place] = Some(peak[place].map_or(point.peak, |peak| peak.max(point.peak)));
    }
    let mean = sums.iter().map(|(sum, covered)| (*covered > 0.0).then(|| sum / covered)).collect();
    Columns { from: steps.from, step: steps.step, mean, peak }
}
