//! All that the sampler has found, at one moment.

use super::engine::Engine;
use super::image::Image;
use super::stack_counts::Stacks;
use super::totals::{Totals, WallTotals};

/// Everything at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Of the sampler.
    pub(crate) serial: u64,
    pub(crate) engine: Engine,
    pub(crate) hz: u32,
    pub(crate) totals: Totals,
    pub(crate) stacks: Stacks,
    /// Sorted by address; those that were unloaded are not there any more.
    pub(crate) images: Vec<Image>,
}

/// Wall time at one moment.
#[derive(Clone, Debug)]
pub(crate) struct WallPicture {
    /// Wall ticks.
    pub(crate) at: u64,
    pub(crate) totals: WallTotals,
    pub(crate) stacks: Stacks,
    pub(crate) images: Vec<Image>,
}

impl WallPicture {
    /// What came since an earlier one.
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
    /// What came since an earlier one; since the start without one.
    pub(crate) fn since(mut self, before: Option<&Self>) -> Self {
        // One of another sampler's says nothing of this one's.
        if let Some(before) = before.filter(|before| before.serial == self.serial) {
            let moved;
            (self.stacks, moved) = self.stacks.since(&before.stacks);
            self.totals = self.totals.since(&before.totals);
            self.totals.folded = self.totals.folded.saturating_sub(moved);
        }
        self
    }
}
