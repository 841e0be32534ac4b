//! What the history lost, by reason.

use super::levels::LEVELS;

/// All counts are from the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Points of each level that went before their time because memory was full.
    pub(crate) evicted_points: [u64; LEVELS],
    /// New points for which there was no memory.
    pub(crate) dropped_points: u64,
    /// New points of a time for which there was one already.
    pub(crate) late_points: u64,
    /// Readings that are no number, and readings whose series has no place, or too long a name.
    pub(crate) refused_values: u64,
    pub(crate) refused_readings: u64,
    /// Functions for which there is no place.
    pub(crate) refused_functions: u64,
    /// Differences of histograms that were too large, and those that went before their time.
    pub(crate) dropped_times: u64,
    pub(crate) evicted_times: u64,
    /// How often the clock was set back, and the points that were after its new time.
    pub(crate) clock_steps_back: u64,
    pub(crate) cut_points: u64,
}
