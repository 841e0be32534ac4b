//! Pools of connections.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::closures::{Question, question};
use super::durations::{Durations, Stopwatch};
use super::kind::Kind;
use super::registry::{Entry, Measured, Registry};
use super::stripes::Counts;
use crate::reading::{Description, Sheet, Unit};
use crate::record;
use crate::snapshot::Distribution;

static CHECKOUTS: Description =
    Description::counter("connection_pool_checkouts_total", Unit::Count, "Connections taken from a pool.");
static TIMEOUTS: Description =
    Description::counter("connection_pool_timeouts_total", Unit::Count, "Waits for a connection that timed out.");
static ERRORS: Description =
    Description::counter("connection_pool_errors_total", Unit::Count, "Waits for a connection that failed otherwise.");
static WAIT_SECONDS: Description = Description::counter(
    "connection_pool_wait_seconds_total",
    Unit::Seconds,
    "Time spent waiting for a connection of a pool.",
);

/// What the closure tells, in the order of its answers.
static STATE: [Description; 4] = [
    Description::gauge("connection_pool_size", Unit::Count, "Connections that a pool may have."),
    Description::gauge("connection_pool_idle", Unit::Count, "Open connections of a pool that are not in use."),
    Description::gauge("connection_pool_in_use", Unit::Count, "Connections of a pool that are in use."),
    WAITING,
];
const WAITING: Description =
    Description::gauge("connection_pool_waiting", Unit::Count, "Callers that wait for a connection of a pool.");
static WAITING_NOW: Description = WAITING;

const DURATION: (&str, &str) =
    ("connection_pool_wait_duration_seconds", "Time of each wait for a connection of a pool, failed ones too.");

const TIMED_OUT: usize = 0;
const FAILED: usize = 1;
const WAITING_COUNT: usize = 2;

/// What is counted of a pool.
#[derive(Debug)]
pub(crate) struct Waits {
    /// Also the callers in `checkout` now: those that came, less those that left.
    counts: Counts<3>,
    waits: Durations,
    /// Whether a closure tells the state.
    is_told: AtomicBool,
}

static POOLS: Registry<Waits> = Registry::new(Kind::Pool);

impl Measured for Waits {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        let waits = entry.waits.count();
        if waits > 0 {
            let [timed_out, failed, _] = entry.counts.sums();
            let checkouts = waits.saturating_sub(timed_out + failed);
            into.push_of(&CHECKOUTS, &entry.labels, checkouts as f64);
            into.push_of(&TIMEOUTS, &entry.labels, timed_out as f64);
            into.push_of(&ERRORS, &entry.labels, failed as f64);
            into.push_of(&WAIT_SECONDS, &entry.labels, entry.waits.sum_ns() as f64 / 1e9);
            if !entry.is_told.load(Relaxed) {
                into.push_of(&WAITING_NOW, &entry.labels, entry.waiting());
            }
        }
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        into.extend(entry.distribution(DURATION, &[], entry.waits.read()));
    }

    fn reset(&self) {
        self.counts.reset();
        self.waits.reset();
    }
}

impl Waits {
    fn waiting(&self) -> f64 {
        let [_, _, waiting] = self.counts.sums();
        // It was read while one came and another one left.
        (waiting as i64).max(0) as f64
    }
}

/// The state of a pool, as the pool's own methods tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// The number of connections that it may have: its limit.
    pub size: u64,
    /// Open connections that are not in use.
    pub idle: u64,
    /// Connections that are in use.
    pub in_use: u64,
    /// Callers that wait for a connection. `None` if the pool does not tell: then those in
    /// [`ConnectionPool::checkout`] are counted.
    pub waiting: Option<u64>,
}

/// A pool of connections that is measured: see [`watch_pool`]. A clone is the same pool.
#[derive(Clone, Debug)]
pub struct ConnectionPool {
    entry: &'static Entry<Waits>,
    question: Option<Arc<Question>>,
}

/// Measures a pool of connections: its size, what is idle and in use, and how long callers wait.
///
/// ```
/// use perf_sdk::instrument::PoolState;
/// # use std::sync::Arc;
/// # struct Pool;
/// # impl Pool {
/// #     fn get(&self) -> Result<u8, &'static str> { Ok(1) }
/// #     fn open(&self) -> u64 { 3 }
/// #     fn idle(&self) -> u64 { 1 }
/// # }
/// # let pool = Arc::new(Pool);
/// let of_state = Arc::clone(&pool);
/// let db = perf_sdk::watch_pool("db").state(move || PoolState {
///     size: 10,
///     idle: of_state.idle(),
///     in_use: of_state.open() - of_state.idle(),
///     waiting: None,
/// });
/// let connection = db.checkout(|| pool.get(), |error| *error == "timed out")?;
/// # let _ = connection;
/// # Ok::<(), &str>(())
/// ```
///
/// A second call with the same name joins the first. `docs/guide/instruments.md` has the lines for
/// deadpool, bb8, sqlx and r2d2, `docs/instruments.md` the metrics.
///
/// **Cost.** A lock and a comparison with the names of all pools: keep the result.
#[must_use]
pub fn watch_pool(name: &str) -> ConnectionPool {
    let entry =
        POOLS.join(name, || Waits { counts: Counts::new(), waits: Durations::new(), is_told: AtomicBool::new(false) });
    ConnectionPool { entry, question: None }
}

