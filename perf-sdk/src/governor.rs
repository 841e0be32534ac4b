//! The thread on which the budget is kept.

use std::io;
use std::time::Duration;

use crate::background::Background;
use crate::clock::ThreadCpu;
use crate::headroom;
use crate::record::{Allowance, Governor, OwnThread};

/// Between two looks; shorter at first, when nothing is known of the load.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
const FIRST_LOOKS: u32 = 8;
/// A look may take this part of the time until the next.
const LOOK_SHARE: u32 = 1_000;

/// Keeps recording within what is allowed until it is dropped.
pub(crate) fn keep(allowance: Allowance) -> io::Result<Background> {
    Background::start("perf-sdk-budget", move |pauses| {
        let _own = OwnThread::enter();
        let mut governor = Governor::new(allowance);
        let mut pause = FIRST_INTERVAL;
        for look in 1_u32.. {
            if !pauses.wait(pause) {
                break;
            }
            // Not the time that others had the processor.
            let start_ns = ThreadCpu::cpu_now_ns();
            if headroom::is_there(headroom::TURN_BYTES) {
                governor.look();
            }
            let spent = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(start_ns));
            let interval = if look < FIRST_LOOKS { FIRST_INTERVAL } else { INTERVAL };
            pause = interval.max(spent * LOOK_SHARE);
        }
    })
}
