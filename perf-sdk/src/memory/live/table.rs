//! The table of live sampled allocations.
//!
//! Any thread that allocates or frees writes here, without a lock: a place is claimed, filled in,
//! and published by its address. An allocation may be in one of 32 places, determined by its
//! address. If all are in use, it is dropped and counted.

use crate::base::atomic::{
    AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence, size,
};

/// Allocations at a time: at one in 512 KiB, a heap of 32 GiB.
const CAPACITY: usize = size(1 << 16, 2);
/// Places that one may have.
const PLACES: usize = size(32, 2);
/// In the place of an address, while it is filled in.
const CLAIMED: usize = 1;

static ADDRESSES: [AtomicUsize; CAPACITY] = [const { AtomicUsize::new(0) }; CAPACITY];
static ENTRIES: [Entry; CAPACITY] = [const { Entry::new() }; CAPACITY];
static SERIAL: AtomicU32 = AtomicU32::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);

struct Entry {
    serial: AtomicU32,
    /// The owner, and the class in the upper bits.
    owner: AtomicU32,
    bytes: AtomicU64,
    parts: AtomicU64,
    born: AtomicU64,
    stack: AtomicU32,
}

const CLASS_SHIFT: u32 = 24;

/// One sampled allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) owner: u32,
    /// The log2 of its usable size.
    pub(super) class: u32,
    /// The number of bytes for which it stands.
    pub(super) bytes: u64,
    pub(super) parts: u64,
    /// The time of the allocation, in ticks.
    pub(super) born: u64,
    /// The number of its stack. 0: it has none.
    pub(super) stack: u32,
}

impl Entry {
    const fn new() -> Self {
        Self {
            serial: AtomicU32::new(0),
            owner: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            born: AtomicU64::new(0),
            stack: AtomicU32::new(0),
        }
    }

    fn read(&self) -> Sampled {
        let owner = self.owner.load(Relaxed);
        Sampled {
            owner: owner & ((1 << CLASS_SHIFT) - 1),
            class: owner >> CLASS_SHIFT,
            bytes: self.bytes.load(Relaxed),
            parts: self.parts.load(Relaxed),
            born: self.born.load(Relaxed),
            stack: self.stack.load(Relaxed),
        }
    }
}

