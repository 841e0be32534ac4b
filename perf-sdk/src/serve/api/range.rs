//! The window that is asked for, within what is kept.

use serde::Serialize;

use crate::history;

/// Seconds of a window if nothing is said.
const USUAL: u64 = 900;
/// Steps of a window at most, if no step is said.
const MOST_STEPS: u64 = 300;
/// Steps that people read easily, in seconds.
const STEPS: [u32; 16] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600];

/// A window, as a request names it: times in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) struct Asked {
    pub(in crate::serve) from: Option<u64>,
    pub(in crate::serve) to: Option<u64>,
    pub(in crate::serve) step: Option<u64>,
}

/// The window of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Range {
    /// The first second.
    pub(super) from: u32,
    /// The end, which is not included.
    pub(super) to: u32,
    /// The seconds of a step; a line whose points are coarser has longer ones.
    pub(super) step: u32,
    /// Whether less is kept than was asked for.
    pub(super) is_clamped: bool,
}

/// The seconds of which the history has points; the end is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Kept {
    pub(super) from: u32,
    pub(super) to: u32,
}

/// `None` without a history, or before its first round.
pub(super) fn kept() -> Option<Kept> {
    history::ask(|history| {
        let to = history.newest().checked_add(1).filter(|to| *to > 1)?;
        Some(Kept { from: history.oldest()?, to })
    })?
}

impl Asked {
    /// The window, cut to what is kept. An error if it ends before it begins.
    pub(super) fn within(self, kept: Kept) -> Result<Range, String> {
        let to = self.to.unwrap_or(kept.to.into());
        let from = self.from.unwrap_or(to.saturating_sub(USUAL));
        if from >= to {
            return Err(format!("from is {from}; allowed: a time before to, which is {to}"));
        }
        let step = self.step.unwrap_or_else(|| (to - from).div_ceil(MOST_STEPS));
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        let step = STEPS.into_iter().find(|known| *known >= step).unwrap_or(STEPS[STEPS.len() - 1]);
        let cut = |time: u64| time.clamp(kept.from.into(), kept.to.into()) as u32;
        let (begin, end) = (cut(from), cut(to));
        // The second that goes on is asked for by everybody.
        let is_clamped = u64::from(begin) > from || u64::from(end) + 2 < to;
        Ok(Range { from: begin, to: end, step, is_clamped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept = Kept { from: 1_000, to: 9_000 };

    fn of(from: Option<u64>, to: Option<u64>, step: Option<u64>) -> Result<Range, String> {
        Asked { from, to, step }.within(KEPT)
    }

    #[test]
    fn a_window_is_cut_to_what_is_kept_and_says_so() {
        let range = |from, to, step, is_clamped| Ok(Range { from, to, step, is_clamped });
        assert_eq!(of(None, None, None), range(8_100, 9_000, 5, false));
        assert_eq!(of(Some(8_990), Some(9_001), None), range(8_990, 9_000, 1, false), "the second that goes on");
        assert_eq!(of(Some(0), None, Some(61)), range(1_000, 9_000, 120, true));
        assert_eq!(of(Some(5_000), Some(20_000), None), range(5_000, 9_000, 60, true));
        assert_eq!(of(Some(10), Some(20), None), range(1_000, 1_000, 1, true), "all of it is gone");
        assert_eq!(of(Some(8_000), None, Some(u64::MAX)), range(8_000, 9_000, 21_600, false));
        let said = of(Some(9_000), None, None).unwrap_err();
        assert!(said.contains("from is 9000") && said.contains("9000"), "{said}");
    }
}
