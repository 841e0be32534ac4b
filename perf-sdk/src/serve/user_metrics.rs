//! The program's own `metrics` counters, gauges and histograms, in the same scrape.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::config::MetricsHandle;

/// Upper bounds of the user's histograms. Buckets, because rolling summaries report wrong quantiles after a burst; wide,
/// because the unit is the user's: seconds as well as bytes or rows.
const BUCKETS: &[f64] = &[
    1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
];
/// Between two upkeeps; samples wait in memory in between.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs a recorder, or joins the given one. One that the program installed without telling is left alone.
pub(super) fn install(given: Option<&MetricsHandle>) {
    if HANDLE.get().is_some() {
        return;
    }
    if let Some(MetricsHandle(handle)) = given {
        let _ = HANDLE.set(handle.clone());
        return;
    }
    let Ok(builder) = PrometheusBuilder::new().set_buckets(BUCKETS) else { return };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
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
    HANDLE.get().map(PrometheusHandle::render)
}

/// Moves samples into their buckets from time to time, scraped or not.
pub(super) async fn upkeep() {
    loop {
        tokio::time::sleep(UPKEEP).await;
        if let Some(handle) = HANDLE.get() {
            handle.run_upkeep();
        }
    }
}
