//! Sums over the sampled allocations of one scope.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

use crate::scope::{AtomicCallPath, CallPath};

/// The maximum number of scopes that own allocations. Allocations of further scopes have no owner.
const CAPACITY: usize = 1 << 14;
/// The number of places that are probed.
const PROBES: usize = 64;
/// Objects are counted in this many parts each, because a weight is not an integer.
pub(super) const PARTS: f64 = 1024.0;

/// The owner number of allocations outside of all scopes: the last place of the table, which no
/// scope gets.
pub(super) const NOBODY: u32 = CAPACITY as u32;

static OWNERS: [Owner; CAPACITY + 1] = [const { Owner::new() }; CAPACITY + 1];

/// One bit for each owner that has an allocation. The table is 3 MB, of which most programs use a
/// few places: what is read of it at intervals is found by these.
static USED: [AtomicU64; (CAPACITY + 1).div_ceil(64)] = [const { AtomicU64::new(0) }; (CAPACITY + 1).div_ceil(64)];

struct Owner {
    path: AtomicCallPath,
    allocated_bytes: AtomicU64,
    allocated_parts: AtomicU64,
    freed_bytes: AtomicU64,
    freed_parts: AtomicU64,
    /// For freed objects: the microseconds that each lived, times its parts.
    lived: AtomicU64,
    /// The scope's own high-water mark.
    most_bytes: AtomicU64,
    most_parts: AtomicU64,
    /// What the scope held at the latest known high-water mark of the whole live heap.
    peak_bytes: AtomicU64,
    peak_parts: AtomicU64,
    /// The number of samples taken, by size class.
    born: [AtomicU32; CLASSES],
}

/// The high-water mark of the whole live heap, as far as it was evaluated, and its time in ticks.
static PEAK_BYTES: AtomicU64 = AtomicU64::new(0);
static PEAK_AT: AtomicU64 = AtomicU64::new(0);

/// The number of size classes: one for each log2 of the size from the smallest on. The last one
/// includes all larger sizes.
const CLASSES: usize = 24;
const LEAST_CLASS: u32 = 3;

/// What one scope holds and allocated, estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Held {
    pub(crate) bytes: u64,
    pub(crate) objects: f64,
    /// Since sampling began, including what was freed since.
    pub(crate) allocated_bytes: u64,
    pub(crate) allocated_objects: f64,
}

impl Owner {
    const fn new() -> Self {
        Self {
            path: AtomicCallPath::none(),
            allocated_bytes: AtomicU64::new(0),
            allocated_parts: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            freed_parts: AtomicU64::new(0),
            lived: AtomicU64::new(0),
            most_bytes: AtomicU64::new(0),
            most_parts: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            peak_parts: AtomicU64::new(0),
            born: [const { AtomicU32::new(0) }; CLASSES],
        }
    }

    fn held(&self) -> Held {
        // Freed is read first. An allocation that is freed in between then counts as held for a
        // moment longer, and the difference is never negative.
        let (freed_bytes, freed_parts) = (self.freed_bytes.load(Acquire), self.freed_parts.load(Acquire));
        let (bytes, parts) = (self.allocated_bytes.load(Relaxed), self.allocated_parts.load(Relaxed));
        Held {
            bytes: bytes.saturating_sub(freed_bytes),
            objects: parts.saturating_sub(freed_parts) as f64 / PARTS,
            allocated_bytes: bytes,
            allocated_objects: parts as f64 / PARTS,
        }
    }
}

/// The number of the scope at `path`, which is `None` outside of all scopes.
pub(super) fn number(path: Option<CallPath>) -> u32 {
    let Some(path) = path else { return NOBODY };
    let start = super::table::spread(path.as_ptr().addr());
    for probe in 0..PROBES {
        let at = start.wrapping_add(probe) % CAPACITY;
        let place = &OWNERS[at].path;
        if place.load().unwrap_or_else(|| place.load_or_store(path)) == path {
            return at as u32;
        }
    }
    NOBODY
}

/// The path of an owner. `None` outside of all scopes.
pub(super) fn path(owner: u32) -> Option<CallPath> {
    OWNERS.get(owner as usize)?.path.load()
}

/// The class of an allocation of this usable size: its log2, limited to the last class.
pub(super) fn class(usable: usize) -> u32 {
    usable.checked_ilog2().unwrap_or(0).clamp(LEAST_CLASS, LEAST_CLASS + CLASSES as u32 - 1)
}

