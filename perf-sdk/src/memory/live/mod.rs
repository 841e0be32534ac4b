//! Attribution of the live heap: a sample of the live allocations, each with the scope that made
//! it.
//!
//! jemalloc samples allocations with a probability that grows with their size, with a mean of one
//! sample in every `rate` bytes. It marks the sampled ones by their pages, so freeing any other
//! costs nothing more. Where [`CountingAlloc`](super::CountingAlloc) wraps another allocator, a
//! countdown takes the samples (`countdown.rs`). A sampled allocation of n bytes stands for 1 / (1
//! − e^(−n / rate)) allocations. This weight is fixed when it is sampled.

mod blocks;
pub(super) mod countdown;
#[cfg(feature = "jemalloc")]
mod hooks;
mod owners;
mod sample;
mod stacks;
mod table;
mod unavailable;
#[cfg(feature = "stacks")]
mod unloaded;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub(crate) use blocks::large_blocks;
pub(crate) use owners::{Held, Past, born, by_owner, held_bytes};
pub(crate) use sample::{coarsest_bytes, note_drawn, sample_bytes, sampling_ns};
#[cfg(feature = "stacks")]
pub(crate) use stacks::lost as lost_stacks;
pub(crate) use table::lost as lost_samples;
#[cfg(feature = "stacks")]
pub(crate) use unloaded::note_unloaded;

use crate::base::fork::Lock;
use crate::clock;
use crate::memory::is_jemalloc;
use crate::memory::probe::counts_down;
use crate::scope::CallPath;
use crate::snapshot::SamplingState;
use unavailable::Unavailable;

/// `OFF`, `ON`, or what comes after `ON` and is an index into [`REASONS`].
static STATE: AtomicU8 = AtomicU8::new(OFF);
const OFF: u8 = 0;
const ON: u8 = 1;
/// Whether sampling is paused because recording is off.
static PAUSED: AtomicBool = AtomicBool::new(false);
/// Why it cannot be sampled.
const REASONS: [&str; 3] = [
    "the program's global allocator is neither perf_sdk::Alloc nor perf_sdk::CountingAlloc",
    "jemalloc was configured without prof:true",
    "jemalloc reported an error when sampling was enabled",
];

/// The log2 of the rate that the settings or the program request.
static WANTED: AtomicU32 = AtomicU32::new(0);
/// Held while the rate is set or sampling is switched.
static TURN: Lock<()> = Lock::new(());

/// Samples one live allocation in this many bytes, a power of two, from now on. `None` stops
/// sampling. Samples that were taken stay until their allocation is freed.
pub(crate) fn sample_heap(bytes: Option<u64>) {
    let _turn = TURN.lock();
    if let Some(bytes) = bytes {
        WANTED.store(bytes.ilog2(), Relaxed);
    }
    let state = match bytes {
        None => {
            if STATE.load(Relaxed) == ON {
                set_active(false);
            }
            OFF
        }
        Some(_) if !is_jemalloc() && !counts_down() => 2,
        Some(bytes) => match start(bytes.ilog2()) {
            Ok(()) => {
                if PAUSED.load(Relaxed) {
                    set_active(false);
                }
                ON
            }
            Err(Unavailable::Off) => 3,
            Err(Unavailable::Refused) => 4,
        },
    };
    STATE.store(state, Relaxed);
}

/// One allocation in so many bytes is to be sampled, whether it can be or not; `None`: none is.
#[cfg(feature = "serve")]
pub(crate) fn wanted_sample_bytes() -> Option<u64> {
    (STATE.load(Relaxed) != OFF).then(|| 1 << WANTED.load(Relaxed))
}

/// Samples from now on, one in 2^`lg_rate` bytes.
fn start(lg_rate: u32) -> Result<(), Unavailable> {
    #[cfg(feature = "jemalloc")]
    if is_jemalloc() {
        return hooks::start(lg_rate);
    }
    countdown::start(lg_rate);
    Ok(())
}

/// Stops or resumes sampling, once it was started.
fn set_active(active: bool) {
    #[cfg(feature = "jemalloc")]
    if is_jemalloc() {
        return hooks::set_active(active);
    }
    countdown::set_active(active);
}

/// One live sampled allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alive {
    /// As in [`born`].
    pub(crate) owner: u32,
    pub(crate) class: u32,
    /// The number of bytes for which it stands.
    pub(crate) bytes: u64,
    pub(crate) objects: f64,
    /// The time of the allocation, in ticks.
    pub(crate) born: u64,
}

/// All live sampled allocations. Takes some hundred microseconds.
pub(crate) fn living() -> impl Iterator<Item = Alive> {
    table::living().map(|sampled| Alive {
        owner: sampled.owner,
        class: sampled.class,
        bytes: sampled.bytes,
        objects: sampled.parts as f64 / owners::PARTS,
        born: sampled.born,
    })
}

