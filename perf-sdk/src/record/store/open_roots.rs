//! The calls of roots that run on one thread, and what is recorded of them.

use std::cell::Cell;

use super::ring::{Ended, Finished, Ring};
use super::trail::{Step, Trail, What};
use crate::scope::LabelSet;

/// The maximum number of calls of roots within each other on a thread. Of further ones only their
/// own figures are recorded.
const MOST: usize = 8;

/// A call of a root that runs here.
#[derive(Clone, Copy, Debug)]
struct Open {
    trail: Trail,
    /// Of its frame.
    depth: usize,
    /// The first call in the ring that is not in the trail.
    from: usize,
    /// Whether it is one poll of a future, which owns the trail. The poll has claimed it.
    is_poll: bool,
}

/// The calls of roots that run on this thread, outermost first. Owner only.
#[derive(Debug)]
pub(in crate::record) struct OpenRoots {
    number: Cell<usize>,
    open: [Cell<Option<Open>>; MOST],
}

impl OpenRoots {
    pub(in crate::record) const fn new() -> Self {
        Self { number: Cell::new(0), open: [const { Cell::new(None) }; MOST] }
    }

    /// Whether one runs.
    #[inline(always)]
    pub(in crate::record) fn any(&self) -> bool {
        self.number.get() > 0
    }

    fn each(&self) -> impl Iterator<Item = &Cell<Option<Open>>> {
        self.open[..self.number.get()].iter()
    }

    /// Whether what happens here is recorded in this trail.
    pub(in crate::record) fn has(&self, trail: Trail) -> bool {
        self.trails().any(|open| open == trail)
    }

    fn trails(&self) -> impl Iterator<Item = Trail> {
        self.each().filter_map(|open| Some(open.get()?.trail))
    }

    /// A call, or a poll of one, begins in the frame at `depth`. False if there is no room for it.
    pub(in crate::record) fn open(&self, ring: &Ring, depth: usize, trail: Trail, is_poll: bool) -> bool {
        self.forget_above(depth - 1);
        let number = self.number.get();
        let Some(place) = self.open.get(number) else { return false };
        place.set(Some(Open { trail, depth, from: ring.pending(), is_poll }));
        self.number.set(number + 1);
        true
    }

    /// The one in the frame at `depth` ends. `None` if nothing is recorded of it here.
    pub(in crate::record) fn close(&self, ring: &Ring, depth: usize) -> Option<Trail> {
        self.forget_above(depth);
        let last = self.number.get().checked_sub(1)?;
        let open = self.open[last].get().filter(|open| open.depth == depth)?;
        copy(ring, open);
        self.number.set(last);
        Some(open.trail)
    }

    /// Those in frames above `depth` do not go on.
    pub(in crate::record) fn forget_above(&self, depth: usize) {
        while let Some(last) = self.number.get().checked_sub(1)
            && let Some(open) = self.open[last].get()
            && open.depth > depth
        {
            self.number.set(last);
            if open.is_poll {
                open.trail.unclaim();
            } else {
                open.trail.forget();
            }
        }
    }

    /// The ring is about to be emptied.
    #[cold]
    #[inline(never)]
    pub(in crate::record) fn take(&self, ring: &Ring) {
        for place in self.each() {
            if let Some(open) = place.get() {
                copy(ring, open);
                place.set(Some(Open { from: 0, ..open }));
            }
        }
    }

    pub(in crate::record) fn note(&self, step: &Step) {
        self.trails().for_each(|trail| trail.push(step));
    }

    #[cold]
    #[inline(never)]
    pub(in crate::record) fn note_labels(&self, labels: Option<&'static LabelSet>) {
        self.trails().for_each(|trail| trail.note_labels(labels));
    }

    #[cold]
    #[inline(never)]
    #[cfg(feature = "tracing")]
    pub(in crate::record) fn note_span(&self, words: Option<[u64; 3]>) {
        self.trails().for_each(|trail| trail.note_span(words));
    }
}

/// Adds what ended since to the trail.
fn copy(ring: &Ring, open: Open) {
    for (Ended { node, at, outcome }, Finished { wall, weight, bytes, .. }) in ring.ended_since(open.from) {
        open.trail.push(&Step { what: What::Call { node, outcome, weight, bytes }, end: at, wall });
    }
}