/// Adds an allocation.
pub(super) fn allocated(number: u32, class: u32, bytes: u64, parts: u64) {
    if let Some(owner) = OWNERS.get(number as usize) {
        if let Some(born) = owner.born.get((class - LEAST_CLASS) as usize) {
            born.fetch_add(1, Relaxed);
        }
        let before = owner.allocated_bytes.fetch_add(bytes, Relaxed);
        if before == 0 {
            USED[number as usize / 64].fetch_or(1 << (number % 64), Relaxed);
        }
        let bytes = before + bytes;
        let parts = owner.allocated_parts.fetch_add(parts, Relaxed) + parts;
        let held = |allocated: u64, freed: &AtomicU64| allocated.saturating_sub(freed.load(Relaxed));
        owner.most_bytes.fetch_max(held(bytes, &owner.freed_bytes), Relaxed);
        owner.most_parts.fetch_max(held(parts, &owner.freed_parts), Relaxed);
    }
}

/// The owners that have had an allocation, with their numbers.
fn used() -> impl Iterator<Item = (&'static Owner, u32)> {
    USED.iter().zip(0_u32..).flat_map(|(bits, at)| {
        let mut left = bits.load(Relaxed);
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            let number = at * 64 + bit;
            Some((&OWNERS[number as usize], number))
        })
    })
}

/// Adds a free, of an allocation that lived this many microseconds.
pub(super) fn freed(owner: u32, bytes: u64, parts: u64, lived_us: u64) {
    if let Some(owner) = OWNERS.get(owner as usize) {
        owner.lived.fetch_add(lived_us.saturating_mul(parts), Relaxed);
        owner.freed_bytes.fetch_add(bytes, AcqRel);
        owner.freed_parts.fetch_add(parts, AcqRel);
    }
}

/// The number of samples taken in each scope, by class: the scope's number, its path, which is
/// `None` outside of all scopes, the class, and the number.
pub(crate) fn born() -> impl Iterator<Item = (u32, Option<CallPath>, u32, u32)> {
    used().flat_map(|(owner, number)| {
        let path = owner.path.load();
        let born = owner.born.iter().zip(LEAST_CLASS..).map(|(born, class)| (class, born.load(Relaxed)));
        born.filter(|(_, born)| *born > 0).map(move |(class, born)| (number, path, class, born))
    })
}

/// Updates the high-water mark. `now` is in ticks.
pub(super) fn look_for_peak(now: u64) {
    let bytes = used().map(|(owner, _)| owner.held().bytes).sum();
    if PEAK_BYTES.fetch_max(bytes, Relaxed) < bytes {
        PEAK_AT.store(now, Relaxed);
        for (owner, _) in used() {
            let held = owner.held();
            owner.peak_bytes.store(held.bytes, Relaxed);
            owner.peak_parts.store((held.objects * PARTS) as u64, Relaxed);
        }
    }
}

/// The time of the high-water mark, in ticks, as far as it was evaluated.
pub(super) fn peak_at() -> u64 {
    PEAK_AT.load(Relaxed)
}

/// What one scope held over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Past {
    /// The sum of the lifetimes of freed objects, in seconds.
    pub(crate) lived_s: f64,
    pub(crate) most_bytes: u64,
    pub(crate) most_objects: f64,
    pub(crate) peak_bytes: u64,
    pub(crate) peak_objects: f64,
}

/// By number, as in [`born`]: its path, what it holds, and what it held.
pub(super) fn past() -> impl Iterator<Item = (u32, Option<CallPath>, Held, Past)> {
    used().map(|(owner, number)| {
        let past = Past {
            lived_s: owner.lived.load(Relaxed) as f64 / PARTS / 1e6,
            most_bytes: owner.most_bytes.load(Relaxed),
            most_objects: owner.most_parts.load(Relaxed) as f64 / PARTS,
            peak_bytes: owner.peak_bytes.load(Relaxed),
            peak_objects: owner.peak_parts.load(Relaxed) as f64 / PARTS,
        };
        (number, owner.path.load(), owner.held(), past)
    })
}

/// The bytes that one scope holds.
pub(crate) fn held_bytes(owner: u32) -> u64 {
    OWNERS.get(owner as usize).map_or(0, |owner| owner.held().bytes)
}

/// What each scope holds now and allocated, by its number. Without a path, it is for allocations
/// outside of all scopes.
pub(crate) fn by_owner() -> impl Iterator<Item = (u32, Option<CallPath>, Held)> {
    used().map(|(owner, number)| (number, owner.path.load(), owner.held()))
}
