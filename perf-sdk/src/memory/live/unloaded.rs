//! Address ranges of unloaded code. A stack that was recorded there must not be read as code that
//! was loaded at the same address later.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::base::fork::Lock;

/// The number of ranges that are remembered, the newest ones.
const MOST: usize = 1 << 10;

/// How often code was unloaded.
static TIMES: AtomicU32 = AtomicU32::new(0);
static RANGES: Lock<Vec<Gone>> = Lock::new(Vec::new());

#[derive(Clone, Debug)]
struct Gone {
    code: Range<u64>,
    /// The value of [`TIMES`] from then on.
    since: u32,
}

/// Called when code was found to be unloaded.
pub(crate) fn note_unloaded(code: &Range<u64>) {
    let mut ranges = RANGES.lock();
    // A plugin may be loaded and unloaded repeatedly at the same address.
    ranges.retain(|gone| gone.code != *code);
    if ranges.len() == MOST {
        ranges.remove(0);
    }
    ranges.push(Gone { code: code.clone(), since: TIMES.fetch_add(1, Relaxed) + 1 });
}

/// The time stamp for a stack that is recorded now. May be called on any thread at any time.
pub(super) fn now() -> u32 {
    TIMES.load(Relaxed)
}

/// The ranges that were unloaded so far.
pub(super) struct Unloaded(Vec<Gone>);

impl Unloaded {
    pub(super) fn so_far() -> Self {
        Self(RANGES.lock().clone())
    }

    /// Whether one of the frames of a stack recorded at [`then`](now) was in code that is unloaded.
    pub(super) fn holds_any(&self, frames: &[u64], then: u32) -> bool {
        let mut later = self.0.iter().filter(|gone| gone.since > then);
        later.any(|gone| frames.iter().any(|frame| gone.code.contains(frame)))
    }
}
