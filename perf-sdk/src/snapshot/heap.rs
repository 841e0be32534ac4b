//! The live heap, estimated from a sample of the live allocations.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Live allocations: an estimate from sampled allocations, in usable sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Live {
    /// Live bytes.
    pub bytes: u64,
    /// Live allocations.
    pub objects: u64,
    /// Bytes allocated since sampling began, including those freed since.
    pub allocated_bytes: u64,
    /// Allocations since sampling began.
    pub allocated_objects: u64,
    /// The live bytes that were allocated longer ago than [`Heap::old_ns`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub old_bytes: u64,
    /// The change of the live bytes since the window began. In a snapshot of the whole recording:
    /// all of them.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub grown_bytes: i64,
}

/// The live heap as a whole, at the time of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Heap {
    /// The mean number of allocated bytes for one sample.
    pub sample_bytes: u64,
    /// The age from which an allocation counts as old: a twelfth of the leak horizon.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub old_ns: u64,
    /// Live allocations made outside of all profiled scopes.
    pub unowned: Live,
}

impl Live {
    pub(crate) fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.allocated_bytes += other.allocated_bytes;
        self.allocated_objects += other.allocated_objects;
        self.old_bytes += other.old_bytes;
        self.grown_bytes += other.grown_bytes;
    }

    /// With the growth since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let grown_bytes = (self.bytes as i64).wrapping_sub(earlier.bytes as i64);
        Self { grown_bytes, ..*self }
    }
}

impl Heap {
    /// Adds another process's live heap.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sample_bytes = self.sample_bytes.max(other.sample_bytes);
        self.old_ns = self.old_ns.max(other.old_ns);
        self.unowned.add(&other.unowned);
    }
}
