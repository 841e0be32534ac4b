//! The thread on which the budget is kept.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::record::{Governor, OwnThread};
use crate::signals;

/// Between two looks; shorter at first, when nothing is known of the load.
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
const FIRST_LOOKS: u32 = 8;
/// A look may take this part of the time until the next.
const LOOK_SHARE: u32 = 1_000;

#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps recording within `share` of the process's CPU time until it drops.
    pub(crate) fn start(share: f64) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("perf-sdk-budget".to_owned()).spawn(move || {
            signals::block_all();
            let _own = OwnThread::enter();
            let mut governor = Governor::new(share);
            for look in 0_u32.. {
                let mut pause = if look < FIRST_LOOKS { FIRST_INTERVAL } else { INTERVAL };
                if look > 0 {
                    let start = std::time::Instant::now();
                    governor.look();
                    pause = pause.max(start.elapsed() * LOOK_SHARE);
                }
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// In a forked child, where the thread is not.
    pub(crate) fn forget(mut self) {
        std::mem::forget(self.thread.take());
        std::mem::forget(self.stop.take());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
