//! What is allowed of single settings besides their type, and longer defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::values::{ByteSize, Pressure, Share, StackEngine};

pub(super) const LEAK_WINDOW: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);
/// Pyroscope's clients and Alloy push as often by default.
pub(super) const PUSH_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
pub(super) const PRESSURE: Pressure = Pressure { high: Share::percent(80.0), critical: Share::percent(95.0) };
/// Bytes between two samples of the live heap.
pub(super) const HEAP: RangeInclusive<u64> = 1 << 12..=1 << 30;

pub(super) fn is_heap_interval(size: &Option<ByteSize>) -> bool {
    let fits = |bytes: u64| bytes.is_power_of_two() && HEAP.contains(&bytes);
    size.is_none_or(|size| cfg!(feature = "heap") && fits(size.as_bytes()))
}

/// What there is to sample stacks with in this build.
pub(super) fn is_stack_engine(engine: &Option<StackEngine>) -> bool {
    match engine {
        None | Some(StackEngine::Auto) => true,
        Some(StackEngine::Pprof) => cfg!(feature = "pprof"),
        Some(_) => cfg!(feature = "stacks"),
    }
}

/// How many windows a leak's horizon may have.
pub(crate) const LEAK_WINDOWS: RangeInclusive<u32> = 40..=480;
