//! The live heap over time: allocations, lifetimes, high-water marks.

use super::Frame;

/// The allocations of one path of callers: an estimate from sampled allocations, in usable sizes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapPath {
    /// From the outermost caller to the function that allocated. Empty outside of all profiled
    /// scopes.
    pub frames: Vec<Frame>,
    /// Bytes allocated since sampling began.
    pub total_bytes: u64,
    /// Objects allocated since sampling began.
    pub total_objects: f64,
    /// The sum of the lifetimes of these objects, in seconds. Live ones count up to now.
    pub lifetime_s: f64,
    /// High-water mark of the bytes held by this path.
    pub max_bytes: u64,
    /// High-water mark of the objects held by this path.
    pub max_objects: f64,
    /// Bytes held at the high-water mark of the whole heap.
    pub peak_bytes: u64,
    /// Objects held at the high-water mark of the whole heap.
    pub peak_objects: f64,
    /// Bytes held now.
    pub live_bytes: u64,
    /// Objects held now.
    pub live_objects: f64,
}

/// The heap over time, by call path.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapProfile {
    /// Nanoseconds since recording began.
    pub window_ns: u64,
    /// The time of the high-water mark of the whole heap, since recording began. It is evaluated
    /// only once in a leak window, and for each profile.
    pub peak_at_ns: u64,
    /// The mean number of allocated bytes for one sample.
    pub sample_bytes: u64,
    /// One entry for each path, sorted by path.
    pub paths: Vec<HeapPath>,
}
