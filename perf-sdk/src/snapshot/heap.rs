//! Who holds memory now, by a sample of the live allocations.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// What is allocated and not freed: an estimate from sampled allocations, in usable sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Live {
    /// Bytes.
    pub bytes: u64,
    /// Allocations.
    pub objects: u64,
    /// Bytes allocated since sampling began, what was freed since included.
    pub allocated_bytes: u64,
    /// Allocations since then.
    pub allocated_objects: u64,
    /// Of the bytes, those that were allocated longer ago than [`Heap::old_ns`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub old_bytes: u64,
    /// Bytes more than when the window began, or less; of a snapshot of everything, all of them.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub grown_bytes: i64,
}

/// The live heap as a whole, at the moment of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Heap {
    /// One allocation in so many bytes is sampled, in the mean.
    pub sample_bytes: u64,
    /// What was allocated longer ago is old: a twelfth of the leak horizon.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub old_ns: u64,
    /// What is held by allocations that were made in no profiled scope.
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
    /// Another process's besides.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sample_bytes = self.sample_bytes.max(other.sample_bytes);
        self.old_ns = self.old_ns.max(other.old_ns);
        self.unowned.add(&other.unowned);
    }
}
