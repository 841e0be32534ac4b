//! Values that are made at their first use.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::durations::Stopwatch;
use super::kind::Kind;
use super::registry::{Entry, Measured, Registry};
use crate::monitor;
use crate::reading::{Description, Sheet, Unit};
use crate::record;

static UNUSED: Description =
    Description::gauge("lazy_unused", Unit::Count, "Watched values of this name that were not made so far.");
static INITIALIZATIONS: Description =
    Description::counter("lazy_initializations_total", Unit::Count, "Values of this name that were made.");
static SECONDS: Description = Description::counter(
    "lazy_initialization_seconds_total",
    Unit::Seconds,
    "Time from the first use of a value until it was made.",
);
static FIRST_USE: Description = Description::gauge(
    "lazy_first_use_seconds",
    Unit::Seconds,
    "From the start of the process until the first use of a value of this name.",
);

/// What is known of the values of one name.
#[derive(Debug, Default)]
pub(crate) struct Values {
    watched: AtomicU64,
    made: AtomicU64,
    making_ns: AtomicU64,
    /// Since the start of the process; 0: not used.
    first_use_ns: AtomicU64,
}

static VALUES: Registry<Values> = Registry::new(Kind::Lazy);

impl Measured for Values {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        let made = entry.made.load(Relaxed);
        into.push_of(&UNUSED, &entry.labels, entry.watched.load(Relaxed).saturating_sub(made) as f64);
        into.push_of(&INITIALIZATIONS, &entry.labels, made as f64);
        into.push_of(&SECONDS, &entry.labels, entry.making_ns.load(Relaxed) as f64 / 1e9);
        let first_use_ns = entry.first_use_ns.load(Relaxed);
        if first_use_ns > 0 {
            into.push_of(&FIRST_USE, &entry.labels, first_use_ns as f64 / 1e9);
        }
    }

    /// Nothing: a value that was made in the parent is there in the child too.
    fn reset(&self) {}
}

/// The name of a value, and its place among the instruments once that is known.
struct Name {
    name: &'static str,
    entry: OnceLock<&'static Entry<Values>>,
}

impl Name {
    const fn new(name: &'static str) -> Self {
        Self { name, entry: OnceLock::new() }
    }

    fn watch(&self) -> &'static Entry<Values> {
        self.entry.get_or_init(|| {
            let entry = VALUES.join(self.name, Values::default);
            entry.watched.fetch_add(1, Relaxed);
            entry
        })
    }

    /// Runs `make`, and records how long that took. Nothing is recorded if it panics.
    fn time<T>(&self, make: impl FnOnce() -> T) -> T {
        let entry = self.watch();
        if entry.first_use_ns.load(Relaxed) == 0
            && let Some(seconds) = monitor::uptime_seconds()
        {
            let ns = (seconds * 1e9) as u64;
            let _ = entry.first_use_ns.compare_exchange(0, ns.max(1), Relaxed, Relaxed);
        }
        let watch = Stopwatch::start();
        let value = make();
        let ns = watch.elapsed_ns();
        entry.made.fetch_add(1, Relaxed);
        entry.making_ns.fetch_add(ns, Relaxed);
        entry.charge(1, 0, ns);
        value
    }
}

/// A [`LazyLock`] that tells how long making its value took, when that was, and whether it was ever
/// used.
///
/// ```
/// use perf_sdk::lazy::Watched;
///
/// static WORDS: Watched<Vec<&str>> = Watched::new("words", || "a few words".split(' ').collect());
///
/// Watched::watch(&WORDS); // at the start of `main`: from here on it shows as not used
/// assert_eq!(WORDS.len(), 3);
/// ```
///
/// **Cost.** That of a [`LazyLock`]; the first use takes two locks and some 100 ns more.
///
/// **Blind spots.** One that is neither used nor watched by [`watch`](Self::watch) is not known.
/// The time is that of the thread that makes the value, which is also charged for it: others that
/// wait for it are not.
///
/// [`LazyLock`]: std::sync::LazyLock
pub struct Watched<T, F = fn() -> T> {
    name: Name,
    /// Until the first use. The lock is held to take it only.
    make: Mutex<Option<F>>,
    made: OnceLock<T>,
}

impl<T, F: FnOnce() -> T> Watched<T, F> {
    /// A value that `make` makes at its first use.
    pub const fn new(name: &'static str, make: F) -> Self {
        Self { name: Name::new(name), make: Mutex::new(Some(make)), made: OnceLock::new() }
    }

    /// Makes it known, so that it shows as not used until it is.
    pub fn watch(this: &Self) {
        this.name.watch();
    }

    /// The value, which is made if this is its first use.
    ///
    /// # Panics
    /// If making it panics, now or earlier. May panic or never return if making it uses this value.
    #[inline]
    pub fn force(this: &Self) -> &T {
        this.made.get().unwrap_or_else(|| Self::first(this))
    }

