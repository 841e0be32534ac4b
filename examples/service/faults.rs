//! What the service does wrong if it is asked to, so that alerts, findings and evidence can be
//! seen.

use std::thread;
use std::time::Duration;

use perf_sdk::sync::Mutex;

/// What each leaked answer takes, and all of them at most.
const LEAKED: usize = 16 << 10;
const MOST_LEAKED: usize = 1 << 30;
/// How long the lock is held, and how long the runtime is blocked.
const HELD: Duration = Duration::from_millis(4);
const BLOCKED: Duration = Duration::from_millis(10);

/// The faults of one service.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    leaked: Option<Mutex<Vec<Box<[u8]>>>>,
    lock: Option<Mutex<u64>>,
    blocks: bool,
}

#[perf_sdk::profiled]
impl Faults {
    #[perf_sdk::profiled(skip)]
    pub(crate) fn new(leaks: bool, locks: bool, blocks: bool) -> Self {
        Self { leaked: leaks.then(|| Mutex::new(Vec::new())), lock: locks.then(|| Mutex::new(0)), blocks }
    }

    /// `--leak`: keeps a piece of memory for ever.
    pub(crate) fn remember(&self) {
        if let Some(leaked) = &self.leaked
            && let Ok(mut leaked) = leaked.lock()
            && leaked.len() * LEAKED < MOST_LEAKED
        {
            leaked.push(vec![1; LEAKED].into());
        }
    }

    /// `--lock`: holds a lock for as long as something slow takes.
    pub(crate) fn hold(&self) {
        if let Some(lock) = &self.lock
            && let Ok(mut count) = lock.lock()
        {
            *count += 1;
            thread::sleep(HELD);
        }
    }

    /// `--block-runtime`: waits on a thread of the runtime.
    #[perf_sdk::profiled(skip)]
    pub(crate) fn block(&self) {
        if self.blocks {
            thread::sleep(BLOCKED);
        }
    }
}
