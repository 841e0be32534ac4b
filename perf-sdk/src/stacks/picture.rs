//! All results of the sampler at one moment.

use super::engine::Engine;
use super::image::Image;
use super::stack_counts::Stacks;
use super::totals::{Totals, WallTotals};

/// All results at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The serial number of the sampler.
    pub(crate) serial: u64,
    pub(crate) engine: Engine,
    pub(crate) hz: u32,
    pub(crate) totals: Totals,
    pub(crate) stacks: Stacks,
    /// Sorted by address. Unloaded images are not included.
    pub(crate) images: Vec<Image>,
}

/// Wall time at one moment.
#[derive(Clone, Debug)]
pub(crate) struct WallPicture {
    /// In wall ticks.
    pub(crate) at: u64,
    pub(crate) totals: WallTotals,
    pub(crate) stacks: Stacks,
    pub(crate) images: Vec<Image>,
}

impl WallPicture {
    /// The difference to an earlier one.
    pub(crate) fn since(self, before: &Self) -> Self {
        let (now, before_it) = (self.totals, before.totals);
        Self {
            at: self.at.saturating_sub(before.at),
            totals: WallTotals {
                unasked_ns: now.unasked_ns.saturating_sub(before_it.unasked_ns),
                lost_ns: now.lost_ns.saturating_sub(before_it.lost_ns),
                ..now
            },
            stacks: self.stacks.since(&before.stacks).0,
            images: self.images,
        }
    }
}

impl Picture {
    /// The difference to an earlier one; without one, everything since the start.
    pub(crate) fn since(mut self, before: Option<&Self>) -> Self {
        // A result of another sampler is not comparable.
        if let Some(before) = before.filter(|before| before.serial == self.serial) {
            let moved;
            (self.stacks, moved) = self.stacks.since(&before.stacks);
            self.totals = self.totals.since(&before.totals);
            self.totals.folded = self.totals.folded.saturating_sub(moved);
        }
        self
    }
}
