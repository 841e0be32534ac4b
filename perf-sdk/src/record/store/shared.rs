//! One site's calls on all threads that have no record of their own for it, because the limit of
//! memory or of nodes was reached.
//!
//! Counts, durations and allocations are recorded as usual; only the place in the call tree is
//! lost. It uses atomic additions, so it is an order of magnitude more expensive than a thread's
//! own record.
#![allow(unsafe_code)]

use std::ptr;

use super::arena::Zeroed;
use super::dropped::{self, Reason};
use super::measured::Measured;
use super::reserve;
use super::ring::Finished;
use super::rules;
use super::shard::Missed;
use crate::base::atomic::{
    AtomicPtr, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::clock::Wall;
use crate::histogram::{Histogram, Located, Scale, SharedPage, SharedShard};
use crate::outcome::Outcome;
use crate::scope::Site;
#[cfg(any(feature = "otlp", feature = "serve"))]
use crate::snapshot::FunctionPart;

/// The newest one.
static NEWEST: AtomicPtr<SharedSite> = AtomicPtr::new(ptr::null_mut());

/// Written and read by any thread; never freed.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct SharedSite {
    site: AtomicPtr<Site>,
    older: AtomicPtr<SharedSite>,
    started: AtomicU64,
    outcomes: [AtomicU64; Outcome::COUNT],
    samples: AtomicU64,
    sums: [AtomicU64; 7],
    wall: SharedShard,
    cpu: SharedShard,
    bytes: SharedShard,
}

// SAFETY: it consists of atomics. Null pointers and zeros are valid, and there is no destructor.
unsafe impl Zeroed for SharedSite {}
// SAFETY: as above.
unsafe impl Zeroed for SharedPage {}

/// Sums over measured calls, each multiplied by its weight. Wall time and CPU time are in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedSums {
    pub(crate) wall: i64,
    pub(crate) cpu: i64,
    pub(crate) allocated_bytes: u64,
    pub(crate) allocations: u64,
    pub(crate) freed_bytes: u64,
    pub(crate) frees: u64,
    pub(crate) reallocations: u64,
}

