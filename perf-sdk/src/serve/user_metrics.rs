//! The program's own `metrics` counters, gauges and histograms, in the same scrape.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::sync::Notify;

use crate::config::MetricsHandle;
use crate::fork::Lock;

/// Upper bounds of the user's histograms. Buckets, because rolling summaries report wrong quantiles after a burst; wide,
/// because the unit is the user's: seconds as well as bytes or rows.
const BUCKETS: &[f64] = &[
    1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
];
/// Between two upkeeps at most.
const UPKEEP: Duration = Duration::from_secs(5);
/// Samples of a histogram that wait in memory, 16 bytes each, until they are moved into its buckets. Not fewer: one that another
/// thread records at the moment of moving may be lost by the bucket of `metrics-util`, whoever moves them.
const MOST_WAITING: u32 = 65_536;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
/// Somebody mounted the routes: there will be scrapes without an endpoint of ours.
static IS_MOUNTED: AtomicBool = AtomicBool::new(false);
/// The profiler was started.
static IS_STARTED: AtomicBool = AtomicBool::new(false);
/// Something of the endpoint's does the upkeep, and listens to this.
static DUE: Notify = Notify::const_new();
static IS_KEPT: AtomicBool = AtomicBool::new(false);
/// One at a time moves samples.
static MOVING: Lock<()> = Lock::new(());
/// How often it was done.
static DONE: AtomicU32 = AtomicU32::new(0);

/// The profiler starts. A recorder is installed where its metrics can be read: by an endpoint, or by routes that the
/// program mounted. Or the given one is joined.
pub(super) fn start(given: Option<&MetricsHandle>, has_endpoint: bool) {
    IS_STARTED.store(true, Relaxed);
    match given {
        Some(MetricsHandle(handle)) => {
            let _ = HANDLE.set(handle.clone());
        }
        None if has_endpoint || IS_MOUNTED.load(Relaxed) => install(),
        None => {}
    }
}

/// The routes are mounted: so are the user's metrics, if the profiler was started, or else once it is.
pub(super) fn mount() {
    IS_MOUNTED.store(true, Relaxed);
    if IS_STARTED.load(Relaxed) {
        install();
    }
}

/// Installs a recorder. One that the program installed without telling is left alone.
fn install() {
    if HANDLE.get().is_some() {
        return;
    }
    let Ok(builder) = PrometheusBuilder::new().set_buckets(BUCKETS) else { return };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let recorder = Bounded(recorder);
    match metrics::set_global_recorder(recorder) {
        Ok(()) => {
            let _ = HANDLE.set(handle);
        }
        Err(_) => {
            // Not `eprintln`, which panics when stderr is closed.
            let _ = writeln!(
                io::stderr(),
                "perf-sdk: the program has a metrics recorder of its own, whose metrics are not in this scrape; \
                 Builder::metrics_handle joins it"
            );
        }
    }
}

/// The user's metrics as Prometheus text; `None` when there is no recorder of ours.
pub(super) fn render() -> Option<String> {
    let _moving = MOVING.lock();
    HANDLE.get().map(PrometheusHandle::render)
}

/// Moves samples into their buckets from time to time, scraped or not, and when many wait.
pub(super) async fn upkeep() {
    struct Kept;
    impl Drop for Kept {
        fn drop(&mut self) {
            IS_KEPT.store(false, Relaxed);
        }
    }
    IS_KEPT.store(true, Relaxed);
    let _kept = Kept;
    loop {
        let _ = tokio::time::timeout(UPKEEP, DUE.notified()).await;
        run_upkeep();
    }
}

fn run_upkeep() {
    if let Some(handle) = HANDLE.get() {
        let _moving = MOVING.lock();
        handle.run_upkeep();
        DONE.fetch_add(1, Relaxed);
    }
}

/// A recorder whose histograms hold a bounded number of samples, also after the profiler's end: a recorder stays for the
/// process's life.
struct Bounded(PrometheusRecorder);

impl Recorder for Bounded {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let inner = self.0.register_histogram(key, metadata);
        let asked = AtomicU32::new(DONE.load(Relaxed).wrapping_sub(1));
        Histogram::from_arc(Arc::new(Counting { inner, waiting: AtomicU32::new(0), asked }))
    }
}

struct Counting {
    inner: Histogram,
    /// Since upkeep was last asked for.
    waiting: AtomicU32,
    /// How often upkeep had been done then.
    asked: AtomicU32,
}

impl HistogramFn for Counting {
    fn record(&self, value: f64) {
        self.inner.record(value);
        if self.waiting.fetch_add(1, Relaxed) + 1 == MOST_WAITING {
            self.waiting.store(0, Relaxed);
            let done = DONE.load(Relaxed);
            // Where nobody else does it, as in a forked child, the thread that comes upon it does.
            let is_done = self.asked.swap(done, Relaxed) != done;
            if is_done && IS_KEPT.load(Relaxed) { DUE.notify_one() } else { run_upkeep() }
        }
    }
}
