//! Evaluates the pressure level.

use std::time::{Duration, Instant};

use super::level::{Thresholds, Used};
use super::{listeners, relief};
use crate::accounts::{Pressure, PressureAccount};
use crate::base::fork::Lock;
use crate::clock;
use crate::event::{self, Event, PressureChange, Relief};

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

/// While it exists, snapshots contain the latest evaluation.
#[derive(Debug)]
pub(crate) struct PressureWatch {
    thresholds: Option<Thresholds>,
    /// When memory was returned last while the level persists.
    latest: Option<Instant>,
}

impl PressureWatch {
    /// Without thresholds, it only advances the coarse clock.
    pub(crate) fn new(thresholds: Option<Thresholds>) -> Self {
        Self { thresholds, latest: None }
    }

    /// One evaluation: the pause until the next, and what is to be done now.
    ///
    /// `read` gives the memory in use and its limit; `None` if they are unknown.
    pub(crate) fn turn(&mut self, read: impl FnOnce() -> Option<Used>) -> (Duration, Option<Response>) {
        clock::tick();
        let Some(thresholds) = self.thresholds else { return (LONG_INTERVAL, None) };
        let Some(used) = read() else { return (LONG_INTERVAL, None) };
        let (before, level) = {
            let mut account = ACCOUNT.lock();
            let account = account.get_or_insert_default();
            (account.used_bytes, account.limit_bytes) = (used.used_bytes, used.limit_bytes);
            let level = thresholds.level(used, account.level);
            (std::mem::replace(&mut account.level, level), level)
        };
        let pause = if thresholds.are_far(used) { LONG_INTERVAL } else { INTERVAL };
        let response = Response { used, level, tells: level != before, relieves: self.relieves(before, level) };
        (pause, (response.tells || response.relieves).then_some(response))
    }

    /// Memory is returned at once when the level rises, and again after an interval.
    fn relieves(&mut self, before: Pressure, level: Pressure) -> bool {
        if level == Pressure::Normal {
            self.latest = None;
            return false;
        }
        let relieves = level > before || self.latest.is_none_or(|latest| latest.elapsed() >= AGAIN);
        if relieves {
            self.latest = Some(Instant::now());
        }
        relieves
    }
}

impl Drop for PressureWatch {
    fn drop(&mut self) {
        *ACCOUNT.lock() = None;
    }
}

/// What is to be done about a level. It calls the program's callbacks, and takes long.
#[derive(Debug)]
pub(crate) struct Response {
    used: Used,
    level: Pressure,
    tells: bool,
    relieves: bool,
}

impl Response {
    /// Adds a later one: its level is the one that matters.
    pub(crate) fn add(&mut self, later: Self) {
        *self = Self { tells: self.tells || later.tells, relieves: self.relieves || later.relieves, ..later };
    }

    pub(crate) fn run(self) {
        let Used { used_bytes, limit_bytes } = self.used;
        let level = self.level;
        if self.tells {
            event::emit(|| Event::Pressure(PressureChange { level, used_bytes, limit_bytes }));
            listeners::tell(self.level, self.used);
        }
        if self.relieves {
            let relief = relief::relieve(self.level);
            if let Some(account) = &mut *ACCOUNT.lock() {
                account.reliefs += 1;
                account.trimmed += relief.trimmed;
                relief.pauses.iter().for_each(|pause| account.pauses.record(pause.as_nanos() as u64, 1));
            }
            let took_seconds = relief.pauses.iter().sum::<Duration>().as_secs_f64();
            let trimmed = relief.trimmed;
            event::emit(|| Event::Relief(Relief { level, used_bytes, limit_bytes, trimmed, took_seconds }));
        }
    }
}
