//! What recording costs on this machine.

use std::sync::OnceLock;

use super::call;
use super::guard;
use super::thread::ThreadRecord;
use crate::clock::{self, ThreadCpu};
use crate::memory;
use crate::scope::{Options, Sample, Site, Slot, Source};

const ROUNDS: u32 = 5;
const CALLS: u32 = 256;

static MEASURED: Site = site(Sample::Always);
static PASSED: Site = site(Sample::Never);

const fn site(sample: Sample) -> Site {
    let name = "calibration";
    let source = Source { name: Some(name), path: || "", ident: name, module: "perf_sdk", file: file!(), line: 0 };
    Site::new(source, Options { sample, ..Options::DEFAULT })
}

/// Nanoseconds a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Of one that is measured.
    pub(crate) measured: f64,
    /// Of one that is counted only.
    pub(crate) passed: f64,
}

impl Cost {
    /// Nanoseconds that so many calls cost.
    pub(crate) fn of(&self, measured: u64, passed: u64) -> f64 {
        measured as f64 * self.measured + passed as f64 * self.passed
    }
}

/// What empty calls cost on this machine, cache-warm: the fastest of a few rounds on a record that no reader sees. Measured
/// once; 0 when there is no memory for it.
pub(crate) fn cost() -> Cost {
    static COST: OnceLock<Cost> = OnceLock::new();
    *COST.get_or_init(|| memory::uncounted(measure).unwrap_or_default())
}

fn measure() -> Option<Cost> {
    let slot = Slot::get();
    if slot == Slot::BUSY {
        return None;
    }
    Slot::BUSY.set();
    let record = ThreadRecord::allocate(1, clock::wall(), ThreadCpu::attach(), memory::is_counting());
    let cost = record.map(|record| {
        call::leave_busy(record);
        let fastest = |site| (0..ROUNDS).map(|_| round(site)).fold(f64::INFINITY, f64::min);
        let cost = Cost { measured: fastest(&MEASURED), passed: fastest(&PASSED) };
        Slot::BUSY.set();
        record.cpu().detach();
        cost
    });
    slot.set();
    cost
}

fn round(site: &'static Site) -> f64 {
    let wall = clock::wall();
    let start = wall.ticks();
    for _ in 0..CALLS {
        drop(guard::enter(site));
    }
    wall.ns(wall.ticks().wrapping_sub(start)) as f64 / f64::from(CALLS)
}
