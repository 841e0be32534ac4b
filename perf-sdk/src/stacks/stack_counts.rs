//! Stacks that were seen, and how often.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scope::Site;

/// Of a thread without a name.
pub(super) const NO_THREAD: u32 = u32::MAX;

/// Names and values, by name.
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
    /// Frames are missing at the outer end.
    pub(crate) is_cut: bool,
    /// Innermost first.
    pub(crate) frames: Box<[u64]>,
}

impl Key {
    pub(super) fn without_frames(&self) -> Self {
        Self { frames: Box::default(), is_cut: true, ..*self }
    }

    /// With its entry in a table, which keeps some free.
    pub(super) fn bytes(&self) -> u64 {
        (size_of::<Self>() + 16 + 2 * size_of::<(Arc<Self>, Seen)>() + size_of_val(&*self.frames)) as u64
    }

    /// Without even its scope.
    pub(super) fn nowhere() -> Self {
        Self { scope: 0, thread: NO_THREAD, labels: 0, is_cut: true, frames: Box::default() }
    }
}

/// What was seen of one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) samples: u64,
    /// CPU time, or wall time in a table of such.
    pub(crate) ns: u64,
    /// Of wall time: what was off the CPU.
    pub(crate) off_ns: u64,
}

/// One sample within a span.
#[derive(Clone, Debug)]
pub(crate) struct InSpan {
    pub(super) serial: u64,
    pub(crate) key: Arc<Key>,
    /// The trace in two words, and the span.
    pub(crate) span: [u64; 3],
    pub(crate) seen: Seen,
}

/// A copy of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) stacks: HashMap<Arc<Key>, Seen>,
    /// Outermost first; the first one is that of no scope.
    pub(crate) scopes: Vec<Vec<&'static Site>>,
    pub(crate) threads: Vec<String>,
    /// The first ones are none.
    pub(crate) labels: Vec<Labels>,
    /// The newest samples within spans, oldest first. They are in `stacks` too.
    pub(crate) in_spans: Vec<InSpan>,
    /// Of the next such sample.
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

    /// Never below 0.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_sub(other.samples),
            ns: self.ns.saturating_sub(other.ns),
            off_ns: self.off_ns.saturating_sub(other.off_ns),
        }
    }
}

impl Stacks {
    /// What came since `earlier`, a copy of the same table; and how many samples from before it
    /// lost their frames since.
    pub(super) fn since(mut self, earlier: &Self) -> (Self, u64) {
        let mut moved = 0;
        for (key, before) in &earlier.stacks {
            match self.stacks.get_mut(key) {
                Some(seen) if seen.samples >= before.samples => *seen = seen.less(*before),
                // Its code was unloaded, and perhaps loaded again: what it had is with the stack
                // that has no frames.
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
