//! Threads of the profiler's own.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::mpsc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::base::os_thread::OsThread;

/// What the ends of threads are waited for at most: one may be in a callback of the program's,
/// which may wait for whoever ends the profiler.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Which [`Background`] this thread is, by the address of what stops it; 0: none. Const and
    /// without a destructor: readable while the thread is torn down, when the standard library does
    /// not tell the thread's name and number any more.
    static THIS: Cell<usize> = const { Cell::new(0) };
}

/// A thread that ends when this drops. That is waited for, but not for long, and not on the thread
/// itself.
#[derive(Debug)]
pub(crate) struct Background {
    stopped: Arc<AtomicBool>,
    /// Whom to unpark.
    thread: Thread,
    system: Option<OsThread>,
}

/// What a thread waits by.
#[derive(Debug)]
pub(crate) struct Pauses(Arc<AtomicBool>);

impl Pauses {
    /// Waits; `false`: the thread is to end, at once.
    pub(crate) fn wait(&self, pause: Duration) -> bool {
        let start = Instant::now();
        while !self.0.load(Acquire) {
            let left = pause.saturating_sub(start.elapsed());
            if left.is_zero() {
                return true;
            }
            thread::park_timeout(left);
        }
        false
    }

    /// Whether the thread is to end.
    #[cfg(feature = "push")]
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Acquire)
    }

    /// As [`wait`](Self::wait), or until somebody unparks the thread.
    #[cfg(feature = "stacks")]
    pub(crate) fn wait_or_call(&self, pause: Duration) -> bool {
        if !self.0.load(Acquire) {
            thread::park_timeout(pause);
        }
        !self.0.load(Acquire)
    }
}

impl Background {
    /// Runs `run` on a thread of that name, which has begun when this returns: from then on it
    /// needs no memory to be one.
    pub(crate) fn start(name: &str, run: impl FnOnce(&Pauses) + Send + 'static) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let pauses = Pauses(Arc::clone(&stopped));
        let (begun, begins) = mpsc::sync_channel(1);
        let system = OsThread::spawn(name, move || {
            THIS.set(Arc::as_ptr(&pauses.0).addr());
            let _ = begun.send(thread::current());
            run(&pauses);
        })?;
        let thread = begins.recv().map_err(|_| io::Error::other("the thread ended at once"))?;
        Ok(Self { stopped, thread, system: Some(system) })
    }

    /// Whom to unpark.
    #[cfg(feature = "stacks")]
    pub(crate) fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Ends the thread, and waits for that so long at most: one that hangs is left alone.
    #[cfg(feature = "push")]
    pub(crate) fn end_within(mut self, time: Duration) {
        self.end(time);
    }

    /// Ends the thread, and waits for that until then at most.
    pub(crate) fn end_by(mut self, end: Instant) {
        self.end(end.saturating_duration_since(Instant::now()));
    }

    /// Tells the thread to end, without waiting for it.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Release);
        self.thread.unpark();
    }

    fn end(&mut self, time: Duration) {
        /// Between two looks: the first, and any.
        const LOOKS: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(2)];
        self.stop();
        let Some(system) = self.system.take() else { return };
        if THIS.get() == Arc::as_ptr(&self.stopped).addr() {
            return;
        }
        let (start, mut look) = (Instant::now(), LOOKS[0]);
        while !system.is_finished() && start.elapsed() < time {
            thread::sleep(look);
            look = LOOKS[1].min(look * 2);
        }
        if system.is_finished() {
            system.join();
        }
    }

    /// In a forked child, where the thread is not.
    pub(crate) fn forget(self) {
        // Nor is there anybody to unpark: what a parker lies on may not be there.
        std::mem::forget(self);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.end(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn it_may_be_dropped_on_its_own_thread() {
        let (give, take) = std::sync::mpsc::channel::<Background>();
        let (say, hear) = std::sync::mpsc::channel();
        let background = Background::start("perf-sdk-test", move |pauses| {
            drop(take.recv());
            // It is told to end, and does.
            let _ = say.send(pauses.wait(Duration::MAX));
        });
        assert!(give.send(background.unwrap()).is_ok());
        assert_eq!(hear.recv(), Ok(false));
    }

    #[test]
    fn those_that_hang_are_waited_for_together() {
        let hanging = || {
            let (over, hung) = std::sync::mpsc::channel::<()>();
            let thread = Background::start("perf-sdk-test", move |_| {
                let _ = hung.recv();
            });
            (over, thread.unwrap())
        };
        let (overs, threads): (Vec<_>, Vec<_>) = (0..3).map(|_| hanging()).unzip();
        // There is no time left for any: who waited for the usual time would wait for ever.
        let end = Instant::now();
        threads.into_iter().for_each(|thread| thread.end_by(end));
        assert_eq!(overs.len(), 3);
    }

    #[cfg(feature = "push")]
    #[test]
    fn one_that_hangs_is_not_waited_for() {
        let (over, hung) = std::sync::mpsc::channel::<()>();
        let background = Background::start("perf-sdk-test", move |_| {
            let _ = hung.recv();
        })
        .unwrap();
        let start = Instant::now();
        // Who waited for it would wait for ever.
        background.end_within(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
        drop(over);
        let background = Background::start("perf-sdk-test", |pauses| while pauses.wait(Duration::MAX) {}).unwrap();
        // Who waited for all of that time would wait for ever.
        background.end_within(Duration::MAX);
    }
}
