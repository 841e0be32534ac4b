//! Stacks, and how often they were seen.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scope::Site;

/// The number of a thread without a name.
pub(super) const NO_THREAD: u32 = u32::MAX;

/// Names and values, ordered by name.
pub(crate) type Labels = &'static [(&'static str, &'static str)];

/// One stack of one thread in one scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// An index into the scopes.
    pub(crate) scope: u32,
    /// An index into the names of threads.
    pub(crate) thread: u32,
    /// An index into the labels.
    pub(crate) labels: u32,
    /// Whether outer frames are missing.
    pub(crate) is_cut: bool,
    /// Innermost first.
    pub(crate) frames: Box<[u64]>,
}

impl Key {
    pub(super) fn without_frames(&self) -> Self {
        Self { frames: Box::default(), is_cut: true, ..*self }
    }

    /// The memory that it takes in a table, including free slots.
    pub(super) fn bytes(&self) -> u64 {
        (size_of::<Self>() + 16 + 2 * size_of::<(Arc<Self>, Seen)>() + size_of_val(&*self.frames)) as u64
    }

    /// A key without a scope.
    pub(super) fn nowhere() -> Self {
        Self { scope: 0, thread: NO_THREAD, labels: 0, is_cut: true, frames: Box::default() }
    }
}

/// The sums of one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) samples: u64,
    /// CPU time; in a table of wall time, wall time.
    pub(crate) ns: u64,
    /// The part of wall time that was off the CPU.
    pub(crate) off_ns: u64,
}

/// One sample within a span.
#[derive(Clone, Debug)]
pub(crate) struct InSpan {
    pub(super) serial: u64,
    /// In wall ticks.
    pub(super) at: u64,
    pub(crate) key: Arc<Key>,
    /// The trace, in two words, and the span.
    pub(crate) span: [u64; 3],
    pub(crate) seen: Seen,
}

/// A copy of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) stacks: HashMap<Arc<Key>, Seen>,
    /// Outermost first. The first entry stands for no scope.
    pub(crate) scopes: Vec<Vec<&'static Site>>,
    pub(crate) threads: Vec<String>,
    /// The first entry stands for no labels.
    pub(crate) labels: Vec<Labels>,
    /// The latest samples within spans, oldest first. They are included in `stacks` too.
    pub(crate) in_spans: Vec<InSpan>,
    /// The serial number of the next such sample.
    pub(super) serial: u64,
}

impl Seen {
    pub(super) fn once(ns: u64) -> Self {
        Self { samples: 1, ns, off_ns: 0 }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.samples += more.samples;
        self.ns += more.ns;
        self.off_ns += more.off_ns;
    }

    /// The difference, at least 0.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_sub(other.samples),
            ns: self.ns.saturating_sub(other.ns),
            off_ns: self.off_ns.saturating_sub(other.off_ns),
        }
    }
}

impl Stacks {
    /// The difference to `earlier`, a copy of the same table. Also returns how many samples from
    /// before it lost their frames since.
    pub(super) fn since(mut self, earlier: &Self) -> (Self, u64) {
        let mut moved = 0;
        for (key, before) in &earlier.stacks {
            match self.stacks.get_mut(key) {
                Some(seen) if seen.samples >= before.samples => *seen = seen.less(*before),
                // Its code was unloaded, and maybe loaded again. Its earlier samples are now in the
                // stack without frames.
                _ => {
                    moved += before.samples;
                    let to = key.without_frames();
                    let to = if self.stacks.contains_key(&to) { to } else { Key::nowhere() };
                    if let Some(seen) = self.stacks.get_mut(&to) {
                        *seen = seen.less(*before);
                    }
                }
            }
        }
        self.stacks.retain(|_, seen| seen.samples > 0);
        self.in_spans.retain(|sample| sample.serial >= earlier.serial);
        (self, moved)
    }
}
