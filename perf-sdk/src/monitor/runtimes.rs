//! tokio runtimes.

mod watched;

#[cfg(test)]
mod tests;
#[cfg(tokio_unstable)]
mod unstable;

use tokio::runtime::Handle;

use watched::Watched;

use crate::reading::{Description, Labels, Producer, Sheet, Unit};

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
/// the shutdown drops it, and then the handle is dropped as well. `tokio_alive_tasks` does not count
/// this task.
///
/// **Cost.** One task that is polled once. A reading takes some atomic loads for each worker.
///
/// **Blind spots.** tokio counts a poll when it ends: one that takes long makes the ratio too low,
/// and then exceed 1. Of the workers, 64 have a series of their own, and the others one together. A
/// forked child does not show the runtimes of its parent. Of runtimes, 64 are shown.
pub fn watch_runtime(name: &str, handle: &Handle) {
    watched::watch(name, handle);
}

static WORKERS: Description = Description::gauge("tokio_workers", Unit::Count, "Worker threads of a tokio runtime.");
static ALIVE_TASKS: Description =
    Description::gauge("tokio_alive_tasks", Unit::Count, "Tasks of a tokio runtime that have not ended.");
static GLOBAL_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_global_queue_depth",
    Unit::Count,
    "Tasks that wait in the queue of all workers of a tokio runtime.",
);
static BUSY: Description = Description::counter(
    "tokio_worker_busy_seconds_total",
    Unit::Seconds,
    "Time for which a worker of a tokio runtime was not parked.",
);
static PARKS: Description =
    Description::counter("tokio_worker_parks_total", Unit::Count, "How often a worker of a tokio runtime parked.");
static BUSY_RATIO: Description = Description::gauge(
    "tokio_busy_ratio",
    Unit::Ratio,
    "Busy time of a tokio runtime ÷ (time that passed × workers), between two readings.",
);

static BLOCKING_THREADS: Description = Description::gauge(
    "tokio_blocking_threads",
    Unit::Count,
    "Threads of a tokio runtime for blocking calls. With tokio_unstable only.",
);
static IDLE_BLOCKING_THREADS: Description = Description::gauge(
    "tokio_idle_blocking_threads",
    Unit::Count,
    "Those of tokio_blocking_threads that wait for work. With tokio_unstable only.",
);
static BLOCKING_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_blocking_queue_depth",
    Unit::Count,
    "Blocking calls that wait for a thread of a tokio runtime. With tokio_unstable only.",
);
static SPAWNED_TASKS: Description = Description::counter(
    "tokio_spawned_tasks_total",
    Unit::Count,
    "Tasks that were spawned on a tokio runtime. With tokio_unstable only.",
);
static REMOTE_SCHEDULES: Description = Description::counter(
    "tokio_remote_schedules_total",
    Unit::Count,
    "Tasks that were scheduled from outside of a tokio runtime. With tokio_unstable only.",
);
static FORCED_YIELDS: Description = Description::counter(
    "tokio_budget_forced_yields_total",
    Unit::Count,
    "Tasks that tokio made yield because their budget was used up. With tokio_unstable only.",
);
static STEALS: Description = Description::counter(
    "tokio_worker_steals_total",
    Unit::Count,
    "Tasks that a worker of a tokio runtime stole from others. With tokio_unstable only.",
);
static LOCAL_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_worker_local_queue_depth",
    Unit::Count,
    "Tasks that wait in the queue of one worker of a tokio runtime. With tokio_unstable only.",
);
static POLLS: Description = Description::counter(
    "tokio_worker_polls_total",
    Unit::Count,
    "Polls of tasks by a worker of a tokio runtime. With tokio_unstable only.",
);
static POLLS_WITHIN: Description = Description::counter(
    "tokio_polls_within_total",
    Unit::Count,
    "Polls of tasks of a tokio runtime that took no longer than le seconds. With tokio_unstable and \
     Builder::enable_metrics_poll_time_histogram only.",
);

pub(super) static ALL: [&Description; 16] = [
    &WORKERS,
    &ALIVE_TASKS,
    &GLOBAL_QUEUE_DEPTH,
    &BUSY,
    &PARKS,
    &BUSY_RATIO,
    &BLOCKING_THREADS,
    &IDLE_BLOCKING_THREADS,
    &BLOCKING_QUEUE_DEPTH,
    &SPAWNED_TASKS,
    &REMOTE_SCHEDULES,
    &FORCED_YIELDS,
    &STEALS,
    &LOCAL_QUEUE_DEPTH,
    &POLLS,
    &POLLS_WITHIN,
];

/// Workers with series of their own.
const MOST_WORKERS: usize = 64;

/// A label for each worker, or for those beyond the most.
fn worker_labels(runtime: &str, workers: usize) -> Vec<Labels> {
    let of = |worker: &str| Labels::of(&[("runtime", runtime), ("worker", worker)]);
    let mut labels: Vec<Labels> = (0..workers.min(MOST_WORKERS)).map(|worker| of(&worker.to_string())).collect();
    if workers > MOST_WORKERS {
        labels.push(of("others"));
    }
    labels
}

/// A figure of each worker, or of those beyond the most together.
fn push_of_workers(
    description: &'static Description,
    labels: &[Labels],
    workers: usize,
    figure: impl Fn(usize) -> f64,
    into: &mut Sheet,
) {
    for (at, labels) in labels.iter().enumerate() {
        let value = if at < MOST_WORKERS { figure(at) } else { (at..workers).map(&figure).sum() };
        into.push_of(description, labels, value);
    }
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
    unstable::read(watched, &metrics, into);
    #[cfg(not(tokio_unstable))]
    into.absent("tokio's unstable figures", "the program was built without --cfg tokio_unstable");
}
