//! Selects the calls of a node that are measured.
//!
//! Of each block of n calls, one is measured, at a uniformly random position, and it stands for n.
//! So each call is measured with probability 1 / n, whatever its position in a periodic pattern.
//! Abandoning a block does not bias the sum, provided that the decision does not depend on what was
//! measured in it: after j calls, the block has counted n with probability j / n.

use std::cell::Cell;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed, Ordering::SeqCst, fence};

/// The number of calls after which a site that is never measured checks its rate again.
const ASK_AGAIN: u32 = 1 << 16;
/// Attempts to abandon a block.
const TRIES: u32 = 10;

/// The current block, and the position drawn in the next one. All zeros: nothing is drawn yet.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Calls before the next measured one. Written by the owner; [`abandon`](Self::abandon) also
    /// sets it to 0.
    skip: AtomicU32,
    /// Whether the rate changed, or the block is too old.
    stale: AtomicBool,
    /// Calls of the block after the measured one. Owner only.
    rest: Cell<u32>,
    /// The weight of the next measured call. 0 before anything is drawn. Owner only.
    weight: Cell<u32>,
}

/// To be called between changing rates and looking for the blocks that must be abandoned.
pub(crate) fn rates_changed() {
    fence(SeqCst);
}

impl Blocks {
    /// Owner only: the number of count-only calls before the next one that is measured, or with
    /// which a block must begin.
    #[inline(always)]
    pub(crate) fn ahead(&self) -> u32 {
        self.skip.load(Relaxed)
    }

    /// Owner only: one of those [ahead](Self::ahead) begins, of which there are so many.
    #[inline(always)]
    pub(crate) fn pass(&self, ahead: u32) {
        self.skip.store(ahead - 1, Relaxed);
    }

    /// Owner only, of a call that is due: whether it stands for itself, and so does the next one.
    /// Then [`next`](Self::next) need not be asked: whoever changes the rate abandons the blocks.
    #[inline(always)]
    pub(crate) fn stays_at_one(&self) -> bool {
        self.weight.get() == 1 && !self.stale.load(Relaxed)
    }

