//! Large blocks by function and size, from the sampled allocations: how many are allocated and
//! freed, and how many live at a time.
//!
//! A sample stands for many blocks, so the sum of what living samples stand for jumps by as many,
//! and its maximum is no count. How many live beside a sampled block is estimated without bias by
//! the sum over the others. Such estimates are averaged over some samples before they are compared.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::owners::{self, PARTS};
use crate::scope::Site;

/// The log2 of the smallest blocks. Smaller ones are kept by the caches of threads, or are not
/// returned to the system.
pub(super) const LEAST_CLASS: u32 = 16;
/// The number of pairs of a function and a class, and of slots that are probed.
const SLOTS: usize = 1 << 10;
const PROBES: usize = 32;
/// The number of samples over which is averaged.
const BATCH: u32 = 16;
/// Where the class is in a key: above all addresses.
const CLASS_SHIFT: u32 = 58;

static TABLE: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];

/// One function and class.
struct Slot {
    /// 0: it is free. Else the site's address, and the class.
    key: AtomicU64,
    samples: AtomicU32,
    /// In parts of a block.
    allocated: AtomicU64,
    freed: AtomicU64,
    /// The sum over the samples of the present batch: how many lived beside each, with itself.
    living: AtomicU64,
    /// The highest mean of a batch.
    most_living: AtomicU64,
    largest_bytes: AtomicU64,
}

/// The blocks of one function and class, estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blocks {
    pub(crate) site: *const Site,
    /// The log2 of their size.
    pub(crate) class: u32,
    pub(crate) largest_bytes: u64,
    pub(crate) samples: u64,
    pub(crate) allocated: f64,
    pub(crate) freed: f64,
    pub(crate) most_living: f64,
}

impl Slot {
    const fn new() -> Self {
        Self {
            key: AtomicU64::new(0),
            samples: AtomicU32::new(0),
            allocated: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            living: AtomicU64::new(0),
            most_living: AtomicU64::new(0),
            largest_bytes: AtomicU64::new(0),
        }
    }

    fn add(&self, bytes: u64, parts: u64) {
        let others = self.allocated.fetch_add(parts, Relaxed).saturating_sub(self.freed.load(Relaxed));
        self.living.fetch_add(others + PARTS as u64, Relaxed);
        self.largest_bytes.fetch_max(bytes, Relaxed);
        if (self.samples.fetch_add(1, Relaxed) + 1).is_multiple_of(BATCH) {
            self.most_living.fetch_max(self.living.swap(0, Relaxed) / u64::from(BATCH), Relaxed);
        }
    }

    fn read(&self) -> Option<Blocks> {
        let key = Some(self.key.load(Relaxed)).filter(|key| *key != 0)?;
        let samples = self.samples.load(Relaxed);
        // Before the first batch is complete, what there is of it.
        let most = match self.most_living.load(Relaxed) {
            0 => self.living.load(Relaxed) / u64::from(samples.max(1)),
            most => most,
        };
        let blocks = |parts: u64| parts as f64 / PARTS;
        Some(Blocks {
            site: std::ptr::without_provenance((key & ((1 << CLASS_SHIFT) - 1)) as usize),
            class: (key >> CLASS_SHIFT) as u32,
            largest_bytes: self.largest_bytes.load(Relaxed),
            samples: samples.into(),
            // Freed is read first, so that no more is freed than was allocated.
            freed: blocks(self.freed.load(Relaxed)),
            allocated: blocks(self.allocated.load(Relaxed)),
            most_living: blocks(most),
        })
    }
}

fn key(owner: u32, class: u32) -> Option<u64> {
    let site = owners::path(owner)?.get().site?;
    Some(std::ptr::from_ref(site).addr() as u64 | u64::from(class) << CLASS_SHIFT)
}

fn slots(key: u64) -> impl Iterator<Item = &'static Slot> {
    let first = super::table::spread(key as usize);
    (0..PROBES).map(move |probe| &TABLE[first.wrapping_add(probe) % SLOTS])
}

/// A block of this usable size was sampled. It stands for so many parts of blocks.
pub(super) fn allocated(owner: u32, class: u32, bytes: usize, parts: u64) {
    if class < LEAST_CLASS {
        return;
    }
    let Some(key) = key(owner, class) else { return };
    let is_it = |slot: &&Slot| match slot.key.compare_exchange(0, key, Relaxed, Relaxed) {
        Ok(_) => true,
        Err(known) => known == key,
    };
    if let Some(slot) = slots(key).find(is_it) {
        slot.add(bytes as u64, parts);
    }
}

/// A sampled block was freed.
pub(super) fn freed(owner: u32, class: u32, parts: u64) {
    if class < LEAST_CLASS {
        return;
    }
    let Some(key) = key(owner, class) else { return };
    if let Some(slot) = slots(key).find(|slot| slot.key.load(Relaxed) == key) {
        slot.freed.fetch_add(parts, Relaxed);
    }
}

/// All of them.
pub(crate) fn large_blocks() -> impl Iterator<Item = Blocks> {
    TABLE.iter().filter_map(Slot::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40,000 blocks, of which one in 16 is sampled, at random. Each lives until `alive` more were
    /// allocated.
    fn most_living(alive: usize) -> f64 {
        const WEIGHT: u64 = 16;
        let slot = Slot::new();
        slot.key.store(LEAST_CLASS.into(), Relaxed);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ alive as u64;
        let mut living = std::collections::VecDeque::new();
        for _ in 0..40_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let is_sampled = random.is_multiple_of(WEIGHT);
            if is_sampled {
                slot.add(70_000, WEIGHT * PARTS as u64);
            }
            living.push_back(is_sampled);
            if living.len() == alive && living.pop_front() == Some(true) {
                slot.freed.fetch_add(WEIGHT * PARTS as u64, Relaxed);
            }
        }
        let read = slot.read().unwrap();
        assert!((read.allocated / 40_000.0 - 1.0).abs() < 0.1, "{read:?}");
        assert_eq!((read.largest_bytes, read.class), (70_000, 0));
        read.most_living
    }

    #[test]
    fn how_many_live_at_a_time_is_no_maximum_of_weights() {
        // One at a time: each sample stands for 16, but no other lives beside it.
        assert_eq!(most_living(1), 1.0);
        // The highest of 156 means of 16 estimates is above the truth, by no more than some
        // standard errors, each of which is that of 16 samples.
        for alive in [4_usize, 20, 200] {
            let error = (16.0 * alive as f64 / 16.0).sqrt().max((16.0 * alive as f64).sqrt() / 2.0);
            let most = most_living(alive);
            assert!(most >= alive as f64 && most < alive as f64 + 8.0 * error, "{most} of {alive}");
        }
    }

    #[test]
    fn a_first_batch_that_is_not_complete_counts() {
        let slot = Slot::new();
        slot.key.store(1, Relaxed);
        (0..3).for_each(|_| slot.add(1 << 20, PARTS as u64));
        let read = slot.read().unwrap();
        assert_eq!((read.samples, read.allocated, read.most_living), (3, 3.0, 2.0));
        assert_eq!(Slot::new().read(), None);
    }
}
