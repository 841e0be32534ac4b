//! The thread on which the budget is kept.

use std::io;
use std::time::Duration;

use crate::base::background::{Background, Pauses};
use crate::base::headroom;
use crate::clock::ThreadCpu;
use crate::record::{Allowance, Governor, OwnThread};
use crate::scope::Hot;

/// Between two looks; shorter at first, when nothing is known of the load and every call is
/// measured.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(8);
const EARLY_INTERVAL: Duration = Duration::from_millis(250);
const EARLY_LOOKS: u32 = 13;
/// How often functions are counted that rest.
const COUNT_EVERY: Duration = Duration::from_millis(125);
/// A look may take this part of the time until the next, and of the early ones.
const LOOK_SHARE: u32 = 1_000;
const EARLY_SHARE: u32 = 100;

/// Keeps recording within what is allowed until it is dropped.
pub(crate) fn keep(allowance: Allowance, hot: Hot) -> io::Result<Background> {
    Background::start("perf-sdk-budget", move |pauses| {
        let _own = OwnThread::enter();
        let mut governor = Governor::new(allowance, hot);
        let mut pause = FIRST_INTERVAL;
        for look in 1_u32.. {
            if !wait(pauses, pause, &mut governor) {
                break;
            }
            // Not the time that others had the processor.
            let start_ns = ThreadCpu::cpu_now_ns();
            let looks = !governor.is_idle() && headroom::is_there(headroom::TURN_BYTES);
            if looks {
                governor.look(pause < EARLY_INTERVAL);
            }
            let spent = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(start_ns));
            if looks {
                governor.settle_doubt();
            }
            let is_early = look < EARLY_LOOKS;
            let interval = if is_early { (pause * 2).min(EARLY_INTERVAL) } else { INTERVAL };
            pause = interval.max(spent * if is_early { EARLY_SHARE } else { LOOK_SHARE });
        }
    })
}

/// Meanwhile functions that rest are counted for a moment, some times.
fn wait(pauses: &Pauses, pause: Duration, governor: &mut Governor) -> bool {
    let mut left = pause;
    while governor.has_resting() && left > COUNT_EVERY {
        if !pauses.wait(COUNT_EVERY) {
            return false;
        }
        left -= COUNT_EVERY;
        governor.count_resting();
    }
    pauses.wait(left)
}