    /// Owner only: whether the call that begins now is count-only.
    #[inline(always)]
    pub(crate) fn skips(&self) -> bool {
        let skip = self.skip.load(Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Relaxed);
        }
        skip > 0
    }

    /// Owner only: the weight of the call that begins now. `None` if a block must first
    /// [begin](Self::begin).
    #[inline(always)]
    pub(crate) fn weight(&self) -> Option<u32> {
        let weight = self.weight.get();
        (weight > 0 && !self.stale.load(Relaxed)).then_some(weight)
    }

    /// Owner only, after a measured call began: draws the next position at one in `rate`. False if
    /// nothing had to be drawn.
    #[inline(always)]
    pub(crate) fn next(&self, rate: u32, random: impl FnOnce() -> u64) -> bool {
        // A block of one call is followed by another one, and nothing changes.
        let draws = rate != 1 || self.weight.get() != 1;
        if draws {
            self.draw_next(rate, random);
        }
        draws
    }

    // PERF: it runs once for each block. If it were inlined, it would take registers from every
    // call.
    #[cold]
    #[inline(never)]
    fn draw_next(&self, rate: u32, random: impl FnOnce() -> u64) {
        self.draw(self.rest.get(), rate, random());
    }

    /// Owner only: begins a block with the current call, at one in what `rate` returns (0: never).
    /// Returns the weight of the call, 0 if it is count-only.
    pub(crate) fn begin(&self, rate: impl FnOnce() -> u32, random: u64) -> u32 {
        self.stale.store(false, Relaxed);
        // Of a rate that changes meanwhile, either this thread sees the new one, or the other
        // thread finds this block after it and abandons it: see `rates_changed`.
        fence(SeqCst);
        self.draw(0, rate(), random);
        // This call is counted as it was drawn, also if the block is abandoned meanwhile.
        let weight = match self.skip.load(Relaxed) {
            0 => self.weight.get(),
            skip => {
                self.skip.store(skip - 1, Relaxed);
                0
            }
        };
        // Whoever abandons it sees what was drawn, or this thread sees that.
        fence(SeqCst);
        if self.stale.load(Relaxed) {
            self.skip.store(0, Relaxed);
        }
        weight
    }

    fn draw(&self, rest: u32, rate: u32, random: u64) {
        if rate == 0 {
            self.skip.store(ASK_AGAIN, Relaxed);
            self.rest.set(0);
            self.weight.set(0);
            return;
        }
        // The upper half of (upper half times n): uniform except for a deviation of n / 2³².
        let position = (((random >> 32) * u64::from(rate)) >> 32) as u32;
        self.skip.store(rest + position, Relaxed);
        self.rest.set(rate - 1 - position);
        self.weight.set(rate);
    }

    /// Owner only, after a call began that may be measured: the next one begins a block, too. So
    /// none [stays at one](Self::stays_at_one).
    pub(crate) fn begin_next(&self) {
        if self.weight.get() > 0 {
            self.stale.store(true, Relaxed);
            self.skip.store(0, Relaxed);
        }
    }

    /// From any thread: makes the next call begin a block. After a change of the rate,
    /// [`rates_changed`] comes before.
    pub(crate) fn abandon(&self) {
        self.stale.store(true, Relaxed);
        fence(SeqCst);
        if self.skip.load(Relaxed) == 0 {
            return;
        }
        // The owner may be counting down at this moment and overwrite the 0. That takes some
        // nanoseconds.
        for _ in 0..TRIES {
            self.skip.store(0, Relaxed);
            (0..100).for_each(|_| hint::spin_loop());
            if self.skip.load(Relaxed) == 0 || !self.stale.load(Relaxed) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }
    }

    /// The weight of the next call; 0 if it is count-only.
    fn call(blocks: &Blocks, rate: u32, random: &mut Random) -> u32 {
        if blocks.skips() {
            return 0;
        }
        let weight = blocks.weight().unwrap_or_else(|| blocks.begin(|| rate, random.next()));
        if weight > 0 {
            blocks.next(rate, || random.next());
        }
        weight
    }

    #[test]
    fn one_of_each_block_with_the_blocks_weight() {
        for rate in if cfg!(miri) { [1, 2, 3, 5, 8] } else { [1, 2, 3, 64, 4096] } {
            let (blocks, mut random) = (Blocks::default(), Random(u64::from(rate) + 77));
            for _ in 0..if cfg!(miri) { 3 } else { 200 } {
                let weights: Vec<u32> = (0..rate).map(|_| call(&blocks, rate, &mut random)).collect();
                assert_eq!(weights.iter().sum::<u32>(), rate);
                assert_eq!(weights.iter().filter(|weight| **weight > 0).count(), 1);
            }
        }
    }

    #[test]
    fn every_position_is_as_likely() {
        let (blocks, mut random) = (Blocks::default(), Random(5));
        let mut hits = [0_u32; 16];
        for _ in 0..if cfg!(miri) { 0 } else { 16_000 } {
            for hit in &mut hits {
                *hit += u32::from(call(&blocks, 16, &mut random) > 0);
            }
        }
        // Expected: 1,000 ± 31 each.
        assert!(cfg!(miri) || hits.iter().all(|hit| (850..1150).contains(hit)), "{hits:?}");
    }

    #[test]
    fn never_is_never() {
        let (blocks, mut random) = (Blocks::default(), Random(9));
        assert!((0..if cfg!(miri) { 100 } else { 100_000 }).all(|_| call(&blocks, 0, &mut random) == 0));
    }

    /// The duration of call number `at`.
    type Workload = (&'static str, fn(u32, &mut Random) -> u64);

    const WORKLOADS: [Workload; 4] = [
        ("constant", |_, _| 1_000),
        ("bimodal", |_, random| if random.next() % 10 == 0 { 500_000 } else { 800 }),
        ("periodic with the block", |at, _| if at % 8 == 0 { 90_000 } else { 1_000 }),
        // Pareto, α = 2.
        ("heavy-tailed", |_, random| {
            (1_000.0 / ((random.next() >> 11) as f64 / (1_u64 << 53) as f64).max(1e-9).sqrt()) as u64
        }),
    ];

    #[test]
    #[cfg_attr(miri, ignore = "many calls, and nothing unsafe")]
    fn estimates_are_unbiased() {
        use crate::histogram::{Histogram, Scale};
        const SEEDS: u64 = if cfg!(miri) { 2 } else { 200 };
        const CALLS: u32 = if cfg!(miri) { 256 } else { 4_096 };
        for (name, duration) in WORKLOADS {
            for rate in [8, 64] {
                let (mut counts, mut sums) = (Vec::new(), Vec::new());
                let (mut all_true, mut all_estimated) =
                    (Histogram::new(Scale::Seconds), Histogram::new(Scale::Seconds));
                for seed in 0..SEEDS {
                    let (blocks, mut random) = (Blocks::default(), Random(seed * 2 + 1));
                    let mut values = Random(seed * 7 + 3);
                    let (mut truth, mut estimate) = (Histogram::new(Scale::Seconds), Histogram::new(Scale::Seconds));
                    // Starts within a block, as any window does.
                    (0..seed as u32 % rate).for_each(|_| _ = call(&blocks, rate, &mut random));
                    for at in 0..CALLS {
                        let value = duration(at, &mut values);
                        truth.record(value, 1);
                        estimate.record(value, u64::from(call(&blocks, rate, &mut random)));
                    }
                    counts.push(estimate.count() as f64 - truth.count() as f64);
                    sums.push((estimate.sum() as f64 - truth.sum() as f64) / truth.sum() as f64);
                    all_true.merge(&truth);
                    all_estimated.merge(&estimate);
                }
                for (what, errors) in [("count", &counts), ("sum", &sums)] {
                    let n = errors.len() as f64;
                    let mean = errors.iter().sum::<f64>() / n;
                    let spread = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0);
                    assert!(
                        cfg!(miri) || mean.abs() <= 4.0 * (spread / n).sqrt() + 1e-9,
                        "{name} 1/{rate} {what}: {mean}"
                    );
                }
                for q in [0.5, 0.99] {
                    let (truth, estimate) = (all_true.quantile(q).unwrap(), all_estimated.quantile(q).unwrap());
                    // The tolerance: standard errors of a quantile, as ranks, and one cell.
                    let n = all_true.count() as f64 / f64::from(rate);
                    let apart = 4.0 * (q * (1.0 - q) / n).sqrt();
                    let [low, high] = [q - apart, (q + apart).min(1.0)].map(|q| all_true.quantile(q).unwrap());
                    let fits = cfg!(miri) || (estimate >= low / 1.022 && estimate <= high * 1.022);
                    assert!(fits, "{name} 1/{rate} p{q}: {estimate} for {truth}");
                }
            }
        }
    }

    /// The thread that changes the rate comes between the begin of a block and its position.
    #[test]
    fn a_block_that_is_abandoned_as_it_begins_does_not_bias() {
        let (mut counted, mut random) = (0_u64, Random(5));
        let calls = if cfg!(miri) { 10 } else { 200_000 };
        for _ in 0..calls {
            let blocks = Blocks::default();
            let rate = || {
                blocks.abandon();
                64
            };
            counted += u64::from(blocks.begin(rate, random.next()));
            assert!(blocks.ahead() == 0 && blocks.weight().is_none(), "the next call begins another one");
        }
        let mean = counted as f64 / f64::from(calls);
        assert!(cfg!(miri) || (0.9..1.1).contains(&mean), "{mean}");
    }

    #[test]
    fn changes_and_abandoned_blocks_do_not_bias() {
        // 1,000 runs of 500 calls. The rate changes at every 7th call, and the block is abandoned
        // at every 50th.
        let (mut counted, mut random) = (0_u64, Random(3));
        for _ in 0..if cfg!(miri) { 2 } else { 1_000 } {
            let blocks = Blocks::default();
            for at in 0..500 {
                if at % 50 == 17 {
                    blocks.abandon();
                }
                counted += u64::from(call(&blocks, [1, 64, 8, 100][at / 7 % 4], &mut random));
            }
        }
        let mean = counted as f64 / 500_000.0;
        assert!(cfg!(miri) || (0.97..1.03).contains(&mean), "{mean}");
    }
}
