//! Counts of the samples since sampling began.

use std::sync::atomic::Ordering::Relaxed;

use super::super::sample::Facts;
use super::super::totals::Totals;
use super::handler;
use super::handler_stacks;
use super::slot;
use crate::clock;

pub(super) struct SampleCounts {
    /// When sampling began, in ticks.
    began: u64,
    /// The cost of a signal besides its handler.
    delivery_ns: u64,
    /// The part of the handlers' time that was [taken](Self::take_handler_ns).
    taken_ns: u64,
    /// The counts of all slots when sampling began.
    before: [u64; 3],
    began_process_ns: u64,
    sums: Totals,
    tick_ns: u64,
}

impl SampleCounts {
    /// Begins now. `tick_ns` is the length of the kernel's tick.
    pub(super) fn begin(tick_ns: u64) -> Self {
        Self {
            began: clock::wall().ticks(),
            delivery_ns: handler::delivery_ns(),
            taken_ns: 0,
            before: counts(),
            began_process_ns: clock::process_cpu_ns().unwrap_or(0),
            sums: Totals::default(),
            tick_ns,
        }
    }

    /// When sampling began, in ticks.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    pub(super) fn samples(&self) -> u64 {
        self.sums.samples
    }

    /// Counts a sample of CPU time.
    pub(super) fn add(&mut self, facts: &Facts) {
        self.sums.samples += 1;
        self.sums.sampled_ns += facts.weight_ns;
        self.sums.cut += u64::from(facts.is_cut);
        self.sums.leaf_only += u64::from(facts.is_leaf_only);
        let phase = clock::wall().ns(facts.at) % self.tick_ns * 16 / self.tick_ns;
        self.sums.phases[phase as usize] += 1;
    }

    /// Everything except folded samples and the numbers of threads, which are 0.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals {
            at: clock::wall().ticks().saturating_sub(self.began),
            process_ns: clock::process_cpu_ns().unwrap_or(0).saturating_sub(self.began_process_ns),
            ..self.sums
        };
        let [dropped, dropped_ns, spent] = counts();
        totals.dropped = dropped - self.before[0];
        totals.dropped_ns = dropped_ns - self.before[1];
        totals.handler_ns = clock::wall().ns(spent - self.before[2]) + totals.samples * self.delivery_ns;
        for slot in slot::slots() {
            totals.times.iter_mut().zip(&slot.counts.times).for_each(|(sum, count)| *sum += count.load(Relaxed));
        }
        totals
    }

    /// The increase of the handlers' time since the last call of this.
    pub(super) fn take_handler_ns(&mut self) -> u64 {
        let spent_ns = self.totals().handler_ns;
        spent_ns.saturating_sub(std::mem::replace(&mut self.taken_ns, spent_ns))
    }
}

/// Dropped samples, the time for which they stood, and ticks in handlers: of all slots, since the
/// program began.
fn counts() -> [u64; 3] {
    let mut sums = [0; 3];
    for slot in slot::slots() {
        let counts = &slot.counts;
        for (sum, count) in sums.iter_mut().zip([&counts.dropped, &counts.dropped_ns, &counts.spent]) {
            *sum += count.load(Relaxed);
        }
    }
    sums[0] += handler_stacks::turned_away();
    sums
}
