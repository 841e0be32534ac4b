//! Code that was unloaded: what was allocated there before says nothing of what is loaded there
//! since.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::base::fork::Lock;

/// Ranges that are remembered, the newest ones.
const MOST: usize = 1 << 10;

/// How often code was unloaded.
static TIMES: AtomicU32 = AtomicU32::new(0);
static RANGES: Lock<Vec<Gone>> = Lock::new(Vec::new());

#[derive(Clone, Debug)]
struct Gone {
    code: Range<u64>,
    /// Of [`TIMES`], from then on.
    since: u32,
}

/// Code was found to be unloaded.
pub(crate) fn note_unloaded(code: &Range<u64>) {
    let mut ranges = RANGES.lock();
    // Plugins come and go at one place.
    ranges.retain(|gone| gone.code != *code);
    if ranges.len() == MOST {
        ranges.remove(0);
    }
    ranges.push(Gone { code: code.clone(), since: TIMES.fetch_add(1, Relaxed) + 1 });
}

/// For a stack that is seen now. Any thread, at any time.
pub(super) fn now() -> u32 {
    TIMES.load(Relaxed)
}

/// What was unloaded so far.
pub(super) struct Unloaded(Vec<Gone>);

impl Unloaded {
    pub(super) fn so_far() -> Self {
        Self(RANGES.lock().clone())
    }

    /// Whether one of the frames was in code that is gone, of a stack seen [then](now).
    pub(super) fn holds_any(&self, frames: &[u64], then: u32) -> bool {
        let mut later = self.0.iter().filter(|gone| gone.since > then);
        later.any(|gone| frames.iter().any(|frame| gone.code.contains(frame)))
    }
}
