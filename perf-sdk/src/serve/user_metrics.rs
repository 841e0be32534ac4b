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

/// The maximum time between two upkeeps.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
/// Whether the recorder is one that the program passed in.
static IS_GIVEN: AtomicBool = AtomicBool::new(false);
/// Whether the routes were mounted. Then there are scrapes without an endpoint of the profiler.
static IS_MOUNTED: AtomicBool = AtomicBool::new(false);
/// Whether the profiler was started.
static IS_STARTED: AtomicBool = AtomicBool::new(false);
/// Held while samples are moved.
static MOVING: Lock<()> = Lock::new(());

/// Called when the profiler starts. Installs a recorder if its metrics are read: through an
/// endpoint or a server of OTLP, or through routes that the program mounted. If the program passed
/// a recorder in, that one is used.
pub(super) fn start(given: Option<&MetricsHandle>, is_read: bool, buckets: &[BucketRule]) {
    user_histograms::set_rules(buckets);
    IS_STARTED.store(true, Relaxed);
    match given {
        Some(MetricsHandle(handle)) => {
            if !buckets.is_empty() {
                say(
                    "PERF_BUCKETS has no effect: histograms are those of the recorder that was given to metrics_handle()",
                );
            }
            IS_GIVEN.fetch_or(HANDLE.set(handle.clone()).is_ok(), Relaxed);
        }
        None if is_read || IS_MOUNTED.load(Relaxed) => install(),
        None => {}
    }
}

/// Called when the routes are mounted. Installs a recorder if the profiler was started; otherwise
/// that happens at the start.
pub(super) fn mount() {
    IS_MOUNTED.store(true, Relaxed);
    if IS_STARTED.load(Relaxed) {
        install();
    }
}

/// Installs a recorder, unless the program has installed one itself.
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

/// The user's metrics as Prometheus text, without the histograms of this crate's recorder. `None`
/// if there is no known recorder.
pub(super) fn render() -> Option<String> {
    let _moving = MOVING.lock();
    HANDLE.get().map(PrometheusHandle::render)
}

/// Runs the upkeep of a recorder that the program passed in. It moves the samples of histograms,
/// whether or not they are scraped. This crate's recorder needs none.
pub(super) async fn upkeep() {
    while IS_GIVEN.load(Relaxed) {
        tokio::time::sleep(UPKEEP).await;
        if let Some(handle) = HANDLE.get() {
            let _moving = MOVING.lock();
            handle.run_upkeep();
        }
    }
}

/// A recorder with this crate's histograms: bounded in memory, with bounds by name, and native
/// buckets. All other metrics go to `others`.
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
