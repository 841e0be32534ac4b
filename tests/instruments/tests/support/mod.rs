//! What an instrument shows in a snapshot.
#![allow(dead_code, reason = "each test uses some of it")]

use std::time::{Duration, Instant};

/// The sum of the readings of this name that have the label.
pub(crate) fn sum(metric: &str, label: &str, name: &str) -> Option<f64> {
    let seen = perf_sdk::snapshot();
    let of_it = seen.readings.iter().filter(|reading| reading.name == metric);
    let of_it = of_it.filter(|reading| reading.labels.get(label).is_some_and(|value| value == name));
    of_it.map(|reading| reading.value).reduce(|a, b| a + b)
}

/// Waits until it is true, for a minute at most.
pub(crate) fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The profiler, which asks closures.
pub(crate) fn started() -> perf_sdk::Handle {
    perf_sdk::builder().listen("off").report(false).start().expect("a start")
}