/// Mixes the bits of an address over the whole word.
pub(super) fn spread(address: usize) -> usize {
    (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(32) as usize
}

fn places(address: usize) -> impl Iterator<Item = usize> {
    let first = spread(address) % (CAPACITY / PLACES) * PLACES;
    first..first + PLACES
}

/// False if there was no place; this is counted.
pub(super) fn insert(address: usize, sampled: Sampled) -> bool {
    for at in places(address) {
        let place = &ADDRESSES[at];
        if place.load(Relaxed) == 0 && place.compare_exchange(0, CLAIMED, Acquire, Relaxed).is_ok() {
            let entry = &ENTRIES[at];
            // No store below may be seen before the claim.
            fence(Release);
            entry.owner.store(sampled.owner | sampled.class << CLASS_SHIFT, Relaxed);
            entry.bytes.store(sampled.bytes, Relaxed);
            entry.parts.store(sampled.parts, Relaxed);
            entry.born.store(sampled.born, Relaxed);
            entry.stack.store(sampled.stack, Relaxed);
            // Whoever sees it sees all of the above.
            entry.serial.store(SERIAL.fetch_add(1, Relaxed), Release);
            place.store(address, Release);
            return true;
        }
    }
    LOST.fetch_add(1, Relaxed);
    false
}

/// Removes the allocation at `address`. If there are two, it removes the older one: when a block is
/// resized in place, jemalloc reports the new allocation before the end of the old one. `None` if
/// it was dropped.
pub(super) fn remove(address: usize) -> Option<Sampled> {
    loop {
        let at = oldest(address)?;
        // If two threads remove it, one succeeds.
        if ADDRESSES[at].compare_exchange(address, CLAIMED, Acquire, Relaxed).is_ok() {
            // Read when nobody else can write it: a newer allocation at the same address may have
            // taken the place since. Then that one is removed.
            let sampled = ENTRIES[at].read();
            ADDRESSES[at].store(0, Release);
            return Some(sampled);
        }
    }
}

fn oldest(address: usize) -> Option<usize> {
    let mut oldest: Option<(usize, u32)> = None;
    for at in places(address) {
        if ADDRESSES[at].load(Acquire) == address {
            let serial = ENTRIES[at].serial.load(Relaxed);
            if oldest.is_none_or(|(_, known)| (serial.wrapping_sub(known) as i32) < 0) {
                oldest = Some((at, serial));
            }
        }
    }
    oldest.map(|(at, _)| at)
}

/// Whether the allocation at `address` is in the table.
pub(super) fn holds(address: usize) -> bool {
    places(address).any(|at| ADDRESSES[at].load(Relaxed) == address)
}

/// The live allocations. Those that are added or removed meanwhile may or may not be included.
pub(super) fn living() -> impl Iterator<Item = Sampled> {
    ADDRESSES.iter().zip(&ENTRIES).filter_map(|(place, entry)| {
        let address = place.load(Acquire);
        if address <= CLAIMED {
            return None;
        }
        let serial = entry.serial.load(Acquire);
        let sampled = entry.read();
        fence(Acquire);
        // Another allocation may have taken its place in between, at the same address too.
        (place.load(Acquire) == address && entry.serial.load(Relaxed) == serial).then_some(sampled)
    })
}

/// The number of allocations for which there was no place.
pub(crate) fn lost() -> u64 {
    LOST.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard};

    use super::*;
    use crate::base::unpoisoned::Unpoisoned as _;

    /// Serializes tests: the table is shared by the whole process, and one of the tests fills a
    /// part of it.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unpoisoned()
    }

    fn sampled(owner: u32) -> Sampled {
        Sampled { owner, class: owner % 64, bytes: u64::from(owner) * 10, parts: 1, born: 1_u64 << 40, stack: owner }
    }

    /// The table is shared by the whole process, so each test uses its own addresses.
    #[test]
    fn an_allocation_is_removed_once() {
        let _alone = alone();
        let addresses: Vec<usize> = (1..2_000).map(|n| 0x1000_0000 + n * 4096).collect();
        for (owner, address) in (0..).zip(&addresses) {
            assert!(insert(*address, sampled(owner)));
        }
        for (owner, address) in (0..).zip(&addresses) {
            assert!(holds(*address));
            assert_eq!(remove(*address), Some(sampled(owner)));
            assert_eq!((remove(*address), holds(*address)), (None, false));
        }
    }

    #[test]
    fn a_block_resized_in_its_place_is_the_newer_one() {
        let _alone = alone();
        let address = 0x2000_0000;
        assert!(insert(address, sampled(1)) && insert(address, sampled(2)));
        assert_eq!(remove(address), Some(sampled(1)));
        assert_eq!(remove(address), Some(sampled(2)));
    }

    #[test]
    fn live_allocations_are_iterated() {
        let _alone = alone();
        let address = 0x5000_0000;
        let ours = Sampled { bytes: 987_654_321, ..sampled(5) };
        let seen = || living().filter(|sampled| *sampled == ours).count();
        assert!(insert(address, ours));
        assert_eq!(seen(), 1);
        assert_eq!(remove(address), Some(ours));
        assert_eq!(seen(), 0);
    }

    #[test]
    fn an_allocation_without_a_place_is_dropped_and_counted() {
        let _alone = alone();
        let address = 0x3000_0000;
        assert!((0..PLACES as u32).all(|owner| insert(address, sampled(owner))));
        let before = lost();
        assert!(!insert(address, sampled(99)));
        assert!(lost() > before);
        assert!((0..PLACES as u32).all(|owner| remove(address) == Some(sampled(owner))));
    }

    #[test]
    fn threads_remove_allocations_of_other_threads() {
        let _alone = alone();
        let (sender, receiver) = std::sync::mpsc::channel::<(usize, u32)>();
        std::thread::scope(|threads| {
            for thread in 0..4_usize {
                let sender = sender.clone();
                threads.spawn(move || {
                    for n in 0..5_000 {
                        // Some stay in the table for a while.
                        let address = 0x4000_0000 + (thread * 5_000 + n) * 64;
                        assert!(insert(address, sampled(n as u32)));
                        sender.send((address, n as u32)).unwrap();
                    }
                });
            }
            drop(sender);
            threads.spawn(move || {
                for (address, owner) in receiver {
                    assert_eq!(remove(address), Some(sampled(owner)));
                }
            });
        });
    }
}
