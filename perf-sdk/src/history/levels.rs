//! The resolutions.

/// Resolutions of series.
pub(super) const LEVELS: usize = 3;
/// Seconds that a point stands for.
pub(super) const SECONDS: [u32; LEVELS] = [1, 10, 60];
/// Points of a series: 15 minutes, 6 hours, 7 days.
pub(super) const POINTS: [u32; LEVELS] = [900, 2_160, 10_080];

/// Resolutions of histograms.
pub(super) const TIMES_LEVELS: usize = 6;
/// Seconds that a difference of histograms stands for.
pub(super) const TIMES_SECONDS: [u32; TIMES_LEVELS] = [1, 10, 60, 600, 3_600, 21_600];
/// The resolution of whole minutes.
#[cfg(feature = "serve")]
pub(super) const TIMES_MINUTES: usize = 2;
/// Differences, at most: 15 minutes, 6 hours, and 7 days of each coarser one. Memory may end
/// before.
pub(super) const TIMES_POINTS: [u32; TIMES_LEVELS] = [900, 2_160, 10_080, 1_008, 168, 28];

/// Which part of a window each level answers, from the finest one: `[from, to)` in seconds.
///
/// The finest level that has a moment answers for it. A coarser point that reaches into what a
/// finer level answers would count twice, so a finer level begins where a coarser point ends, if
/// there is one.
pub(super) fn shares<const N: usize>(starts: [Option<u32>; N], seconds: [u32; N]) -> [(u32, u32); N] {
    let mut end = u32::MAX;
    let mut shares = [(0, 0); N];
    for level in 0..N {
        let Some(start) = starts[level] else { continue };
        let step = seconds.get(level + 1).copied().unwrap_or(1);
        let has_older = starts[level + 1..].iter().flatten().any(|older| *older < start / step * step);
        let aligned = if has_older { start.div_ceil(step).saturating_mul(step) } else { start };
        // Less than a coarser point is left for this level: all of it.
        let begin = if aligned < end { aligned } else { start };
        if begin < end {
            shares[level] = (begin, end);
            end = begin;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_level_that_has_a_moment_answers_for_it() {
        let shares_of = |starts| shares(starts, SECONDS);
        assert_eq!(shares_of([None; 3]), [(0, 0); 3]);
        assert_eq!(shares_of([Some(105), Some(100), None])[0], (105, u32::MAX), "nothing older");
        assert_eq!(
            shares_of([Some(905), Some(130), Some(60)]),
            [(910, u32::MAX), (180, 910), (60, 180)],
            "up to the ends of coarser points"
        );
        assert_eq!(shares_of([None, Some(130), Some(60)]), [(0, 0), (180, u32::MAX), (60, 180)]);
        let starts = [Some(1_207), Some(1_200), Some(1_200), Some(1_200), Some(0), None];
        let first = shares(starts, TIMES_SECONDS);
        assert_eq!(first[..2], [(1_210, u32::MAX), (1_200, 1_210)], "beside the first points of coarser levels");
    }
}
