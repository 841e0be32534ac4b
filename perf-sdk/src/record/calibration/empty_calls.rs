//! Times empty calls, on a separate record that readers do not see.

use crate::base::fork::Lock;
use crate::clock::{self, OWN_PART};
use crate::memory;
use crate::record::store::cost::{Cost, OwnPart};
use crate::record::store::empty_call::{EmptyCall, MANY, MEASURED, PASSED, RESTED, SAMPLED, SELDOM, SELDOM_RATE};
use crate::record::store::thread::ThreadRecord;
use crate::scope::{Site, Slot};

const ROUNDS: u32 = if cfg!(miri) { 1 } else { 5 };
const CALLS: u32 = if cfg!(miri) { 4 } else { 256 };
const PAIRS: u32 = 32;

const COLD_ROUNDS: usize = 5;
/// Memory that is read before each cold round. It simulates the data that a program works on
/// between calls.
const WORKING_SET_BYTES: usize = 1 << 20;

/// The record of a finished calibration, for reuse.
static SPARE: Lock<Option<&'static ThreadRecord>> = Lock::new(None);

/// A calibration on one thread, which calls all of its methods.
#[derive(Debug)]
pub(in crate::record) struct Calibration {
    record: &'static ThreadRecord,
    call: EmptyCall,
}

impl Calibration {
    /// `None` if there is no memory for it.
    pub(in crate::record) fn new(call: EmptyCall) -> Option<Self> {
        let cpu = memory::uncounted(clock::attach);
        let spare = SPARE.try_lock().and_then(|mut spare| spare.take());
        let record = match spare {
            Some(record) => {
                record.set_cpu(cpu);
                record.home.move_in(record.wall);
                record
            }
            None => ThreadRecord::allocate(1, clock::wall(), OwnPart::default(), cpu, memory::is_counting())?,
        };
        Some(Self { record, call })
    }

    /// Runs `f` while calls of this thread go to the separate record.
    fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        let slot = Slot::get();
        self.record.leave_busy();
        let result = f();
        Slot::BUSY.set();
        self.record.reset_stack();
        slot.set();
        result
    }

    /// The cost of one function that is called repeatedly: the fastest of a few rounds, since other
    /// activity only makes them slower. Takes some ten microseconds for each kind.
    pub(in crate::record) fn warm(&self) -> (Cost, OwnPart) {
        let best = |site, calls| {
            self.aside(|| {
                (0..ROUNDS)
                    .map(|_| self.round(site, calls))
                    .fold((f64::INFINITY, u64::MAX), |(ns, own), round| (ns.min(round.0), own.min(round.1)))
            })
        };
        let [measured, sampled, passed] = [&MEASURED[0], &SAMPLED[0], &PASSED[0]].map(|site| best(site, CALLS));
        // The duration that a rare call records: the processor mispredicts the branches at its
        // begin and its end.
        let (_, seldom) = best(&SELDOM, CALLS / 4 * SELDOM_RATE);
        RESTED.set_rests(true);
        let (rested, _) = best(&RESTED, CALLS);
        let cost = Cost { rested, ..Kinds { all: measured.0, half: sampled.0, none: passed.0 }.cost() };
        let wall = self.record.wall;
        let pair = || {
            let start = wall.ticks();
            wall.ticks().wrapping_sub(start)
        };
        let pair = (0..PAIRS).map(|_| pair()).min().unwrap_or(0);
        (cost, OwnPart { usual: measured.1.min(OWN_PART), drawn: seldom.min(OWN_PART), pair })
    }

    /// The nanoseconds of a call, and the ticks that a measured one records.
    fn round(&self, site: &'static Site, calls: u32) -> (f64, u64) {
        let record = self.record;
        let summed = || {
            let node = record.root().last_child();
            if node.is(site) { (node.sums.wall.get_signed(), node.samples()) } else { (0, 0) }
        };
        let (ticks_before, samples_before) = summed();
        let start = record.wall.ticks();
        for _ in 0..calls {
            (self.call)(site);
        }
        let ns = record.wall.ns(record.wall.ticks().wrapping_sub(start)) as f64 / f64::from(calls);
        let (ticks, samples) = summed();
        let (ticks, samples) = (ticks.saturating_sub(ticks_before), samples.saturating_sub(samples_before));
        let calls = samples as f64 * f64::from(site.rate());
        (ns, if calls > 0.0 { (ticks as f64 / calls).round() as u64 } else { 0 })
    }

    /// The cost of many functions that are called in turn, with other work in between, as in a real
    /// program. Takes some milliseconds.
    ///
    /// `poll` makes the only poll of a future.
    pub(in crate::record) fn cold(&self, poll: EmptyCall, work: &mut WorkingSet) -> Cost {
        let [all, half, none] = [&MEASURED, &SAMPLED, &PASSED].map(|sites| self.cold_mean(sites, self.call, work));
        let [polled, poll_passed] = [&MEASURED, &PASSED].map(|sites| self.cold_mean(sites, poll, work));
        Cost { polled, poll_passed, ..Kinds { all, half, none }.cost() }
    }

    fn cold_mean(&self, sites: &'static [Site; MANY], call: EmptyCall, work: &mut WorkingSet) -> f64 {
        self.aside(|| {
            // The first calls create the nodes.
            sites.iter().for_each(call);
            let round = || {
                work.pass();
                let start = self.record.wall.ticks();
                sites.iter().for_each(call);
                self.record.wall.ticks().wrapping_sub(start)
            };
            self.record.wall.ns(median(std::iter::repeat_with(round).take(COLD_ROUNDS))) as f64 / MANY as f64
        })
    }
}

/// A context switch makes single readings a thousand times as long, so the median is used.
fn median(readings: impl Iterator<Item = u64>) -> u64 {
    let mut readings: Vec<u64> = readings.collect();
    readings.sort_unstable();
    readings.get(readings.len() / 2).copied().unwrap_or(0)
}

/// Mean nanoseconds of calls that are all measured, that are measured alternately, and that are all
/// count-only.
struct Kinds {
    all: f64,
    half: f64,
    none: f64,
}

impl Kinds {
    fn cost(self) -> Cost {
        let Self { all, half, none } = self;
        Cost { measured: all.max(none), sampled: (2.0 * half - none).max(all), passed: none, ..Cost::default() }
    }
}

impl Drop for Calibration {
    fn drop(&mut self) {
        self.record.home.move_out();
        self.record.cpu_detach();
        if let Some(mut spare) = SPARE.try_lock() {
            *spare = Some(self.record);
        }
    }
}

/// Memory that displaces other memory from the caches.
#[derive(Debug)]
pub(in crate::record) struct WorkingSet(Vec<u8>);

impl WorkingSet {
    pub(in crate::record) fn new() -> Self {
        Self(vec![1; WORKING_SET_BYTES])
    }

    fn pass(&mut self) {
        self.0.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
        std::hint::black_box(&mut self.0);
    }
}
