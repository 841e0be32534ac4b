//! The thread on which the budget is kept.

use std::io;
use std::time::Duration;

use crate::background::{Background, Pauses};
use crate::clock::ThreadCpu;
use crate::headroom;
use crate::record::{Allowance, Governor, OwnThread};
use crate::scope::Hot;

/// Between two looks; shorter at first, when nothing is known of the load.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
const FIRST_LOOKS: u32 = 8;
/// How often functions are counted that rest.
const COUNT_EVERY: Duration = Duration::from_millis(125);
/// A look may take this part of the time until the next.
const LOOK_SHARE: u32 = 1_000;

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
                governor.look();
            }
            let spent = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(start_ns));
            if looks {
                governor.settle_doubt();
            }
            let interval = if look < FIRST_LOOKS { FIRST_INTERVAL } else { INTERVAL };
            pause = interval.max(spent * LOOK_SHARE);
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
