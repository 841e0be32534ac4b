//! The profiler's own memory, by part, and its limits.
//!
//! The total limit is `PERF_MEMORY`. Threads' own records take at most a half of it. Sampling takes
//! a quarter for threads, of which copies of unwind tables take at most a half, an eighth for
//! stacks, and an eighth for names of addresses. The history takes an eighth, and so
//! do the flight recorder and the calls that are recorded one by one. Shared records may
//! use what is left, and a quarter is reserved for them: they take all calls that have no other
//! place.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The default limit.
pub(crate) const DEFAULT_LIMIT_BYTES: u64 = 64 << 20;

/// The parts of the profiler's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Records that belong to one thread.
    Threads,
    /// Records that threads share.
    Shared,
    /// Memory for sampling each thread, and for unwinding.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Stacks,
    /// Copies of unwind tables; included in the part for sampling.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Tables,
    /// Stacks of samples.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Samples,
    /// Names of addresses.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Names,
    /// The history of readings.
    History,
    /// The samples of the last minutes, and bundles of evidence in memory.
    #[cfg_attr(not(any(feature = "flight", feature = "stacks")), allow(dead_code))]
    Flight,
    /// What is recorded of calls one by one.
    Calls,
}

const PARTS: usize = 9;
static HELD: [AtomicU64; PARTS] = [const { AtomicU64::new(0) }; PARTS];
static LIMIT_BYTES: AtomicU64 = AtomicU64::new(DEFAULT_LIMIT_BYTES);

/// Bytes held by all parts.
pub(crate) fn held_bytes() -> u64 {
    HELD.iter().map(|held| held.load(Relaxed)).sum()
}

/// Sets the total limit. If more is held already, no part gets any more.
pub(crate) fn set_limit_bytes(limit: u64) {
    LIMIT_BYTES.store(limit, Relaxed);
}

/// The total limit.
pub(crate) fn limit_bytes() -> u64 {
    LIMIT_BYTES.load(Relaxed)
}

/// Reserves bytes for a part. `false` if its limit does not allow it.
pub(crate) fn take(part: Part, bytes: u64) -> bool {
    // Checked before the atomic write, because many threads come here often once the limit is
    // reached.
    if !fits(part, bytes) {
        return false;
    }
    HELD[part as usize].fetch_add(bytes, Relaxed);
    if fits(part, 0) {
        return true;
    }
    give(part, bytes);
    false
}

/// Whether so many more bytes of a part could be reserved now.
#[cfg(feature = "flight")]
pub(crate) fn could_take(part: Part, bytes: u64) -> bool {
    fits(part, bytes)
}

/// Releases bytes of a part.
pub(crate) fn give(part: Part, bytes: u64) {
    HELD[part as usize].fetch_sub(bytes, Relaxed);
}

fn fits(part: Part, more: u64) -> bool {
    let limit = limit_bytes();
    let of = |part: Part| HELD[part as usize].load(Relaxed);
    let own = of(part).saturating_add(more);
    let all = held_bytes().saturating_add(more);
    let most = match part {
        Part::Shared => return all <= limit,
        Part::Threads => limit / 2,
        Part::Stacks => (limit / 4).saturating_sub(of(Part::Tables)),
        Part::Tables => (limit / 8).min((limit / 4).saturating_sub(of(Part::Stacks))),
        Part::Samples | Part::Names | Part::History | Part::Flight | Part::Calls => limit / 8,
    };
    let kept = (limit / 4).saturating_sub(of(Part::Shared));
    own <= most && all.saturating_add(kept) <= limit
}
/// Tests that need memory of [`Part::Flight`], or all of it, run one after the other.
#[cfg(all(test, any(feature = "flight", feature = "stacks")))]
pub(crate) fn flight_tests() -> std::sync::MutexGuard<'static, ()> {
    use super::unpoisoned::Unpoisoned as _;
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unpoisoned()
}
