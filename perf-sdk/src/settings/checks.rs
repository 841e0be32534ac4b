//! Restrictions of single settings beyond their type, and longer defaults.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::values::{ByteSize, Pressure, Share, StackEngine};

pub(super) const LEAK_WINDOW: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);
/// How long samples may be kept one by one.
pub(super) const SLOW_WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
pub(super) const FLIGHT: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3_600);
/// The allowed push intervals. The default, 15 s, is that of Pyroscope's clients and of Alloy.
pub(super) const PUSH_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
pub(super) const PRESSURE: Pressure = Pressure { high: Share::percent(80.0), critical: Share::percent(95.0) };
/// The allowed bytes between two samples of the live heap.
pub(super) const HEAP: RangeInclusive<u64> = 1 << 12..=1 << 30;

pub(super) fn is_heap_interval(size: &Option<ByteSize>) -> bool {
    let fits = |bytes: u64| bytes.is_power_of_two() && HEAP.contains(&bytes);
    size.is_none_or(|size| cfg!(feature = "heap") && fits(size.as_bytes()))
}

/// Whether it may be a file. Whether its folder is there is seen at the end: the variable goes to
/// programs that are started later, too.
pub(super) fn may_be_file(path: &Path) -> bool {
    path.file_name().is_some() && !path.is_dir()
}

/// Whether this build supports the engine.
pub(super) fn is_stack_engine(engine: &Option<StackEngine>) -> bool {
    match engine {
        None | Some(StackEngine::Auto) => true,
        Some(StackEngine::Pprof) => cfg!(feature = "pprof"),
        Some(_) => cfg!(feature = "stacks"),
    }
}

/// The allowed horizons of the leak detector, in windows.
pub(crate) const LEAK_WINDOWS: RangeInclusive<u32> = 40..=480;
