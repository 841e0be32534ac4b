//! Caches.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::closures::{Question, question};
use super::durations::{Durations, Stopwatch};
use super::kind::Kind;
use super::registry::{Entry, Measured, Registry};
use super::stripes::Counts;
use crate::memory;
use crate::reading::{Description, Labels, Sheet, Unit};
use crate::record;
use crate::snapshot::Distribution;

macro_rules! events {
    ($($variant:ident $name:literal $help:literal),+ $(,)?) => {
        /// What happens to a cache, by counters.
        #[derive(Clone, Copy)]
        enum Event { $($variant),+ }

        const EVENTS: usize = [$($name),+].len();

        static COUNTERS: [Description; EVENTS] =
            [$(Description::counter(concat!("cache_", $name, "_total"), Unit::Count, $help)),+];
    };
}

events! {
    Hit "hits" "Lookups of a cache that found something.",
    Miss "misses" "Lookups of a cache that found nothing.",
    Insertion "insertions" "Entries inserted into a cache.",
    Eviction "evictions" "Entries that a cache removed to make room.",
    Expiration "expirations" "Entries that a cache removed because they were too old.",
    Invalidation "invalidations" "Entries removed from a cache because they were no longer valid.",
    Promotion "promotions" "Entries copied into a faster tier of a cache.",
    Prefetched "prefetched" "Entries loaded into a cache before they were asked for.",
    PrefetchedUsed "prefetched_used" "Prefetched entries that were asked for afterwards.",
}

static ACCESS_SECONDS: Description =
    Description::counter("cache_access_seconds_total", Unit::Seconds, "Time of timed lookups of a cache.");
/// Of which [`ACCESS_SECONDS`] is the time.
static TIMED: Description = Description::counter(
    "cache_timed_lookups_total",
    Unit::Count,
    "Lookups of a cache of which the time was measured.",
);

const DURATION: (&str, &str) = ("cache_access_duration_seconds", "Time of timed lookups of a cache, by their result.");

static ENTRIES: [Description; 1] = [Description::gauge("cache_entries", Unit::Count, "Entries in a cache.")];
static BYTES: [Description; 1] = [Description::gauge("cache_bytes", Unit::Bytes, "Bytes that a cache holds.")];

/// The maximum number of tiers of one cache.
const TIERS: usize = 4;

/// One tier of a cache.
#[derive(Debug)]
struct Tier {
    /// With those of the cache.
    labels: Labels,
    counts: Counts<EVENTS>,
    /// The counters that were added to, as bits. Others are unknown, not zero.
    known: AtomicU32,
    /// Whether a closure tells totals.
    is_told: AtomicBool,
    /// Lookups that were timed: hits, and misses.
    accesses: [Durations; 2],
}

/// All tiers of a cache.
#[derive(Debug)]
pub(crate) struct Tiers([OnceLock<Tier>; TIERS]);

static CACHES: Registry<Tiers> = Registry::new(Kind::Cache);

impl Tier {
    fn new(labels: Labels) -> Self {
        let known = 1 << Event::Hit as u32 | 1 << Event::Miss as u32;
        let accesses = [Durations::new(), Durations::new()];
        Self { labels, counts: Counts::new(), known: AtomicU32::new(known), is_told: AtomicBool::new(false), accesses }
    }

    fn add(&self, event: Event, n: u64) {
        if record::is_off() {
            return;
        }
        let bit = 1 << event as u32;
        if self.known.load(Relaxed) & bit == 0 {
            self.known.fetch_or(bit, Relaxed);
        }
        self.counts.add(event as usize, n);
    }

    fn read(&self, into: &mut Sheet) {
        let mut counts = self.counts.sums();
        for (event, timed) in [Event::Hit, Event::Miss].into_iter().zip(&self.accesses) {
            counts[event as usize] += timed.count();
        }
        let known = self.known.load(Relaxed);
        for (at, (description, count)) in COUNTERS.iter().zip(counts).enumerate() {
            let is_told = count == 0 && self.is_told.load(Relaxed);
            if known & 1 << at != 0 && !is_told {
                into.push_of(description, &self.labels, count as f64);
            }
        }
        let ns: u64 = self.accesses.iter().map(Durations::sum_ns).sum();
        let timed: u64 = self.accesses.iter().map(Durations::count).sum();
        // A cache whose lookups are only counted is not one that answers in no time.
        if timed > 0 {
            into.push_of(&ACCESS_SECONDS, &self.labels, ns as f64 / 1e9);
            into.push_of(&TIMED, &self.labels, timed as f64);
        }
    }
}

