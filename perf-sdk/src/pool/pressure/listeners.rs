//! Callbacks for memory pressure.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use super::level::Used;
use crate::accounts::Pressure;
use crate::base::fork::Lock;

type Callback = dyn Fn(Pressure, u64, u64) + Send + Sync;

static LISTENERS: Lock<Vec<Weak<Callback>>> = Lock::new(Vec::new());

/// Keeps a callback registered until it is dropped.
#[must_use = "when it drops, the callback is not called any more"]
pub struct PressureListener(#[expect(dead_code, reason = "held for the callback's life")] Arc<Callback>);

impl fmt::Debug for PressureListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PressureListener")
    }
}

/// Calls `f` with the level, the bytes in use and their limit whenever the level changes, on a
/// thread of the profiler. Use it to shrink caches or to reject work.
///
/// The profiler evaluates the level once a second while it runs, see `PERF_PRESSURE`. Pools are
/// trimmed after the callbacks. A panic in `f` is caught.
///
/// ```
/// let _listener = perf_sdk::pool::on_pressure(|level, used, limit| {
///     println!("memory is {level}: {used} of {limit} bytes");
/// });
/// ```
pub fn on_pressure(f: impl Fn(Pressure, u64, u64) + Send + Sync + 'static) -> PressureListener {
    let callback: Arc<Callback> = Arc::new(f);
    let mut listeners = LISTENERS.lock();
    listeners.retain(|listener| listener.strong_count() > 0);
    listeners.push(Arc::downgrade(&callback));
    PressureListener(callback)
}

pub(super) fn tell(level: Pressure, used: Used) {
    let listeners: Vec<Arc<Callback>> = LISTENERS.lock().iter().filter_map(Weak::upgrade).collect();
    for listener in listeners {
        // A panic in the program's callback must not end the evaluation.
        let _ = catch_unwind(AssertUnwindSafe(|| listener(level, used.used_bytes, used.limit_bytes)));
    }
}
