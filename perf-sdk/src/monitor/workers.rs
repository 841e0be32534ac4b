//! Pools of worker threads, whose tasks report themselves.

mod monitor;
mod pools;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

pub(super) use monitor::{ALL, WorkersMonitor};
use pools::Pool;

/// Watches a pool of worker threads: rayon's, or one of your own. Its figures are in scrapes and
/// snapshots, with the label `workers`, until the last clone of the result drops:
///
/// | name | what it is |
/// |---|---|
/// | `workers_threads` | `workers`, as it was given here |
/// | `workers_active`, `workers_active_peak` | tasks that run, and the high-water mark |
/// | `workers_queued` | tasks that wait |
/// | `workers_completed_total`, `workers_failed_total` | tasks that ended |
/// | `workers_cpu_seconds_total` | CPU time of the threads that ran tasks, since the first one |
/// | `workers_parallel_efficiency_ratio` | CPU time ÷ (time that passed × `workers`) |
///
/// ```
/// let pool = perf_sdk::watch_workers("resize", 2);
/// std::thread::scope(|scope| {
///     for part in [1, 2] {
///         let queued = pool.queue();
///         scope.spawn(move || queued.run(|| part * part));
///     }
/// });
/// assert_eq!(pool.run(|| 7), 7); // a task that did not wait
/// ```
///
/// If a pool of this name is watched already, this one is called `name-2`.
///
/// **Units.** The efficiency is that of the time between two readings, of one second or more. It is
/// absent if no task ran in that time: an idle pool is not an inefficient one. It exceeds 1 if more
/// threads run tasks than were given here.
///
/// **Cost.** Three atomic additions a task: 37 to 55 ns in a test build, beside builds that took
/// both cores. For one that was queued, four more: 80 to 98 ns. The first task of a thread takes a
/// lock and two system calls. The profiler reads the CPU clock of each thread at its interval.
///
/// **Blind spots.** CPU time is that of whole threads, from their first task of the pool on, with
/// what they do between tasks, and on Linux only. Of a thread that runs tasks of two pools, it
/// counts in both. A forked child does not show the pools of its parent. Of pools, 64 are shown.
pub fn watch_workers(name: &str, workers: usize) -> Workers {
    Workers { pool: pools::watch(name, workers) }
}

/// A pool that [`watch_workers`] watches. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct Workers {
    pool: Arc<Pool>,
}

impl Workers {
    /// Runs a task that did not wait. A panic counts as a failure, and goes on.
    pub fn run<R>(&self, task: impl FnOnce() -> R) -> R {
        let _running = self.begin();
        task()
    }

    /// Runs a task that did not wait. An error counts as a failure, and so does a panic.
    ///
    /// # Errors
    /// That of the task.
    pub fn try_run<T, E>(&self, task: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.begin().judge(task)
    }

    /// Begins a task that did not wait, on this thread. It ends when the result drops.
    pub fn begin(&self) -> RunningTask<'_> {
        RunningTask::begin(Shared::Borrowed(&self.pool))
    }

    /// Counts a task as waiting, until it begins or the result drops.
    pub fn queue(&self) -> QueuedTask {
        self.pool.queued();
        QueuedTask { pool: Some(Arc::clone(&self.pool)) }
    }
}

/// A task that waits in the queue of a pool: see [`Workers::queue`]. It goes with the task, to the
/// thread that runs it. If it drops before, the task was not run, and is not counted.
#[derive(Debug)]
#[must_use = "the task waits until this drops"]
pub struct QueuedTask {
    /// Until it begins.
    pool: Option<Arc<Pool>>,
}

impl QueuedTask {
    /// Runs the task. A panic counts as a failure, and goes on.
    pub fn run<R>(self, task: impl FnOnce() -> R) -> R {
        let _running = self.begin();
        task()
    }

    /// Runs the task. An error counts as a failure, and so does a panic.
    ///
    /// # Errors
    /// That of the task.
    pub fn try_run<T, E>(self, task: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.begin().judge(task)
    }

    /// Begins the task, on this thread. It ends when the result drops.
    pub fn begin(mut self) -> RunningTask<'static> {
        let pool = self.pool.take().expect("it is there until here");
        pool.unqueued();
        RunningTask::begin(Shared::Owned(pool))
    }
}

impl Drop for QueuedTask {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.unqueued();
        }
    }
}

/// A task that runs. It ends when this drops: completed, or failed if the thread panics.
#[derive(Debug)]
#[must_use = "the task ends when this drops"]
pub struct RunningTask<'a> {
    pool: Shared<'a>,
    has_failed: bool,
    /// It may run in a destructor during a panic, which is not its own.
    was_panicking: bool,
    /// It ends on the thread on which it began.
    of_thread: PhantomData<*const ()>,
}

impl<'a> RunningTask<'a> {
    fn begin(pool: Shared<'a>) -> Self {
        pool.begin();
        Self { pool, has_failed: false, was_panicking: thread::panicking(), of_thread: PhantomData }
    }

    /// Ends the task as failed.
    pub fn fail(mut self) {
        self.has_failed = true;
    }

    fn judge<T, E>(mut self, task: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = task();
        self.has_failed = result.is_err();
        result
    }
}

impl Drop for RunningTask<'_> {
    fn drop(&mut self) {
        self.pool.end(self.has_failed || (thread::panicking() && !self.was_panicking));
    }
}

/// A pool, without a count of its references where its handle lives longer.
#[derive(Debug)]
enum Shared<'a> {
    Borrowed(&'a Pool),
    Owned(Arc<Pool>),
}

impl Deref for Shared<'_> {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        match self {
            Self::Borrowed(pool) => pool,
            Self::Owned(pool) => pool,
        }
    }
}
