//! Threads of the profiler's own.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::signals;

/// A thread that ends when this drops.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a thread waits by.
#[derive(Debug)]
pub(crate) struct Pauses(Receiver<()>);

impl Pauses {
    /// Waits; `false`: the thread is to end, at once.
    pub(crate) fn wait(&self, pause: Duration) -> bool {
        self.0.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
    }
}

impl Background {
    /// Runs `run` on a thread of that name, without signals: these are for the program's own threads.
    pub(crate) fn start(name: &str, run: impl FnOnce(&Pauses) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            signals::block_all();
            run(&Pauses(stopped));
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// In a forked child, where the thread is not.
    pub(crate) fn forget(mut self) {
        std::mem::forget(self.thread.take());
        std::mem::forget(self.stop.take());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[test]
    fn it_ends_when_it_is_dropped_however_long_it_would_wait() {
        let turns = Arc::new(AtomicU32::new(0));
        let counted = turns.clone();
        let background = Background::start("perf-sdk-test", move |pauses| {
            while pauses.wait(if counted.fetch_add(1, Relaxed) < 3 { Duration::ZERO } else { Duration::MAX }) {}
            counted.fetch_add(100, Relaxed);
        });
        while turns.load(Relaxed) < 4 {
            thread::yield_now();
        }
        drop(background.unwrap());
        assert_eq!(turns.load(Relaxed), 104);
    }
}
