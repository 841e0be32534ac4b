//! A `metrics` recorder that the program has installed itself.

use std::fmt;

/// A recorder that the program has installed itself.
#[derive(Clone)]
pub(crate) struct MetricsHandle(pub(crate) metrics_exporter_prometheus::PrometheusHandle);

impl fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsHandle")
    }
}
