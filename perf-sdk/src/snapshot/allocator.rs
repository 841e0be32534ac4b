//! jemalloc's own statistics.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// jemalloc's own statistics in bytes, for the whole process at the time of the snapshot.
///
/// These are usable sizes, as jemalloc rounds them up. A function's bytes are requested sizes, so
/// the two do not add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Allocator {
    /// Allocated and not freed, including what jemalloc's thread caches hold.
    pub allocated_bytes: u64,
    /// In active pages, which contain allocations.
    pub active_bytes: u64,
    /// Upper bound of the physical memory that jemalloc's data and metadata occupy.
    pub resident_bytes: u64,
    /// In active extents.
    pub mapped_bytes: u64,
    /// Address space that is retained for reuse, without physical memory.
    pub retained_bytes: u64,
    /// jemalloc's metadata.
    pub metadata_bytes: u64,
    /// The arenas that were used, by index.
    pub arenas: Vec<ArenaUse>,
}

/// One of jemalloc's arenas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct ArenaUse {
    /// jemalloc's index of the arena.
    pub index: u32,
    /// Allocated from it and not freed.
    pub allocated_bytes: u64,
    /// In active pages, which contain allocations.
    pub active_bytes: u64,
}

impl Allocator {
    /// The share of the active pages that is not allocated, because of fragmentation and rounding.
    /// `None` if there are none.
    #[must_use]
    pub fn fragmentation_ratio(&self) -> Option<f64> {
        let free = self.active_bytes.saturating_sub(self.allocated_bytes);
        (self.active_bytes > 0).then(|| free as f64 / self.active_bytes as f64)
    }

    /// Adds another process's statistics.
    pub(super) fn add(&mut self, other: &Self) {
        self.allocated_bytes += other.allocated_bytes;
        self.active_bytes += other.active_bytes;
        self.resident_bytes += other.resident_bytes;
        self.mapped_bytes += other.mapped_bytes;
        self.retained_bytes += other.retained_bytes;
        self.metadata_bytes += other.metadata_bytes;
        for theirs in &other.arenas {
            match self.arenas.iter_mut().find(|ours| ours.index == theirs.index) {
                Some(ours) => {
                    ours.allocated_bytes += theirs.allocated_bytes;
                    ours.active_bytes += theirs.active_bytes;
                }
                None => self.arenas.push(*theirs),
            }
        }
        self.arenas.sort_unstable_by_key(|arena| arena.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_add_up() {
        let arena = |index, allocated_bytes| ArenaUse { index, allocated_bytes, active_bytes: 2 * allocated_bytes };
        let mut sum =
            Allocator { allocated_bytes: 30, active_bytes: 40, arenas: vec![arena(1, 30)], ..Allocator::default() };
        assert_eq!(sum.fragmentation_ratio(), Some(0.25));
        let other = Allocator { allocated_bytes: 5, arenas: vec![arena(0, 4), arena(1, 1)], ..Allocator::default() };
        sum.add(&other);
        assert_eq!((sum.allocated_bytes, sum.arenas), (35, vec![arena(0, 4), arena(1, 31)]));
        assert_eq!(Allocator::default().fragmentation_ratio(), None);
    }
}
