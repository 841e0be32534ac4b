//! What the profiler holds in memory of its own, by part, and what it may hold.
//!
//! The limit is `PERF_MEMORY`. Threads' own records take at most half of it, sampling threads a
//! quarter, of which copies of unwind tables take half at most, the stacks that were seen an eighth
//! and names of addresses an eighth. Records that threads share take what is left, and a quarter is
//! theirs alone: they keep every call for which there is no other place.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What may be held in all when nothing else is said.
pub(crate) const DEFAULT_LIMIT_BYTES: u64 = 64 << 20;

/// Who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Records of single threads.
    Threads,
    /// Records that threads share.
    Shared,
    /// What sampling needs for each thread, and unwinding.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Stacks,
    /// Copies of unwind tables; of the part for sampling.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Tables,
    /// Stacks that were seen.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Samples,
    /// Names of addresses.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    Names,
}

const PARTS: usize = 6;
static HELD: [AtomicU64; PARTS] = [const { AtomicU64::new(0) }; PARTS];
static LIMIT_BYTES: AtomicU64 = AtomicU64::new(DEFAULT_LIMIT_BYTES);

/// Bytes held by all parts.
pub(crate) fn held_bytes() -> u64 {
    HELD.iter().map(|held| held.load(Relaxed)).sum()
}

/// What may be held in all. Below what is held already, nobody gets more.
pub(crate) fn set_limit_bytes(limit: u64) {
    LIMIT_BYTES.store(limit, Relaxed);
}

/// What may be held in all.
pub(crate) fn limit_bytes() -> u64 {
    LIMIT_BYTES.load(Relaxed)
}

/// `false`: the part may not have so many bytes more.
pub(crate) fn take(part: Part, bytes: u64) -> bool {
    // Read before it is written: past the limit many threads come here often.
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

/// The part holds so many bytes less.
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
        Part::Samples | Part::Names => limit / 8,
    };
    let kept = (limit / 4).saturating_sub(of(Part::Shared));
    own <= most && all.saturating_add(kept) <= limit
}