impl Measured for Tiers {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        entry.all().for_each(|tier| tier.read(into));
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        for (tier, number) in entry.0.iter().zip(1..).filter_map(|(tier, number)| Some((tier.get()?, number))) {
            for (result, timed) in ["hit", "miss"].into_iter().zip(&tier.accesses) {
                let more = [("tier", &*number.to_string()), ("result", result)];
                into.extend(entry.distribution(DURATION, &more, timed.read()));
            }
        }
    }

    fn reset(&self) {
        for tier in self.all() {
            tier.counts.reset();
            tier.accesses.iter().for_each(Durations::reset);
        }
    }
}

impl Tiers {
    fn all(&self) -> impl Iterator<Item = &Tier> {
        self.0.iter().filter_map(OnceLock::get)
    }
}

/// A tier of a cache that is measured: see [`watch_cache`]. A clone is the same tier.
#[derive(Clone, Debug)]
pub struct Cache {
    entry: &'static Entry<Tiers>,
    tier: &'static Tier,
    questions: Vec<Arc<Question>>,
}

/// Totals of a cache that counts itself. `None`: it does not count that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTotals {
    /// Lookups that found something.
    pub hits: Option<u64>,
    /// Lookups that found nothing.
    pub misses: Option<u64>,
    /// Inserted entries.
    pub insertions: Option<u64>,
    /// Entries that were removed to make room.
    pub evictions: Option<u64>,
    /// Entries that were removed because they were too old.
    pub expirations: Option<u64>,
    /// Entries that were removed because they were no longer valid.
    pub invalidations: Option<u64>,
}

/// Measures a cache of any kind: its hits, misses, evictions and other events, and the time of its
/// lookups.
///
/// ```
/// use std::collections::HashMap;
///
/// let mut results: HashMap<u32, String> = HashMap::new();
/// let watched = perf_sdk::watch_cache("results");
///
/// let found = watched.get(|| results.get(&7).cloned()); // a miss
/// assert_eq!(found, None);
/// results.insert(7, "seven".to_owned());
/// watched.inserted(1);
/// let found = watched.get(|| results.get(&7).cloned()); // a hit
/// assert_eq!(found.as_deref(), Some("seven"));
///
/// assert_eq!(perf_sdk::snapshot().cache_hit_ratio("results"), Some(0.5));
/// ```
///
/// The result stands for tier 1, see [`Cache::tier`]. A second call with the same name joins the
/// first: both count the same cache. `docs/instruments.md` lists the metrics.
///
/// **Cost.** A lock and a comparison with the names of all caches: keep the result.
#[must_use]
pub fn watch_cache(name: &str) -> Cache {
    let entry = CACHES.join(name, || Tiers([const { OnceLock::new() }; TIERS]));
    Cache { entry, tier: tier(entry, 1), questions: Vec::new() }
}

