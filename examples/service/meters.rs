//! The service's own metrics, which the profiler exports together with its own.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes the metrics. Call it after the profiler's start, which installs the recorder.
pub(crate) fn describe() {
    describe_counter!("service_requests_total", Unit::Count, "Requests by route and status.");
    describe_histogram!("service_request_seconds", Unit::Seconds, "Time from a request to its answer, by route.");
    describe_histogram!("service_items_matched", Unit::Count, "Items that contain one of a search's words.");
    describe_counter!("service_cache_lookups_total", Unit::Count, "Searches by whether the answer was cached.");
    describe_gauge!("service_cache_entries", Unit::Count, "Answers kept.");
    describe_gauge!("service_queue_depth", Unit::Count, "Questions that wait for a worker.");
    describe_gauge!("service_items", Unit::Count, "Items in the index.");
}