impl SharedSite {
    /// The shared record of `site`. `None` if there is no memory even for this.
    pub(in crate::record) fn of(site: &'static Site) -> Option<&'static Self> {
        Self::existing(site).or_else(|| Self::make(site))
    }

    fn existing(site: &'static Site) -> Option<&'static Self> {
        // SAFETY: null, or stored by `make` from a `&'static SharedSite`. `Acquire` pairs with that
        // store.
        unsafe { site.shared().0.load(Acquire).cast::<Self>().as_ref() }
    }

    #[cold]
    fn make(site: &'static Site) -> Option<&'static Self> {
        let new: &'static Self = reserve::zeroed()?;
        new.site.store(ptr::from_ref(site).cast_mut(), Relaxed);
        let place = ptr::from_ref(new).cast_mut();
        if site.shared().0.compare_exchange(ptr::null_mut(), place.cast(), AcqRel, Relaxed).is_err() {
            // Another thread was faster.
            return Self::existing(site);
        }
        let mut newest = NEWEST.load(Relaxed);
        loop {
            new.older.store(newest, Relaxed);
            match NEWEST.compare_exchange_weak(newest, place, Release, Relaxed) {
                Ok(_) => {
                    rules::configure(site);
                    return Some(new);
                }
                Err(now) => newest = now,
            }
        }
    }

    /// A call begins.
    pub(in crate::record) fn begin(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// A call ends.
    pub(in crate::record) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome.index()].fetch_add(1, Relaxed);
    }

    /// Adds the readings of a measured call.
    pub(in crate::record) fn add(&self, measured: &Measured, wall: &Wall, counting: bool) {
        self.samples.fetch_add(1, Relaxed);
        let (weight, cpu_weight) = (i64::from(measured.weight), i64::from(measured.cpu_weight));
        let tallies = measured.tallies.unwrap_or_default();
        let counts =
            [tallies.allocated_bytes, tallies.allocations, tallies.freed_bytes, tallies.frees, tallies.reallocations];
        let times = [measured.wall.wrapping_mul(weight) as u64, measured.cpu.wrapping_mul(cpu_weight) as u64];
        let counts = counts.map(|count| count.wrapping_mul(weight as u64));
        for (sum, n) in self.sums.iter().zip(times.into_iter().chain(counts)) {
            if n != 0 {
                sum.fetch_add(n, Relaxed);
            }
        }
        let counts_bytes = counting && self.site().is_some_and(|site| site.options().alloc);
        self.distribute(
            [measured.wall, measured.cpu].map(|ticks| wall.signed_ns(ticks)),
            tallies.allocated_bytes,
            [measured.weight, measured.cpu_weight, if counts_bytes { measured.weight } else { 0 }],
        );
    }

    /// Adds the figures for which a thread's own histograms had no room.
    pub(in crate::record) fn add_missed(&self, missed: Missed, finished: &Finished, wall: &Wall) {
        let of = |missed: bool, weight: u32| if missed { weight } else { 0 };
        self.distribute(
            [finished.wall, finished.cpu].map(|ticks| wall.signed_ns(ticks)),
            finished.bytes,
            [of(missed.wall, finished.weight), of(missed.cpu, finished.cpu_weight), of(missed.bytes, finished.weight)],
        );
    }

    fn distribute(&self, ns: [i64; 2], bytes: u64, weights: [u32; 3]) {
        let [wall, cpu] = ns.map(|ns| Located::of_difference(Scale::Seconds, ns));
        let bytes = Located::new(Scale::Bytes, bytes);
        let parts = [(&self.wall, wall), (&self.cpu, cpu), (&self.bytes, bytes)];
        let mut stored = true;
        for ((shard, at), weight) in parts.into_iter().zip(weights) {
            stored &= weight == 0 || shard.record(at, u64::from(weight), reserve::zeroed::<SharedPage>);
        }
        if !stored {
            dropped::count(Reason::Memory);
        }
    }

    /// `None` in one that is being made.
    pub(crate) fn site(&self) -> Option<&'static Site> {
        // SAFETY: null, or stored from a `&'static Site` before this was published.
        unsafe { self.site.load(Relaxed).as_ref() }
    }

    /// Finished calls by outcome, measured calls, and running calls.
    pub(crate) fn calls(&self) -> ([u64; Outcome::COUNT], u64, u64) {
        // Read first, so that a call which ends meanwhile counts as running, and is not lost.
        let outcomes = self.outcomes.each_ref().map(|count| count.load(Relaxed));
        let ended: u64 = outcomes.iter().sum();
        let running = self.started.load(Relaxed).saturating_sub(ended);
        (outcomes, self.samples.load(Relaxed), running)
    }

    pub(crate) fn sums(&self) -> SharedSums {
        let [wall, cpu, allocated_bytes, allocations, freed_bytes, frees, reallocations] =
            self.sums.each_ref().map(|sum| sum.load(Relaxed));
        let (wall, cpu) = (wall as i64, cpu as i64);
        SharedSums { wall, cpu, allocated_bytes, allocations, freed_bytes, frees, reallocations }
    }

    /// As [`SiteShard::read_classic`](super::shard::SiteShard::read_classic).
    #[cfg(any(feature = "otlp", feature = "serve"))]
    pub(crate) fn read_classic(&self, mut each: impl FnMut(FunctionPart, usize, u64)) -> [u64; 3] {
        let parts = [
            (&self.wall, Scale::Seconds, FunctionPart::Wall),
            (&self.cpu, Scale::Seconds, FunctionPart::Cpu),
            (&self.bytes, Scale::Bytes, FunctionPart::Bytes),
        ];
        parts.map(|(shard, scale, part)| shard.read_classic(scale, |bucket, count| each(part, bucket, count)))
    }

    /// The histograms of wall time, CPU time and bytes.
    pub(crate) fn histograms(&self) -> [Histogram; 3] {
        [self.wall.read(Scale::Seconds), self.cpu.read(Scale::Seconds), self.bytes.read(Scale::Bytes)]
    }
}

/// All shared records.
pub(crate) fn shared_sites() -> impl Iterator<Item = &'static SharedSite> {
    // SAFETY: null, or stored by `make` from a `&'static SharedSite`. `Acquire` pairs with that
    // store.
    let newest: Option<&'static SharedSite> = unsafe { NEWEST.load(Acquire).as_ref() };
    // SAFETY: as above; `older` is set before publication.
    std::iter::successors(newest, |shared| unsafe { shared.older.load(Relaxed).as_ref() })
}

/// The number of calls that were counted in shared records.
pub(crate) fn shared_calls() -> u64 {
    shared_sites().map(|shared| shared.started.load(Relaxed)).sum()
}

/// A forked child starts from zero: its sites get new shared records.
pub(in crate::record) fn forget_all() {
    for shared in shared_sites() {
        if let Some(site) = shared.site() {
            site.shared().0.store(ptr::null_mut(), Relaxed);
        }
    }
    NEWEST.store(ptr::null_mut(), Relaxed);
    reserve::after_fork();
}