fn tier(entry: &'static Entry<Tiers>, tier: u32) -> &'static Tier {
    let at = tier.clamp(1, TIERS as u32) as usize;
    memory::uncounted(|| entry.0[at - 1].get_or_init(|| Tier::new(entry.labels_and(&[("tier", &at.to_string())]))))
}

impl Cache {
    /// The tier with this number: 1 is the fastest, and a number above 4 counts as 4. A lookup that
    /// goes on to a slower tier is a miss of the first, and a hit or a miss of the second.
    #[must_use]
    pub fn tier(&self, number: u32) -> Self {
        Self { entry: self.entry, tier: tier(self.entry, number), questions: self.questions.clone() }
    }

    /// Asks `entries` for the number of entries once a second, on a thread of the profiler, until
    /// the last clone of the result drops. It replaces an earlier closure for the same.
    ///
    /// A closure that panics is not asked again. One that blocks delays no other, and is asked less
    /// often. So it is for [`bytes`](Self::bytes) and [`totals`](Self::totals).
    #[must_use = "the closure is asked until the result drops"]
    pub fn entries(self, mut entries: impl FnMut() -> u64 + Send + 'static) -> Self {
        self.ask(&ENTRIES, move |answers| answers[0] = entries() as f64)
    }

    /// Asks `bytes` for the bytes that the cache holds, as [`entries`](Self::entries) does.
    #[must_use = "the closure is asked until the result drops"]
    pub fn bytes(self, mut bytes: impl FnMut() -> u64 + Send + 'static) -> Self {
        self.ask(&BYTES, move |answers| answers[0] = bytes() as f64)
    }

    /// Asks `totals` for what a cache counts itself, as [`entries`](Self::entries) does. It stands
    /// in the place of calls such as [`hit`](Self::hit): use one or the other.
    ///
    /// ```
    /// use perf_sdk::instrument::CacheTotals;
    /// # fn statistics() -> (u64, u64) { (3, 1) }
    /// let results = perf_sdk::watch_cache("results").totals(|| {
    ///     let (hits, misses) = statistics();
    ///     CacheTotals { hits: Some(hits), misses: Some(misses), ..CacheTotals::default() }
    /// });
    /// # drop(results);
    /// ```
    #[must_use = "the closure is asked until the result drops"]
    pub fn totals(self, mut totals: impl FnMut() -> CacheTotals + Send + 'static) -> Self {
        self.tier.is_told.store(true, Relaxed);
        self.ask(&COUNTERS, move |answers| {
            let CacheTotals { hits, misses, insertions, evictions, expirations, invalidations } = totals();
            let told = [hits, misses, insertions, evictions, expirations, invalidations];
            for (answer, told) in answers.iter_mut().zip(told) {
                *answer = told.map_or(f64::NAN, |told| told as f64);
            }
        })
    }

    fn ask(mut self, of: &'static [Description], ask: impl FnMut(&mut [f64]) + Send + 'static) -> Self {
        self.questions.push(question(of, self.tier.labels.clone(), ask));
        self
    }

    /// Runs a lookup, and records whether it found something and how long it took.
    ///
    /// **Cost.** Some 50 ns. While recording is switched off, a load.
    #[inline]
    pub fn get<T>(&self, lookup: impl FnOnce() -> Option<T>) -> Option<T> {
        if record::is_off() {
            return lookup();
        }
        let watch = Stopwatch::start();
        let found = lookup();
        self.note(found.is_some(), watch);
        found
    }

    /// As [`get`](Self::get), for a lookup that may fail, such as one over a network. A failed
    /// lookup is neither a hit nor a miss, but the calling function is charged for its time.
    ///
    /// # Errors
    /// That of the lookup.
    #[inline]
    pub fn try_get<T, E>(&self, lookup: impl FnOnce() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
        if record::is_off() {
            return lookup();
        }
        let watch = Stopwatch::start();
        let found = lookup();
        self.note_result(&found, watch);
        found
    }

    /// As [`get`](Self::get), for a future. The time is that until it is ready. A future that is
    /// dropped before is not counted.
    pub async fn get_async<T>(&self, lookup: impl Future<Output = Option<T>>) -> Option<T> {
        let watch = Stopwatch::start();
        let found = lookup.await;
        if !record::is_off() {
            self.note(found.is_some(), watch);
        }
        found
    }

    /// As [`try_get`](Self::try_get), for a future.
    ///
    /// # Errors
    /// That of the lookup.
    pub async fn try_get_async<T, E>(
        &self,
        lookup: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Option<T>, E> {
        let watch = Stopwatch::start();
        let found = lookup.await;
        if !record::is_off() {
            self.note_result(&found, watch);
        }
        found
    }

    /// Counts a lookup that found something, without its time.
    #[inline]
    pub fn hit(&self) {
        self.lookup(Event::Hit);
    }

    /// Counts a lookup that found nothing, without its time.
    #[inline]
    pub fn miss(&self) {
        self.lookup(Event::Miss);
    }

    /// Counts inserted entries.
    #[inline]
    pub fn inserted(&self, entries: u64) {
        self.tier.add(Event::Insertion, entries);
    }

    /// Counts entries that the cache removed to make room.
    ///
    /// As for all of these methods, the metric is absent before the first call, because a count
    /// that nobody reports is not known to be 0. `evicted(0)` at the start makes it 0.
    #[inline]
    pub fn evicted(&self, entries: u64) {
        self.tier.add(Event::Eviction, entries);
    }

    /// Counts entries that the cache removed because they were too old.
    #[inline]
    pub fn expired(&self, entries: u64) {
        self.tier.add(Event::Expiration, entries);
    }

    /// Counts entries that were removed because they were no longer valid.
    #[inline]
    pub fn invalidated(&self, entries: u64) {
        self.tier.add(Event::Invalidation, entries);
    }

    /// Counts entries that were copied into this tier from a slower one.
    #[inline]
    pub fn promoted(&self, entries: u64) {
        self.tier.add(Event::Promotion, entries);
    }

    /// Counts entries that were loaded before they were asked for.
    #[inline]
    pub fn prefetched(&self, entries: u64) {
        self.tier.add(Event::Prefetched, entries);
    }

    /// Counts prefetched entries that were asked for, each at the first time.
    #[inline]
    pub fn prefetched_used(&self, entries: u64) {
        self.tier.add(Event::PrefetchedUsed, entries);
    }

    #[inline]
    fn lookup(&self, event: Event) {
        if !record::is_off() {
            let _operation = record::operation();
            self.tier.counts.add(event as usize, 1);
            self.entry.charge(1, 0, 0);
        }
    }

    #[inline]
    fn note(&self, is_hit: bool, watch: Stopwatch) {
        let ns = watch.elapsed_ns();
        let _operation = record::operation();
        self.tier.accesses[usize::from(!is_hit)].record(ns);
        self.entry.charge(1, 0, ns);
    }

    fn note_result<T, E>(&self, found: &Result<Option<T>, E>, watch: Stopwatch) {
        match found {
            Ok(found) => self.note(found.is_some(), watch),
            Err(_) => self.entry.charge(1, 0, watch.elapsed_ns()),
        }
    }
}

/// Everything that a cache may have.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    COUNTERS.iter().chain([&ACCESS_SECONDS, &TIMED]).chain(&ENTRIES).chain(&BYTES)
}

/// The name and the help of the histogram.
pub(super) const DISTRIBUTION: (&str, &str) = DURATION;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect;
    use crate::instrument::testing::{all_of, used, value_of};
    use crate::record::measure;
    use crate::snapshot::Snapshot;

    fn value(seen: &Snapshot, name: &str, cache: &str, tier: &str) -> Option<f64> {
        value_of(seen, name, &[("cache", cache), ("tier", tier)])
    }

    #[test]
    fn a_cache_of_two_tiers() {
        let near = watch_cache("tiers");
        let far = near.tier(2);
        let earlier = collect::take();
        measure("asks two tiers", || {
            for n in 0..10 {
                let found = near.get(|| (n >= 4).then_some(n)).or_else(|| far.get(|| (n >= 1).then_some(n)));
                assert_eq!(found, (n >= 1).then_some(n));
            }
        });
        near.promoted(3);
        far.hit();
        far.evicted(0);
        let failed: Result<Option<()>, &str> = far.try_get(|| Err("not connected"));
        assert_eq!(failed, Err("not connected"));
        let seen = collect::take();
        let of = |name, tier| value(&seen, name, "tiers", tier);
        assert_eq!((of("cache_hits_total", "1"), of("cache_misses_total", "1")), (Some(6.0), Some(4.0)));
        assert_eq!((of("cache_hits_total", "2"), of("cache_misses_total", "2")), (Some(4.0), Some(1.0)));
        assert_eq!((of("cache_promotions_total", "1"), of("cache_promotions_total", "2")), (Some(3.0), None));
        assert_eq!((of("cache_evictions_total", "1"), of("cache_evictions_total", "2")), (None, Some(0.0)));
        assert!(of("cache_access_seconds_total", "1") > Some(0.0));
        let timed = ["1", "2"].map(|tier| of("cache_timed_lookups_total", tier));
        assert_eq!(timed, [Some(10.0), Some(4.0)], "without the hit that was only counted");
        assert_eq!(seen.subtract(&earlier).cache_hit_ratio("tiers"), Some(10.0 / 15.0));
        assert_eq!(seen.cache_hit_ratio("no such cache"), None);
        let timed = all_of(&seen, "cache_access_duration_seconds", "cache", "tiers");
        let hits = timed.iter().filter(|one| one.labels["result"] == "hit");
        let hits: Vec<_> = hits.map(|one| (one.labels["tier"].as_str(), one.histogram.count())).collect();
        assert_eq!(hits, [("1", 6), ("2", 3)]);
        let used = used(&seen, "asks two tiers", "tiers").unwrap();
        assert_eq!((used.kind.as_str(), used.operations, used.bytes), ("cache", 14, 0));
        assert!(used.wait_ns > 0, "{used:?}");
    }

    #[test]
    fn a_second_cache_of_a_name_is_the_first() {
        watch_cache("joined").hit();
        watch_cache("joined").hit();
        let seen = collect::take();
        assert_eq!(value(&seen, "cache_hits_total", "joined", "1"), Some(2.0));
        assert_eq!(value(&seen, "cache_access_seconds_total", "joined", "1"), None, "no lookup has a time");
        assert_eq!(collect::take().cache_hit_ratio("joined"), Some(1.0));
    }
}
