//! Background threads of the profiler.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::mpsc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::base::os_thread::OsThread;

/// The maximum time to wait for the end of threads. A thread may be in a callback of the program,
/// which may itself wait for the profiler's end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Identifies the [`Background`] of this thread by the address of its stop flag; 0: none. Const
    /// and without a destructor, so it is readable while the thread is torn down, when the standard
    /// library no longer knows the thread's name and id.
    static THIS: Cell<usize> = const { Cell::new(0) };
}

/// A thread that is ended when this drops. The drop waits for it, but only for a limited time, and
/// not if it runs on that thread.
#[derive(Debug)]
pub(crate) struct Background {
    stopped: Arc<AtomicBool>,
    /// The thread to unpark.
    thread: Thread,
    system: Option<OsThread>,
}

/// The thread's side, by which it pauses.
#[derive(Debug)]
pub(crate) struct Pauses(Arc<AtomicBool>);

impl Pauses {
    /// Waits. `false` if the thread must end; then it returns at once.
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

    /// Whether the thread must end.
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Acquire)
    }

    /// As [`wait`](Self::wait), but also returns when the thread is unparked.
    pub(crate) fn wait_or_call(&self, pause: Duration) -> bool {
        if !self.0.load(Acquire) {
            thread::park_timeout(pause);
        }
        !self.0.load(Acquire)
    }
}

impl Background {
    /// Runs `run` on a thread with this name. The thread has begun when this returns, so it needs
    /// no further memory to start.
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

    /// The thread to unpark.
    pub(crate) fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Ends the thread, and waits for at most `time`. A thread that hangs is left running.
    #[cfg(feature = "push")]
    pub(crate) fn end_within(mut self, time: Duration) {
        self.end(time);
    }

    /// Ends the thread, and waits until `end` at most.
    pub(crate) fn end_by(mut self, end: Instant) {
        self.end(end.saturating_duration_since(Instant::now()));
    }

    /// Signals the thread to end, without waiting.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Release);
        self.thread.unpark();
    }

    fn end(&mut self, time: Duration) {
        /// The intervals between two checks: the first one, and the maximum.
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

    /// Called in a forked child, where the thread does not exist.
    pub(crate) fn forget(self) {
        // Nor is it unparked, because the memory of its parker may not exist in the child.
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
    fn a_drop_ends_a_thread_in_a_long_wait() {
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
    fn a_thread_may_drop_its_own_background() {
        let (give, take) = std::sync::mpsc::channel::<Background>();
        let (say, hear) = std::sync::mpsc::channel();
        let background = Background::start("perf-sdk-test", move |pauses| {
            drop(take.recv());
            // It is told to end, and ends.
            let _ = say.send(pauses.wait(Duration::MAX));
        });
        assert!(give.send(background.unwrap()).is_ok());
        assert_eq!(hear.recv(), Ok(false));
    }

    #[test]
    fn one_deadline_applies_to_all_threads_that_hang() {
        let hanging = || {
            let (over, hung) = std::sync::mpsc::channel::<()>();
            let thread = Background::start("perf-sdk-test", move |_| {
                let _ = hung.recv();
            });
            (over, thread.unwrap())
        };
        let (overs, threads): (Vec<_>, Vec<_>) = (0..3).map(|_| hanging()).unzip();
        // The deadline has passed, so a wait for the usual time would hang the test.
        let end = Instant::now();
        threads.into_iter().for_each(|thread| thread.end_by(end));
        assert_eq!(overs.len(), 3);
    }

    #[cfg(feature = "push")]
    #[test]
    fn a_thread_that_hangs_is_left_running() {
        let (over, hung) = std::sync::mpsc::channel::<()>();
        let background = Background::start("perf-sdk-test", move |_| {
            let _ = hung.recv();
        })
        .unwrap();
        let start = Instant::now();
        // An unlimited wait would hang the test.
        background.end_within(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
        drop(over);
        let background = Background::start("perf-sdk-test", |pauses| while pauses.wait(Duration::MAX) {}).unwrap();
        // A wait for the whole time would hang the test.
        background.end_within(Duration::MAX);
    }
}
