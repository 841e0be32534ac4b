//! Worker threads for computations: they share a bounded queue, and each has a state of its own.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use perf_sdk::Outcome;
// Used like std's. Who waits for the queue, and who makes others wait, is in `/debug/pprof/block`
// and `mutex`.
use perf_sdk::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;
/// A job, and that it waits.
type Queued<S> = (Job<S>, perf_sdk::QueuedTask);

/// The queue is full, and the work was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Dedicated threads, each with a state of its own (a database connection, buffers). A drop ends
/// them after all accepted work is done.
#[derive(Debug)]
pub(crate) struct Workers<S> {
    queue: Arc<Queue<S>>,
    threads: Vec<JoinHandle<()>>,
    /// Who waits, who works, and how well the threads are used.
    watched: perf_sdk::Workers,
}

#[derive(Debug)]
struct Queue<S> {
    waiting: Mutex<Waiting<S>>,
    capacity: usize,
    arrived: Condvar,
    left: Condvar,
}

struct Waiting<S> {
    jobs: VecDeque<Queued<S>>,
    closed: bool,
}

impl<S: 'static> Workers<S> {
    /// Starts one thread for each state.
    pub(crate) fn start(states: Vec<S>, capacity: usize) -> io::Result<Self>
    where
        S: Send,
    {
        let waiting = Mutex::new(Waiting { jobs: VecDeque::with_capacity(capacity.min(1024)), closed: false });
        let queue = Arc::new(Queue { waiting, capacity, arrived: Condvar::new(), left: Condvar::new() });
        let watched = perf_sdk::watch_workers("search", states.len());
        let mut workers = Self { queue, threads: Vec::new(), watched };
        for (number, mut state) in states.into_iter().enumerate() {
            let queue = workers.queue.clone();
            let work = move || {
                while let Some((job, queued)) = queue.next() {
                    run(job, queued, &mut state);
                }
            };
            workers.threads.push(thread::Builder::new().name(format!("worker-{number}")).spawn(work)?);
        }
        Ok(workers)
    }

    /// The number of threads.
    pub(crate) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Passes `work` to a thread, unless the queue is full. The receiver gets the result. If it is
    /// dropped before the work begins, the work is not done. An error there means that the work
    /// panicked.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Full> {
        let (sender, receiver) = oneshot::channel();
        let asked = Instant::now();
        let job = Box::new(move |state: &mut S| {
            let outcome = if sender.is_closed() { Outcome::Cancelled } else { Outcome::Ok };
            // The wait began on one thread and ended on another, so no scope can measure it.
            perf_sdk::record("queue wait", asked.elapsed(), outcome);
            if outcome == Outcome::Ok {
                let _ = sender.send(work(state)); // the receiver no longer waits
            }
        });
        let mut waiting = self.queue.lock();
        if waiting.jobs.len() >= self.queue.capacity {
            return Err(Full);
        }
        waiting.jobs.push_back((job, self.watched.queue()));
        metrics::gauge!("service_queue_depth").set(waiting.jobs.len() as f64);
        drop(waiting);
        self.queue.arrived.notify_one();
        Ok(receiver)
    }

    /// Passes `work` to a thread, and waits while the queue is full.
    pub(crate) fn give(&self, work: impl FnOnce(&mut S) + Send + 'static) {
        let mut waiting = self.queue.lock();
        while waiting.jobs.len() >= self.queue.capacity {
            waiting = self.queue.left.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.jobs.push_back((Box::new(work), self.watched.queue()));
        drop(waiting);
        self.queue.arrived.notify_one();
    }
}

#[perf_sdk::profiled(name = "worker job")]
fn run<S>(job: Job<S>, queued: perf_sdk::QueuedTask, state: &mut S) {
    // A panic affects only this job. The thread and its state continue.
    let _ = catch_unwind(AssertUnwindSafe(|| queued.run(|| job(state))));
}

impl<S> Queue<S> {
    fn lock(&self) -> MutexGuard<'_, Waiting<S>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job. `None` if the queue is closed and empty.
    fn next(&self) -> Option<Queued<S>> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                metrics::gauge!("service_queue_depth").set(waiting.jobs.len() as f64);
                drop(waiting);
                self.left.notify_one();
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl<S> std::fmt::Debug for Waiting<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("jobs", &self.jobs.len()).field("closed", &self.closed).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// Occupies the only thread until the sender is dropped.
    fn block(workers: &Workers<u32>) -> mpsc::Sender<()> {
        let (release, blocked) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        workers.give(move |_| {
            begun.send(()).unwrap();
            let _ = blocked.recv();
        });
        begins.recv().unwrap();
        release
    }

    #[test]
    fn a_full_queue_refuses_and_an_abandoned_question_is_not_worked_on() {
        let workers = Workers::start(vec![7_u32], 1).unwrap();
        let release = block(&workers);
        let worked = Arc::new(AtomicUsize::new(0));
        let counting = worked.clone();
        let abandoned = workers.ask(move |_| counting.fetch_add(1, Ordering::Relaxed)).unwrap();
        assert_eq!(workers.ask(|_| ()).unwrap_err(), Full);
        drop(abandoned);
        drop(release);
        drop(workers);
        assert_eq!(worked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_panic_ends_the_job_and_not_the_thread() {
        let workers = Workers::start(vec![7_u32], 8).unwrap();
        let lost = workers
            .ask(|_| {
                if true {
                    panic!("expected by the test")
                }
            })
            .unwrap();
        let found = workers.ask(|state| *state).unwrap();
        assert!(lost.blocking_recv().is_err());
        assert_eq!(found.blocking_recv(), Ok(7));
    }

    #[test]
    fn the_end_waits_for_what_was_taken() {
        let workers = Workers::start(vec![1_u32, 2], 2).unwrap();
        let worked = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let counting = worked.clone();
            workers.give(move |_| {
                counting.fetch_add(1, Ordering::Relaxed);
            });
        }
        drop(workers);
        assert_eq!(worked.load(Ordering::Relaxed), 100);
    }
}
