//! The thread that evaluates the pressure level.

use std::io;
use std::time::{Duration, Instant};

use super::level::{Thresholds, Used};
use super::{listeners, relief};
use crate::accounts::{Pressure, PressureAccount};
use crate::base::background::Background;
use crate::base::fork::Lock;
use crate::clock;

/// The time between two evaluations. It is also the resolution of the age of checkouts.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same while memory in use is far below the thresholds.
const LONG_INTERVAL: Duration = Duration::from_secs(2);
/// While a level persists, memory is returned at this interval.
const AGAIN: Duration = Duration::from_secs(5);

static ACCOUNT: Lock<Option<PressureAccount>> = Lock::new(None);

/// The latest evaluation and what was done. `None` if the level is not evaluated.
pub(crate) fn account() -> Option<PressureAccount> {
    ACCOUNT.lock().clone()
}

/// Reads memory in use and its limit. `None` if they are unknown.
pub(crate) type Reader = Box<dyn FnMut() -> Option<Used> + Send>;

/// Evaluates the level until the result is dropped. Without thresholds it only advances the coarse
/// clock. `enter` marks the thread as the profiler's.
pub(crate) fn watch(
    thresholds: Option<Thresholds>,
    mut read: Reader,
    enter: impl FnOnce() -> Box<dyn std::any::Any> + Send + 'static,
) -> io::Result<Background> {
    Background::start("perf-sdk-memory", move |pauses| {
        let _entered = enter();
        let mut latest: Option<Instant> = None;
        loop {
            clock::tick();
            let mut is_far = true;
            if let Some(thresholds) = &thresholds
                && let Some(used) = read()
            {
                is_far = thresholds.are_far(used);
                look(thresholds, used, &mut latest);
            }
            if !pauses.wait(if is_far { LONG_INTERVAL } else { INTERVAL }) {
                break;
            }
        }
        *ACCOUNT.lock() = None;
    })
}

/// Acts on the level: at once when it rises, and again after an interval.
fn look(thresholds: &Thresholds, used: Used, latest: &mut Option<Instant>) {
    let (before, level) = {
        let mut account = ACCOUNT.lock();
        let account = account.get_or_insert_default();
        (account.used_bytes, account.limit_bytes) = (used.used_bytes, used.limit_bytes);
        let level = thresholds.level(used, account.level);
        (std::mem::replace(&mut account.level, level), level)
    };
    if level != before {
        listeners::tell(level, used);
    }
    if level == Pressure::Normal {
        *latest = None;
        return;
    }
    if level > before || latest.is_none_or(|latest| latest.elapsed() >= AGAIN) {
        *latest = Some(Instant::now());
        let relief = relief::relieve(level);
        let mut account = ACCOUNT.lock();
        let account = account.get_or_insert_default();
        account.reliefs += 1;
        account.trimmed += relief.trimmed;
        relief.pauses.iter().for_each(|pause| account.pauses.record(pause.as_nanos() as u64, 1));
    }
}
