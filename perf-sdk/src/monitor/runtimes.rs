//! tokio runtimes.

mod figures;
#[cfg(test)]
mod tests;
#[cfg(tokio_unstable)]
mod unstable;
mod watched;

use tokio::runtime::Handle;

pub(super) use figures::ALL;
use figures::{ALIVE_TASKS, BUSY, BUSY_RATIO, GLOBAL_QUEUE_DEPTH, PARKS, WORKERS, push_of_workers};
use watched::Watched;

use crate::reading::{Producer, Sheet};

/// Watches a tokio runtime until it is shut down. Its figures are in scrapes and snapshots, with
/// the label `runtime`:
///
/// | name | what it is |
/// |---|---|
/// | `tokio_workers` | worker threads |
/// | `tokio_alive_tasks` | tasks that were spawned and have not ended |
/// | `tokio_global_queue_depth` | tasks that wait in the queue of all workers |
/// | `tokio_worker_busy_seconds_total` | time for which a worker was not parked; label `worker` |
/// | `tokio_worker_parks_total` | how often a worker parked; label `worker` |
/// | `tokio_busy_ratio` | busy time ÷ (time that passed × workers), between two readings |
///
/// A program that was built with `--cfg tokio_unstable` has more: blocking threads and their queue,
/// steals, polls and local queues of workers, yields that the budget forced, and the histogram of
/// poll times if the runtime's builder enabled it.
///
/// ```
/// let runtime = tokio::runtime::Runtime::new()?;
/// perf_sdk::watch_runtime("main", runtime.handle());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// In a function of `#[tokio::main]`, give it `&tokio::runtime::Handle::current()`. Watch each
/// runtime once. If one of this name is watched already, this one is called `name-2`.
///
/// **How the end is noticed.** A handle keeps what the threads of a runtime share, with some file
/// descriptors, after the runtime was shut down. So a task that never ends waits in the runtime:
/// the shutdown drops it, and then the handle is dropped as well. `tokio_alive_tasks` does not
/// count this task.
///
/// **Cost.** One task that is polled once. A reading takes some atomic loads for each worker.
///
/// **Blind spots.** tokio counts a poll when it ends: one that takes long makes the ratio too low,
/// and then exceed 1. Of the workers, 64 have a series of their own, and the others one together. A
/// forked child does not show the runtimes of its parent. Of runtimes, 64 are shown.
pub fn watch_runtime(name: &str, handle: &Handle) {
    watched::watch(name, handle);
}

/// Reads the runtimes.
#[derive(Debug)]
pub(super) struct RuntimesMonitor;

impl Producer for RuntimesMonitor {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        watched::for_each(|watched| read(watched, into));
    }
}

fn read(watched: &mut Watched, into: &mut Sheet) {
    let metrics = watched.handle.metrics();
    let workers = metrics.num_workers();
    let Watched { labels, worker_labels, .. } = watched;
    into.push_of(&WORKERS, labels, workers as f64);
    // Without the one by which the end is noticed.
    into.push_of(&ALIVE_TASKS, labels, metrics.num_alive_tasks().saturating_sub(1) as f64);
    into.push_of(&GLOBAL_QUEUE_DEPTH, labels, metrics.global_queue_depth() as f64);
    let busy = |worker| metrics.worker_total_busy_duration(worker).as_secs_f64();
    push_of_workers(&BUSY, worker_labels, workers, busy, into);
    let parks = |worker| metrics.worker_park_count(worker) as f64;
    push_of_workers(&PARKS, worker_labels, workers, parks, into);
    let busy_seconds = (0..workers).map(busy).sum();
    if let Some(ratio) = watched.busy_ratio(busy_seconds, workers) {
        into.push_of(&BUSY_RATIO, &watched.labels, ratio);
    }
    #[cfg(tokio_unstable)]
    unstable::read(&metrics, &watched.labels, &watched.worker_labels, &watched.polls, into);
    #[cfg(not(tokio_unstable))]
    into.absent("tokio's unstable figures", "the program was built without --cfg tokio_unstable");
}
