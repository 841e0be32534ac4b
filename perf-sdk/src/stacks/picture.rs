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
    pub(crate) totals: WallTotals,
    pub(crate) stacks: Stacks,
    pub(crate) images: Vec<Image>,
}

impl WallPicture {
    /// The time since an earlier one, in nanoseconds: what a thread has in it that was there all
    /// the while.
    pub(crate) fn ns_since(&self, before: &Self) -> u64 {
        let before = before.totals;
        // What threads had not answered for is in the answers that came later.
        let began = before.evaluated_ns.saturating_sub(before.pending_ns.checked_div(before.threads).unwrap_or(0));
        self.totals.evaluated_ns.saturating_sub(began)
    }

    /// The difference to an earlier one.
    pub(crate) fn since(self, before: &Self) -> Self {
        let (now, before_it) = (self.totals, before.totals);
        Self {
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

#[cfg(test)]
mod tests {
    use super::super::stack_counts::Stacks;
    use super::*;

    #[test]
    fn a_window_is_as_long_as_the_time_of_a_thread_in_it() {
        let at = |evaluated_ns, pending_ns| WallPicture {
            totals: WallTotals { evaluated_ns, pending_ns, threads: 2, ..WallTotals::default() },
            stacks: Stacks::default(),
            images: Vec::new(),
        };
        // Both answer for 50 from before the window, and have 100 left at the end, which are said.
        assert_eq!(at(1_000, 200).ns_since(&at(400, 100)), 650);
        assert_eq!(at(1_000, 0).ns_since(&at(400, 0)), 600);
        assert_eq!(at(7, 0).ns_since(&at(400, 0)), 0);
    }
}
