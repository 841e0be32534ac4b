//! Samples allocations of allocators other than jemalloc, with the same probabilities. Along the
//! bytes that a thread allocates, the samples are a Poisson process with a mean of one in every
//! `rate` bytes. So an allocation of n bytes is sampled with probability 1 − e^(−n / rate).
//!
//! Each thread draws the distance to its next sample, and compares it with what it allocated.
//! Whether a block that is freed was sampled is first checked in a filter of counters indexed by
//! its address, because most blocks were not.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

use super::{sample, table};
use crate::memory::tallies::{self, Ours};

/// The mean number of bytes from one sample to the next. 0: none is taken.
static RATE: AtomicU64 = AtomicU64::new(0);
/// While none is taken, a thread checks again after this many bytes.
const LOOK_BYTES: u64 = 256 << 10;

/// For each place, the number of sampled blocks whose address maps to it.
static FILTER: [AtomicU16; PLACES] = [const { AtomicU16::new(0) }; PLACES];
const PLACES: usize = 1 << 18;

thread_local! {
    /// The state of a random number generator. 0: not seeded, and no distance was drawn yet.
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn start(lg_rate: u32) {
    sample::set_rate(lg_rate);
    RATE.store(1 << lg_rate, Relaxed);
}

/// Stops or resumes sampling, once it was started.
pub(super) fn set_active(active: bool) {
    RATE.store(if active { sample::sample_bytes().unwrap_or(0) } else { 0 }, Relaxed);
}

/// Called when this thread has allocated as many bytes as drawn. `block` is the allocation that
/// reached it.
#[cold]
#[inline(never)]
pub(in crate::memory) fn reached(block: *mut u8, bytes: usize) {
    // The profiler's own allocations are subtracted from what was allocated, so none of them is
    // sampled.
    if Ours::is_here() {
        return;
    }
    let rate = RATE.load(Relaxed);
    if rate == 0 {
        RANDOM.with(|random| random.set(0));
        return tallies::pick_after(LOOK_BYTES);
    }
    // At a thread's first time here, no distance was drawn before, so there is no sample.
    let was_drawn = RANDOM.with(Cell::get) != 0;
    if was_drawn {
        sample::begin();
        if sample::take(block.addr(), bytes) {
            place(block).fetch_add(1, Relaxed);
        }
    } else {
        sample::draw();
    }
    tallies::pick_after(way(rate));
}

/// Whether a block, which is not freed yet, was sampled.
#[inline(always)]
pub(in crate::memory) fn is_sampled(block: *mut u8) -> bool {
    /// In large heaps, many addresses map to a place that is in use.
    #[cold]
    #[inline(never)]
    fn is_known(block: *mut u8) -> bool {
        table::holds(block.addr())
    }
    place(block).load(Relaxed) > 0 && is_known(block)
}

/// Called before a block is freed.
#[inline(always)]
pub(in crate::memory) fn freed(block: *mut u8) {
    if is_sampled(block) {
        end(block);
    }
}

/// Ends the sample of a block that was sampled, or may have been, and is not freed yet. If there
/// are two samples of one address, the older one ends.
#[cold]
#[inline(never)]
pub(in crate::memory) fn end(block: *mut u8) {
    if sample::end(block.addr()) {
        place(block).fetch_sub(1, Relaxed);
    }
}

#[inline(always)]
fn place(block: *mut u8) -> &'static AtomicU16 {
    &FILTER[table::spread(block.addr()) % PLACES]
}

/// The bytes to a thread's next sample: exponentially distributed.
fn way(rate: u64) -> u64 {
    // Marsaglia's xorshift64, seeded by the address of a thread-local and the time.
    let random = RANDOM.with(|state| {
        let mut random = match state.get() {
            0 => (ptr::from_ref(state).addr() as u64 ^ crate::clock::wall().ticks().rotate_left(32)) | 1,
            random => random,
        };
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        state.set(random);
        random
    });
    // In the interval (0, 1].
    let uniform = ((random >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    ((-uniform.ln() * rate as f64) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::way;

    #[test]
    fn distances_between_samples_are_exponentially_distributed() {
        let rate = 512 << 10;
        let ways: Vec<u64> = (0..100_000).map(|_| way(rate)).collect();
        let mean = ways.iter().sum::<u64>() as f64 / ways.len() as f64 / rate as f64;
        let beyond = |times: f64| ways.iter().filter(|way| **way as f64 > times * rate as f64).count() as f64 / 1e5;
        // The tolerance is ten standard errors.
        assert!((mean - 1.0).abs() < 0.035, "{mean}");
        for times in [0.1_f64, 1.0, 3.0] {
            assert!((beyond(times) - (-times).exp()).abs() < 0.016, "{times}: {}", beyond(times));
        }
    }
}
