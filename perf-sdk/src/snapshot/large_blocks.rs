//! Large blocks that a function allocates.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// The blocks of one size class that one function allocated, of 64 KiB and more: an estimate from
/// sampled allocations, in usable sizes. A class has the sizes from a power of two up to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct LargeBlocks {
    /// The smallest size of the class, a power of two.
    pub class_bytes: u64,
    /// The largest block that was sampled. Over a window: since sampling began.
    pub largest_bytes: u64,
    /// The allocations that were sampled, from which the others are estimated.
    pub samples: u64,
    /// Allocations since sampling began, or in the window.
    pub allocations: u64,
    /// Those that were freed. Over a window, also blocks that are older.
    pub frees: u64,
    /// How many lived at a time at most, as far as that lasted for 16 samples. Over a window:
    /// since sampling began.
    pub most_living: u64,
}

impl LargeBlocks {
    fn since(&self, earlier: &Self) -> Self {
        Self {
            samples: self.samples.saturating_sub(earlier.samples),
            allocations: self.allocations.saturating_sub(earlier.allocations),
            frees: self.frees.saturating_sub(earlier.frees),
            ..*self
        }
    }

    fn add(&mut self, other: &Self) {
        self.largest_bytes = self.largest_bytes.max(other.largest_bytes);
        self.samples += other.samples;
        self.allocations += other.allocations;
        self.frees += other.frees;
        self.most_living = self.most_living.max(other.most_living);
    }
}

pub(super) fn since(now: &[LargeBlocks], earlier: &[LargeBlocks]) -> Vec<LargeBlocks> {
    let was = |class| earlier.iter().find(|was: &&LargeBlocks| was.class_bytes == class);
    let since = |now: &LargeBlocks| was(now.class_bytes).map_or(*now, |was| now.since(was));
    now.iter().map(since).filter(|blocks| blocks.samples > 0 || blocks.frees > 0).collect()
}

/// Adds each class to that of the same size. The result is sorted by size.
pub(crate) fn add_blocks(ours: &mut Vec<LargeBlocks>, theirs: impl Iterator<Item = LargeBlocks>) {
    for their in theirs {
        match ours.binary_search_by_key(&their.class_bytes, |our| our.class_bytes) {
            Ok(at) => ours[at].add(&their),
            Err(at) => ours.insert(at, their),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_plus_the_time_before_is_the_whole() {
        let of = |class_bytes, samples, frees| LargeBlocks {
            class_bytes,
            samples,
            allocations: samples * 8,
            frees,
            largest_bytes: class_bytes + 4_096,
            most_living: 3,
        };
        let (early, late) = (vec![of(1 << 16, 5, 8)], vec![of(1 << 16, 9, 40), of(1 << 20, 2, 0)]);
        let window = since(&late, &early);
        assert_eq!(window, [of(1 << 16, 4, 32), of(1 << 20, 2, 0)]);
        let mut sum = early.clone();
        add_blocks(&mut sum, window.into_iter());
        assert_eq!(sum, late);
        assert_eq!(since(&late, &late), []);
    }
}
