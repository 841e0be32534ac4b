//! The figures of a runtime, and those of its workers.

use crate::reading::{Description, Labels, Sheet, Unit};

pub(super) static WORKERS: Description =
    Description::gauge("tokio_workers", Unit::Count, "Worker threads of a tokio runtime.");
pub(super) static ALIVE_TASKS: Description =
    Description::gauge("tokio_alive_tasks", Unit::Count, "Tasks of a tokio runtime that have not ended.");
pub(super) static GLOBAL_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_global_queue_depth",
    Unit::Count,
    "Tasks that wait in the queue of all workers of a tokio runtime.",
);
pub(super) static BUSY: Description = Description::counter(
    "tokio_worker_busy_seconds_total",
    Unit::Seconds,
    "Time for which a worker of a tokio runtime was not parked.",
);
pub(super) static PARKS: Description =
    Description::counter("tokio_worker_parks_total", Unit::Count, "How often a worker of a tokio runtime parked.");
pub(super) static BUSY_RATIO: Description = Description::gauge(
    "tokio_busy_ratio",
    Unit::Ratio,
    "Busy time of a tokio runtime ÷ (time that passed × workers), between two readings.",
);

pub(super) static BLOCKING_THREADS: Description = Description::gauge(
    "tokio_blocking_threads",
    Unit::Count,
    "Threads of a tokio runtime for blocking calls. With tokio_unstable only.",
);
pub(super) static IDLE_BLOCKING_THREADS: Description = Description::gauge(
    "tokio_idle_blocking_threads",
    Unit::Count,
    "Those of tokio_blocking_threads that wait for work. With tokio_unstable only.",
);
pub(super) static BLOCKING_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_blocking_queue_depth",
    Unit::Count,
    "Blocking calls that wait for a thread of a tokio runtime. With tokio_unstable only.",
);
pub(super) static SPAWNED_TASKS: Description = Description::counter(
    "tokio_spawned_tasks_total",
    Unit::Count,
    "Tasks that were spawned on a tokio runtime. With tokio_unstable only.",
);
pub(super) static REMOTE_SCHEDULES: Description = Description::counter(
    "tokio_remote_schedules_total",
    Unit::Count,
    "Tasks that were scheduled from outside of a tokio runtime. With tokio_unstable only.",
);
pub(super) static FORCED_YIELDS: Description = Description::counter(
    "tokio_budget_forced_yields_total",
    Unit::Count,
    "Tasks that tokio made yield because their budget was used up. With tokio_unstable only.",
);
pub(super) static STEALS: Description = Description::counter(
    "tokio_worker_steals_total",
    Unit::Count,
    "Tasks that a worker of a tokio runtime stole from others. With tokio_unstable only.",
);
pub(super) static LOCAL_QUEUE_DEPTH: Description = Description::gauge(
    "tokio_worker_local_queue_depth",
    Unit::Count,
    "Tasks that wait in the queue of one worker of a tokio runtime. With tokio_unstable only.",
);
pub(super) static POLLS: Description = Description::counter(
    "tokio_worker_polls_total",
    Unit::Count,
    "Polls of tasks by a worker of a tokio runtime. With tokio_unstable only.",
);
pub(super) static POLLS_WITHIN: Description = Description::counter(
    "tokio_polls_within_total",
    Unit::Count,
    "Polls of tasks of a tokio runtime that took no longer than le seconds. With tokio_unstable and \
     Builder::enable_metrics_poll_time_histogram only.",
);

pub(in crate::monitor) static ALL: [&Description; 16] = [
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
pub(super) const MOST_WORKERS: usize = 64;

/// A label for each worker, or for those beyond the most.
pub(super) fn worker_labels(runtime: &str, workers: usize) -> Vec<Labels> {
    let of = |worker: &str| Labels::of(&[("runtime", runtime), ("worker", worker)]);
    let mut labels: Vec<Labels> = (0..workers.min(MOST_WORKERS)).map(|worker| of(&worker.to_string())).collect();
    if workers > MOST_WORKERS {
        labels.push(of("others"));
    }
    labels
}

/// A figure of each worker, or of those beyond the most together.
pub(super) fn push_of_workers(
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