impl ConnectionPool {
    /// Asks `state` once a second, on a thread of the profiler, until the last clone of the result
    /// drops. It replaces an earlier closure of the same pool.
    ///
    /// A closure that panics is not asked again. One that blocks delays no other, and is asked less
    /// often.
    #[must_use = "the closure is asked until the result drops"]
    pub fn state(mut self, mut state: impl FnMut() -> PoolState + Send + 'static) -> Self {
        let entry = self.entry;
        entry.is_told.store(true, Relaxed);
        let ask = move |answers: &mut [f64]| {
            let PoolState { size, idle, in_use, waiting } = state();
            let waiting = waiting.map(|waiting| waiting as f64);
            let own = || if entry.waits.count() > 0 { entry.waiting() } else { f64::NAN };
            answers.copy_from_slice(&[size as f64, idle as f64, in_use as f64, waiting.unwrap_or_else(own)]);
        };
        self.question = Some(question(&STATE, entry.labels.clone(), ask));
        self
    }

    /// Takes a connection by `get`, and records how long that took. `is_timeout` says whether an
    /// error means that the wait timed out.
    ///
    /// **Cost.** Some 35 ns.
    ///
    /// # Errors
    /// That of `get`.
    #[inline]
    pub fn checkout<T, E>(
        &self,
        get: impl FnOnce() -> Result<T, E>,
        is_timeout: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        if record::is_off() {
            return get();
        }
        let wait = Wait::begin(self.entry);
        let got = get();
        wait.end(&got, is_timeout);
        got
    }

    /// As [`checkout`](Self::checkout), for a future. One that is dropped before it is ready is not
    /// counted.
    ///
    /// # Errors
    /// That of `get`.
    pub async fn checkout_async<T, E>(
        &self,
        get: impl Future<Output = Result<T, E>>,
        is_timeout: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        let wait = Wait::begin(self.entry);
        let got = get.await;
        wait.end(&got, is_timeout);
        got
    }
}

/// A caller that waits, also if it panics or is dropped.
struct Wait {
    entry: &'static Entry<Waits>,
    watch: Stopwatch,
}

impl Wait {
    #[inline]
    fn begin(entry: &'static Entry<Waits>) -> Self {
        entry.counts.add(WAITING_COUNT, 1);
        Self { entry, watch: Stopwatch::start() }
    }

    #[inline]
    fn end<T, E>(self, got: &Result<T, E>, is_timeout: impl FnOnce(&E) -> bool) {
        let ns = self.watch.elapsed_ns();
        if record::is_off() {
            return;
        }
        let _operation = record::operation();
        if let Err(error) = got {
            self.entry.counts.add(if is_timeout(error) { TIMED_OUT } else { FAILED }, 1);
        }
        self.entry.waits.record(ns);
        self.entry.charge(1, 0, ns);
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        // Wraps: on another thread, perhaps, than the one on which it came.
        self.entry.counts.add(WAITING_COUNT, u64::MAX);
    }
}

/// Everything that a pool may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&CHECKOUTS, &TIMEOUTS, &ERRORS, &WAIT_SECONDS].into_iter().chain(&STATE)
}

/// The name and the help of the histogram.
pub(super) const DISTRIBUTION: (&str, &str) = DURATION;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::collect;
    use crate::instrument::testing::{all_of, value};

    #[test]
    fn checkouts_and_timeouts_are_counted_and_waits_measured() {
        let db = watch_pool("checkouts");
        for n in 0..10 {
            let got = db.checkout(|| if n < 7 { Ok(n) } else { Err(n) }, |n| *n < 9);
            assert_eq!(got.is_ok(), n < 7);
        }
        let seen = collect::take();
        let of = |name| value(&seen, name, "pool", "checkouts");
        assert_eq!(of("connection_pool_checkouts_total"), Some(7.0));
        assert_eq!(of("connection_pool_timeouts_total"), Some(2.0));
        assert_eq!(of("connection_pool_errors_total"), Some(1.0));
        assert_eq!(of("connection_pool_waiting"), Some(0.0));
        assert_eq!(of("connection_pool_size"), None);
        let waits = all_of(&seen, DURATION.0, "pool", "checkouts");
        assert_eq!(waits.iter().map(|one| one.histogram.count()).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_caller_that_waits_is_counted_until_it_gives_up() {
        let db = watch_pool("waiting");
        db.checkout(|| Ok::<_, ()>(1), |()| true).unwrap();
        let waiting = || value(&collect::take(), "connection_pool_waiting", "pool", "waiting");
        {
            let mut checkout = pin!(db.checkout_async(std::future::pending::<Result<(), ()>>(), |()| true));
            let polled = checkout.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!((polled, waiting()), (Poll::Pending, Some(1.0)));
        }
        assert_eq!(waiting(), Some(0.0));
        let checkouts = value(&collect::take(), "connection_pool_checkouts_total", "pool", "waiting");
        assert_eq!(checkouts, Some(1.0));
    }
}
