//! Statistics of one node's calls that stand for others: how many these are, and their variance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::counter::Counter;

/// Sums over measured calls whose CPU time has a weight w other than 1. Each is x ticks long.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Spread {
    /// The number of these calls.
    pub(crate) calls: Counter,
    /// The number of those with a known CPU time: w is not 0.
    pub(crate) picked: Counter,
    /// Σ w.
    pub(crate) stand_for: Counter,
    /// Σ w x.
    pub(crate) cpu: Counter,
    /// Σ w (w − 1) xⁿ for n = 0, 1, 2.
    pub(crate) moments: [Real; 3],
}

/// A number that one thread writes and any thread reads.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Real(AtomicU64);

impl Real {
    /// Owner only.
    fn add(&self, x: f64) {
        self.0.store((self.get() + x).to_bits(), Relaxed);
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

impl Spread {
    /// Owner only: adds a part of a call.
    #[inline]
    pub(in crate::record) fn add_part(&self, ticks: i64, weight: u32) {
        self.cpu.add_signed(ticks, weight);
    }

    /// Owner only: counts the whole call, whose parts were added.
    #[inline]
    pub(in crate::record) fn count(&self, ticks: i64, weight: u32) {
        self.calls.add(1);
        if weight == 0 {
            return;
        }
        self.picked.add(1);
        self.stand_for.add(u64::from(weight));
        let (w, x) = (f64::from(weight), ticks as f64);
        let mut moment = w * (w - 1.0);
        for sum in &self.moments {
            sum.add(moment);
            moment *= x;
        }
    }
}
