//! What tokio tells only if the program was built with `--cfg tokio_unstable`.

use tokio::runtime::RuntimeMetrics;

use super::figures::{
    BLOCKING_QUEUE_DEPTH, BLOCKING_THREADS, FORCED_YIELDS, IDLE_BLOCKING_THREADS, LOCAL_QUEUE_DEPTH, POLLS,
    POLLS_WITHIN, REMOTE_SCHEDULES, SPAWNED_TASKS, STEALS, push_of_workers,
};
use crate::reading::{Labels, Sheet};

/// Bounds of the histogram of poll times that have series.
const MOST_BOUNDS: usize = 24;

/// The histogram of poll times, if the runtime has one: for each bound the number of buckets below
/// it.
#[derive(Debug)]
pub(super) struct Polls(Vec<(usize, Labels)>);

impl Polls {
    pub(super) fn of(runtime: &str, metrics: &RuntimeMetrics) -> Self {
        if !metrics.poll_time_histogram_enabled() {
            return Self(Vec::new());
        }
        let buckets = metrics.poll_time_histogram_num_buckets();
        // Counts are cumulative, so that each bound is exact however many are left out.
        let step = buckets.div_ceil(MOST_BOUNDS).max(1);
        let ends = (1..buckets).filter(|end| (buckets - end).is_multiple_of(step)).chain([buckets]);
        let label = |end: usize| {
            let le = match end == buckets {
                true => "+Inf".to_owned(),
                false => metrics.poll_time_histogram_bucket_range(end - 1).end.as_secs_f64().to_string(),
            };
            (end, Labels::of(&[("runtime", runtime), ("le", &le)]))
        };
        Self(ends.map(label).collect())
    }
}

pub(super) fn read(metrics: &RuntimeMetrics, labels: &Labels, of_workers: &[Labels], polls: &Polls, into: &mut Sheet) {
    let workers = metrics.num_workers();
    for (description, value) in [
        (&BLOCKING_THREADS, metrics.num_blocking_threads() as f64),
        (&IDLE_BLOCKING_THREADS, metrics.num_idle_blocking_threads() as f64),
        (&BLOCKING_QUEUE_DEPTH, metrics.blocking_queue_depth() as f64),
        (&SPAWNED_TASKS, metrics.spawned_tasks_count() as f64),
        (&REMOTE_SCHEDULES, metrics.remote_schedule_count() as f64),
        (&FORCED_YIELDS, metrics.budget_forced_yield_count() as f64),
    ] {
        into.push_of(description, labels, value);
    }
    let push = |description, figure: fn(&RuntimeMetrics, usize) -> f64, into: &mut Sheet| {
        push_of_workers(description, of_workers, workers, |worker| figure(metrics, worker), into);
    };
    push(&STEALS, |metrics, worker| metrics.worker_steal_count(worker) as f64, into);
    push(&LOCAL_QUEUE_DEPTH, |metrics, worker| metrics.worker_local_queue_depth(worker) as f64, into);
    push(&POLLS, |metrics, worker| metrics.worker_poll_count(worker) as f64, into);
    if polls.0.is_empty() {
        into.absent(POLLS_WITHIN.name, "the runtime's builder did not enable its histogram of poll times");
    }
    let (mut sum, mut next) = (0, 0);
    for (end, labels) in &polls.0 {
        let bucket =
            |bucket| (0..workers).map(|worker| metrics.poll_time_histogram_bucket_count(worker, bucket)).sum::<u64>();
        sum += (next..*end).map(bucket).sum::<u64>();
        next = *end;
        into.push_of(&POLLS_WITHIN, labels, sum as f64);
    }
}
