//! Who allocated, held the most and for how long.

use super::Frame;

/// What was allocated on one path of callers: an estimate from sampled allocations, in usable
/// sizes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapPath {
    /// From the outermost caller to the function that allocated; none where no profiled scope did.
    pub frames: Vec<Frame>,
    /// Allocated since sampling began.
    pub total_bytes: u64,
    /// Likewise.
    pub total_objects: f64,
    /// How long these lived, seconds, summed over all of them; those that live, up to now.
    pub lifetime_s: f64,
    /// The most that was held at a time.
    pub max_bytes: u64,
    /// Likewise.
    pub max_objects: f64,
    /// Held when all paths together held the most.
    pub peak_bytes: u64,
    /// Likewise.
    pub peak_objects: f64,
    /// Held now.
    pub live_bytes: u64,
    /// Likewise.
    pub live_objects: f64,
}

/// The heap over time, by call path.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapProfile {
    /// Since recording began, nanoseconds.
    pub window_ns: u64,
    /// When all paths together held the most, since recording began. Looked for once a leak window
    /// and at each profile only.
    pub peak_at_ns: u64,
    /// One allocation in so many bytes is sampled, in the mean.
    pub sample_bytes: u64,
    /// By path, each once.
    pub paths: Vec<HeapPath>,
}