/// The age, in nanoseconds, from which an allocation counts as old.
static OLD_NS: AtomicU64 = AtomicU64::new(300_000_000_000);

pub(crate) fn set_old_ns(ns: u64) {
    OLD_NS.store(ns, Relaxed);
}

pub(crate) fn old_ns() -> u64 {
    OLD_NS.load(Relaxed)
}

/// Old bytes by owner number.
pub(crate) fn old_bytes() -> HashMap<u32, u64> {
    let wall = clock::wall();
    let young_since = wall.ticks().saturating_sub(wall.ticks_of_ns(old_ns()));
    let mut old: HashMap<u32, u64> = HashMap::new();
    for alive in living().filter(|alive| alive.born < young_since) {
        *old.entry(alive.owner).or_default() += alive.bytes;
    }
    old
}

/// The scopes with live sampled allocations of this age, once for each sample. Takes some hundred
/// microseconds.
pub(crate) fn holding(age: Range<Duration>) -> impl Iterator<Item = CallPath> {
    let wall = clock::wall();
    let now = wall.ticks();
    let is_of_age = move |born: u64| age.contains(&Duration::from_nanos(wall.ns(now.saturating_sub(born))));
    living().filter(move |alive| is_of_age(alive.born)).filter_map(|alive| owners::path(alive.owner))
}

/// Updates the high-water mark of the live heap.
pub(crate) fn look_for_peak() {
    owners::look_for_peak(clock::wall().ticks());
}

/// What each scope held over time, with live allocations counted as if they ended now. Also the
/// time of the high-water mark of the whole live heap, in ticks; it is updated only by
/// [`look_for_peak`]. Without a path, it is for allocations outside of all scopes.
pub(crate) fn past() -> (Vec<(Option<CallPath>, Held, Past)>, u64) {
    look_for_peak();
    let now = clock::wall().ticks();
    let mut lives: HashMap<u32, f64> = HashMap::new();
    for alive in self::living() {
        *lives.entry(alive.owner).or_default() +=
            clock::wall().ns(now.saturating_sub(alive.born)) as f64 / 1e9 * alive.objects;
    }
    let past = owners::past().map(|(number, path, held, past)| {
        let lived_s = past.lived_s + lives.get(&number).copied().unwrap_or(0.0);
        (path, held, Past { lived_s, ..past })
    });
    (past.collect(), owners::peak_at())
}

/// What one scope allocated at one stack.
#[cfg(feature = "stacks")]
#[derive(Clone, Debug)]
pub(crate) struct AtStack {
    /// `None` outside of all scopes.
    pub(crate) path: Option<CallPath>,
    /// Innermost first, including the allocator's own frames.
    pub(crate) frames: Vec<u64>,
    pub(crate) held: Held,
}

/// All allocations whose stack is known, by path and stack, including live ones. A stack may occur
/// twice.
#[cfg(feature = "stacks")]
pub(crate) fn at_stacks() -> Vec<AtStack> {
    let mut living: HashMap<u32, (u64, f64)> = HashMap::new();
    for sampled in table::living().filter(|sampled| sampled.stack > 0) {
        let (bytes, objects) = living.entry(sampled.stack).or_default();
        *bytes += sampled.bytes;
        *objects += sampled.parts as f64 / owners::PARTS;
    }
    stacks::all()
        .map(|stack| {
            let (bytes, objects) = living.get(&stack.number).copied().unwrap_or_default();
            let (allocated_bytes, allocated_objects) = (stack.bytes, stack.parts as f64 / owners::PARTS);
            AtStack {
                path: owners::path(stack.owner),
                frames: stack.frames,
                held: Held { bytes, objects, allocated_bytes, allocated_objects },
            }
        })
        .collect()
}

/// Samples this many times fewer than requested, a power of two, because sampling takes too much
/// time.
pub(crate) fn thin_out_heap(times: u32) {
    let _turn = TURN.lock();
    let lg_rate = WANTED.load(Relaxed) + times.ilog2();
    if STATE.load(Relaxed) == ON && sample_bytes() != Some(1 << lg_rate) {
        let _ = start(lg_rate);
        if PAUSED.load(Relaxed) {
            set_active(false);
        }
    }
}

/// Pauses sampling while recording is off. Samples that were taken stay until their allocation is
/// freed.
pub(crate) fn pause_heap(paused: bool) {
    let _turn = TURN.lock();
    PAUSED.store(paused, Relaxed);
    if STATE.load(Relaxed) == ON {
        set_active(!paused);
    }
}

/// Whether it is sampled, or why it cannot be.
pub(crate) fn state() -> SamplingState {
    match STATE.load(Relaxed) {
        _ if PAUSED.load(Relaxed) => SamplingState::Off,
        OFF => SamplingState::Off,
        ON => SamplingState::on(),
        other => {
            let reason = REASONS.get(usize::from(other - ON - 1)).copied().unwrap_or_default();
            SamplingState::Unavailable(reason.to_owned())
        }
    }
}