    #[cold]
    fn first(this: &Self) -> &T {
        this.made.get_or_init(|| {
            let make = this.make.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(make) = make else { panic!("making the lazy value \"{}\" panicked earlier", this.name.name) };
            if record::is_off() { make() } else { this.name.time(make) }
        })
    }
}

impl<T, F: FnOnce() -> T> Deref for Watched<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Watched<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name.name).field("value", &self.made).finish_non_exhaustive()
    }
}

/// A [`OnceLock`] that tells how long making its value took, when that was, and whether it was ever
/// made.
///
/// ```
/// use perf_sdk::lazy::WatchedOnce;
///
/// static WORDS: WatchedOnce<Vec<String>> = WatchedOnce::new("words given");
///
/// let words = WORDS.get_or_init(|| vec!["given".to_owned()]);
/// assert_eq!(words.len(), 1);
/// assert!(WORDS.set(Vec::new()).is_err());
/// ```
///
/// **Cost.** That of a [`OnceLock`]; making the value takes a lock and some 100 ns more.
///
/// **Blind spots.** As those of [`Watched`]. A value that was [set](Self::set) counts as made in no
/// time.
pub struct WatchedOnce<T> {
    name: Name,
    inner: OnceLock<T>,
}

impl<T> WatchedOnce<T> {
    /// A cell without a value.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name: Name::new(name), inner: OnceLock::new() }
    }

    /// Makes it known, so that it shows as not made until it is.
    pub fn watch(&self) {
        self.name.watch();
    }

    /// The value, if it was made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.inner.get()
    }

    /// The value, made by `make` if there is none.
    ///
    /// # Panics
    /// If `make` panics. May panic or never return if `make` uses this cell, as [`OnceLock`].
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.inner.get_or_init(|| if record::is_off() { make() } else { self.name.time(make) })
    }

    /// Stores a value.
    ///
    /// # Errors
    /// There is one already. The error is the value that was to be stored.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.inner.set(value)?;
        if !record::is_off() {
            self.name.time(|| ());
        }
        Ok(())
    }
}

impl<T: fmt::Debug> fmt::Debug for WatchedOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedOnce").field("name", &self.name.name).field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Everything that a value may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&UNUSED, &INITIALIZATIONS, &SECONDS, &FIRST_USE].into_iter()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::collect;
    use crate::instrument::testing::{used, value};
    use crate::record::measure;

    fn of(lazy: &str) -> [Option<f64>; 2] {
        let seen = collect::take();
        ["lazy_unused", "lazy_initializations_total"].map(|name| value(&seen, name, "lazy", lazy))
    }

    #[test]
    fn a_lazy_value_is_unused_until_its_first_use() {
        static SLOW: Watched<u8> = Watched::new("slow", || {
            thread::sleep(Duration::from_millis(20));
            7
        });
        assert_eq!(of("slow"), [None, None]);
        Watched::watch(&SLOW);
        Watched::watch(&SLOW);
        assert_eq!(of("slow"), [Some(1.0), Some(0.0)]);
        thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(|| measure("uses a lazy value", || assert_eq!(*SLOW, 7)))));
        });
        assert_eq!(of("slow"), [Some(0.0), Some(1.0)]);
        let seen = collect::take();
        let seconds = value(&seen, "lazy_initialization_seconds_total", "lazy", "slow").unwrap();
        assert!(seconds >= 0.02, "{seconds}");
        assert_eq!(used(&seen, "uses a lazy value", "slow").unwrap().operations, 1);
        if cfg!(target_os = "linux") && !cfg!(miri) {
            assert!(value(&seen, "lazy_first_use_seconds", "lazy", "slow").unwrap() > 0.0);
        }
    }

    #[test]
    fn a_lazy_value_that_panics_is_not_made() {
        let panics: Watched<u8, _> = Watched::new("panics", || panic!("on purpose"));
        let message = || *catch_unwind(AssertUnwindSafe(|| *panics)).unwrap_err().downcast::<String>().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| *panics)).is_err());
        assert_eq!(message(), "making the lazy value \"panics\" panicked earlier");
        assert_eq!(of("panics"), [Some(1.0), Some(0.0)]);
    }

    #[test]
    fn values_of_one_name_are_counted_together() {
        let cells = [const { WatchedOnce::new("cells") }; 3];
        cells.iter().for_each(WatchedOnce::watch);
        assert_eq!((cells[0].get_or_init(|| 1), cells[0].get_or_init(|| 2)), (&1, &1));
        assert_eq!((cells[1].set(3), cells[1].set(4), cells[1].get()), (Ok(()), Err(4), Some(&3)));
        assert_eq!(cells[2].get(), None);
        assert_eq!(of("cells"), [Some(1.0), Some(2.0)]);
    }
}
