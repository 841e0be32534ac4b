//! The stacks of scopes that own sampled allocations. Each is kept once, with the sums of what was
//! allocated there.
//!
//! Any allocating thread writes here, without a lock: a place is claimed, filled in, and published
//! by its hash.

#[cfg(feature = "stacks")]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

#[cfg(feature = "stacks")]
use super::unloaded::{self, Unloaded};

/// The maximum number of addresses in a stack. Outer frames beyond it are dropped, because the
/// scopes cover them.
pub(super) const FRAMES: usize = 32;
/// The maximum number of different stacks. Further allocations have only their scopes.
const CAPACITY: usize = 1 << 12;
/// The number of places that are probed.
const PROBES: usize = 32;

const FREE: u64 = 0;
const CLAIMED: u64 = 1;

static STACKS: [Stack; CAPACITY] = [const { Stack::new() }; CAPACITY];
static LOST: AtomicU64 = AtomicU64::new(0);

struct Stack {
    /// [`FREE`], [`CLAIMED`], or the hash of owner and addresses.
    hash: AtomicU64,
    owner: AtomicU64,
    /// When it was first seen: the number of [unloads](super::unloaded) before.
    #[cfg(feature = "stacks")]
    seen: AtomicU32,
    /// Innermost first; 0 after the last one.
    frames: [AtomicU64; FRAMES],
    allocated_bytes: AtomicU64,
    allocated_parts: AtomicU64,
}

impl Stack {
    const fn new() -> Self {
        Self {
            hash: AtomicU64::new(FREE),
            owner: AtomicU64::new(0),
            #[cfg(feature = "stacks")]
            seen: AtomicU32::new(0),
            frames: [const { AtomicU64::new(0) }; FRAMES],
            allocated_bytes: AtomicU64::new(0),
            allocated_parts: AtomicU64::new(0),
        }
    }
}

/// FNV-1a (Fowler, Noll and Vo) over words, with their upper halves mixed in.
fn hash(owner: u32, frames: &[u64]) -> u64 {
    let hash = frames.iter().fold(0xcbf2_9ce4_8422_2325 ^ u64::from(owner), |hash: u64, frame| {
        let hash = (hash ^ frame).wrapping_mul(0x0100_0000_01b3);
        hash ^ hash >> 29
    });
    hash.max(CLAIMED + 1)
}

/// The number of this stack of `owner`, from 1 on. 0: the stack is empty, or there is no room for
/// it.
pub(super) fn number(owner: u32, frames: &[u64]) -> u32 {
    if frames.is_empty() {
        return 0;
    }
    let hash = hash(owner, frames);
    for probe in 0..PROBES {
        let at = (hash as usize).wrapping_add(probe) % CAPACITY;
        let stack = &STACKS[at];
        let there = stack.hash.load(Acquire);
        if there == hash {
            return at as u32 + 1;
        }
        if there == FREE && stack.hash.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok() {
            stack.owner.store(owner.into(), Relaxed);
            #[cfg(feature = "stacks")]
            stack.seen.store(unloaded::now(), Relaxed);
            for (place, frame) in stack.frames.iter().zip(frames) {
                place.store(*frame, Relaxed);
            }
            stack.hash.store(hash, Release);
            return at as u32 + 1;
        }
        // Another thread has claimed this place, possibly for the same stack. That stack is then
        // stored twice, and readers add both up.
    }
    LOST.fetch_add(1, Relaxed);
    0
}

/// Adds an allocation at this stack.
pub(super) fn allocated(number: u32, bytes: u64, parts: u64) {
    if let Some(stack) = number.checked_sub(1).and_then(|at| STACKS.get(at as usize)) {
        stack.allocated_bytes.fetch_add(bytes, Relaxed);
        stack.allocated_parts.fetch_add(parts, Relaxed);
    }
}

/// The sum of the allocations at one stack since sampling began.
#[cfg(feature = "stacks")]
#[derive(Clone, Debug)]
pub(super) struct Allocated {
    pub(super) number: u32,
    pub(super) owner: u32,
    /// Innermost first. Empty if its code was unloaded since.
    pub(super) frames: Vec<u64>,
    pub(super) bytes: u64,
    pub(super) parts: u64,
}

/// All stacks.
#[cfg(feature = "stacks")]
pub(super) fn all() -> impl Iterator<Item = Allocated> {
    let unloaded = Unloaded::so_far();
    (1..).zip(&STACKS).filter(|(_, stack)| stack.hash.load(Acquire) > CLAIMED).map(move |(number, stack)| {
        let mut frames: Vec<u64> =
            stack.frames.iter().map(|frame| frame.load(Relaxed)).take_while(|frame| *frame != 0).collect();
        if unloaded.holds_any(&frames, stack.seen.load(Relaxed)) {
            frames.clear();
        }
        Allocated {
            number,
            owner: stack.owner.load(Relaxed) as u32,
            frames,
            bytes: stack.allocated_bytes.load(Relaxed),
            parts: stack.allocated_parts.load(Relaxed),
        }
    })
}

/// The number of samples for whose stacks there was no room.
#[cfg(feature = "stacks")]
pub(crate) fn lost() -> u64 {
    LOST.load(Relaxed)
}

#[cfg(all(test, feature = "stacks"))]
mod tests {
    use super::*;

    /// The table is shared by the whole process, so each test uses its own owners.
    fn of(owner: u32) -> Vec<Allocated> {
        all().filter(|allocated| allocated.owner == owner).collect()
    }

    #[test]
    fn equal_stacks_of_an_owner_are_one_and_have_their_sums() {
        let number = number(9_001, &[7, 8, 9]);
        assert_ne!(number, 0);
        assert_eq!(super::number(9_001, &[7, 8, 9]), number);
        assert_ne!(super::number(9_002, &[7, 8, 9]), number);
        assert_ne!(super::number(9_001, &[7, 8]), number);
        allocated(number, 100, 3);
        allocated(number, 50, 1);
        let kept = of(9_001).into_iter().find(|kept| kept.number == number).unwrap();
        assert_eq!((kept.frames, kept.bytes, kept.parts), (vec![7, 8, 9], 150, 4));
    }

    #[test]
    fn stacks_in_unloaded_code_keep_their_owner_only() {
        let at = 0x7000_0000_0000;
        let code = at..at + 0x1000;
        allocated(number(9_005, &[at + 8, 5]), 10, 1);
        allocated(number(9_005, &[4, 5]), 1, 1);
        unloaded::note_unloaded(&code);
        // Code that is loaded at the same address later.
        allocated(number(9_005, &[at + 16, 5]), 100, 1);
        let mut kept: Vec<_> = of(9_005).into_iter().map(|kept| (kept.frames, kept.bytes)).collect();
        kept.sort();
        assert_eq!(kept, [(vec![], 10), (vec![4, 5], 1), (vec![at + 16, 5], 100)]);
    }

    #[test]
    fn no_stack_has_no_number() {
        assert_eq!(number(9_003, &[]), 0);
        allocated(0, 1, 1);
        assert!(of(9_003).is_empty());
    }

    #[test]
    fn threads_that_add_the_same_stacks_share_them() {
        let threads = 4;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for n in 1..200_u64 {
                        allocated(number(9_004, &[n, n + 1]), 10, 1);
                    }
                });
            }
        });
        let mut sums = std::collections::HashMap::new();
        for kept in of(9_004) {
            *sums.entry(kept.frames).or_insert(0) += kept.parts;
        }
        assert_eq!(sums.len(), 199);
        assert!(sums.values().all(|parts| *parts == threads));
    }
}
