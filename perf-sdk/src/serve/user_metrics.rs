//! The program's own `metrics` counters, gauges and histograms, in the same scrape.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::user_histograms::{self, Histograms};
use crate::base::fork::Lock;
use crate::base::notice::say;
use crate::settings::{BucketRule, MetricsHandle};

/// Between two upkeeps at most.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
/// It is that of a recorder of the program's own.
static IS_GIVEN: AtomicBool = AtomicBool::new(false);
/// Somebody mounted the routes: there will be scrapes without an endpoint of ours.
static IS_MOUNTED: AtomicBool = AtomicBool::new(false);
/// The profiler was started.
static IS_STARTED: AtomicBool = AtomicBool::new(false);
/// One at a time moves samples.
static MOVING: Lock<()> = Lock::new(());

/// The profiler starts. A recorder is installed where its metrics can be read: by an endpoint, or
/// by routes that the program mounted. Or the given one is joined.
pub(super) fn start(given: Option<&MetricsHandle>, has_endpoint: bool, buckets: &[BucketRule]) {
    user_histograms::set_rules(buckets);
    IS_STARTED.store(true, Relaxed);
    match given {
        Some(MetricsHandle(handle)) => {
            if !buckets.is_empty() {
                say(
                    "PERF_BUCKETS changes nothing: histograms are those of the recorder that was given to metrics_handle()",
                );
            }
            IS_GIVEN.fetch_or(HANDLE.set(handle.clone()).is_ok(), Relaxed);
        }
        None if has_endpoint || IS_MOUNTED.load(Relaxed) => install(),
        None => {}
    }
}

/// The routes are mounted: so are the user's metrics, if the profiler was started, or else once it
/// is.
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
    let others = PrometheusBuilder::new().build_recorder();
    let handle = others.handle();
    match metrics::set_global_recorder(Own { others, histograms: Histograms::new() }) {
        Ok(()) => {
            let _ = HANDLE.set(handle);
        }
        Err(_) => say("the program has a metrics recorder of its own, whose metrics are not in this scrape; \
             Builder::metrics_handle joins it"),
    }
}

/// The user's metrics as Prometheus text, but for the histograms of our recorder; `None` when there
/// is no recorder of ours.
pub(super) fn render() -> Option<String> {
    let _moving = MOVING.lock();
    HANDLE.get().map(PrometheusHandle::render)
}

/// Upkeep of a recorder that was given: it moves the samples of its histograms, scraped or not.
/// Ours has none that wait.
pub(super) async fn upkeep() {
    while IS_GIVEN.load(Relaxed) {
        tokio::time::sleep(UPKEEP).await;
        if let Some(handle) = HANDLE.get() {
            let _moving = MOVING.lock();
            handle.run_upkeep();
        }
    }
}

/// A recorder whose histograms are ours: bounded in memory, with buckets by name, and native ones.
struct Own {
    others: PrometheusRecorder,
    histograms: Histograms,
}

impl Recorder for Own {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        user_histograms::describe(key.as_str(), &description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.others.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.others.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.histograms.histogram(key)
    }
}
