//! The job that keeps the budget.

use std::time::Duration;

use super::scheduler::Job;
use crate::base::headroom;
use crate::clock::ThreadCpu;
use crate::record::{Allowance, Governor, Part};
use crate::scope::Hot;

/// The time between two evaluations. It is shorter at first, when nothing is known of the load and
/// every call is measured.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(8);
const EARLY_INTERVAL: Duration = Duration::from_millis(250);
const EARLY_LOOKS: u32 = 13;
/// The time between two moments in which the calls of resting functions are counted.
const COUNT_EVERY: Duration = Duration::from_millis(125);
/// An evaluation may take this part of the time until the next. The second constant applies to the
/// early ones.
const LOOK_SHARE: u32 = 1_000;
const EARLY_SHARE: u32 = 100;

/// Keeps recording within the allowance.
pub(super) fn job(allowance: Allowance, hot: Hot) -> Job {
    Job::new(Part::Budget, FIRST_INTERVAL, move || {
        let mut budget = Budget {
            governor: Governor::new(allowance, hot),
            looks: 0,
            interval: FIRST_INTERVAL,
            left: Duration::ZERO,
        };
        Box::new(move || budget.turn())
    })
}

struct Budget {
    governor: Governor,
    looks: u32,
    /// The time between the last two evaluations.
    interval: Duration,
    /// The time until the next evaluation, after the pause that was asked for last.
    left: Duration,
}

impl Budget {
    fn turn(&mut self) -> Duration {
        if self.left.is_zero() {
            self.look();
            self.left = self.interval;
        } else {
            self.governor.count_resting();
        }
        let pause = if self.governor.has_resting() { self.left.min(COUNT_EVERY) } else { self.left };
        self.left -= pause;
        pause
    }

    fn look(&mut self) {
        self.looks = self.looks.saturating_add(1);
        // CPU time, so that the time for which others had the processor does not count.
        let start_ns = ThreadCpu::cpu_now_ns();
        let looks = !self.governor.is_idle() && headroom::is_there(headroom::TURN_BYTES);
        if looks {
            self.governor.look(self.interval < EARLY_INTERVAL);
        }
        let spent = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(start_ns));
        if looks {
            self.governor.settle_doubt();
        }
        let is_early = self.looks < EARLY_LOOKS;
        let interval = if is_early { (self.interval * 2).min(EARLY_INTERVAL) } else { INTERVAL };
        self.interval = interval.max(spent * if is_early { EARLY_SHARE } else { LOOK_SHARE });
    }
}
