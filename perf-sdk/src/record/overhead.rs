//! What recording costs on this machine.

use std::sync::OnceLock;

use super::call;
use super::guard;
use super::thread::ThreadRecord;
use crate::clock::{self, ThreadCpu};
use crate::memory;
use crate::scope::{Options, Site, Slot, Source};

const ROUNDS: u32 = 5;
const CALLS: u32 = 256;

static SITE: Site = Site::new(
    Source { name: Some("calibration"), path: || "", ident: "calibration", module: "perf_sdk", file: file!(), line: 0 },
    Options::DEFAULT,
);

/// Nanoseconds that one empty measured call takes on this thread, cache-warm: the fastest of a few rounds on a record
/// that no reader sees. Measured once; 0 when there is no memory for it.
pub(crate) fn call_cost_ns() -> f64 {
    static COST: OnceLock<f64> = OnceLock::new();
    *COST.get_or_init(|| memory::uncounted(measure).unwrap_or(0.0))
}

fn measure() -> Option<f64> {
    let slot = Slot::get();
    if slot == Slot::BUSY {
        return None;
    }
    Slot::BUSY.set();
    let record = ThreadRecord::allocate(1, clock::wall(), ThreadCpu::attach(), memory::is_counting());
    let cost = record.map(|record| {
        call::leave_busy(record);
        let fastest = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
        Slot::BUSY.set();
        record.cpu().detach();
        fastest
    });
    slot.set();
    cost
}

fn round() -> f64 {
    let wall = clock::wall();
    let start = wall.ticks();
    for _ in 0..CALLS {
        drop(guard::enter(&SITE));
    }
    wall.ns(wall.ticks().wrapping_sub(start)) as f64 / f64::from(CALLS)
}
