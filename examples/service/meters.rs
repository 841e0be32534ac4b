//! The service's own metrics, which the profiler exports together with its own.

use metrics::{Unit, describe_gauge, describe_histogram};

/// Describes the metrics. Call it after the profiler's start, which installs the recorder.
pub(crate) fn describe() {
    describe_histogram!("service_items_matched", Unit::Count, "Items that contain one of a search's words.");
    describe_gauge!("service_queue_depth", Unit::Count, "Questions that wait for a worker.");
    describe_gauge!("service_items", Unit::Count, "Items in the index.");
}
