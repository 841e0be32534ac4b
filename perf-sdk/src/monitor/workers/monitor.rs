//! The readings of pools of workers.

use std::time::Instant;

use super::pools::{self, Before, Watched};
use crate::base::sandbox;
use crate::monitor::absences::TIGHTER;
use crate::reading::{Description, Producer, Sheet, Unit};

static THREADS: Description = Description::gauge("workers_threads", Unit::Count, "Threads of a pool of workers.");
static ACTIVE: Description = Description::gauge("workers_active", Unit::Count, "Tasks that workers run.");
static ACTIVE_PEAK: Description =
    Description::gauge("workers_active_peak", Unit::Count, "High-water mark of workers_active.");
static QUEUED: Description = Description::gauge("workers_queued", Unit::Count, "Tasks that wait for a worker.");
static COMPLETED: Description =
    Description::counter("workers_completed_total", Unit::Count, "Tasks of workers that ended well.");
static FAILED: Description =
    Description::counter("workers_failed_total", Unit::Count, "Tasks of workers that failed or panicked.");
static CPU: Description = Description::counter(
    "workers_cpu_seconds_total",
    Unit::Seconds,
    "CPU time of worker threads since their first tasks.",
);
static EFFICIENCY: Description = Description::gauge(
    "workers_parallel_efficiency_ratio",
    Unit::Ratio,
    "CPU time of worker threads ÷ (time that passed × workers), between two readings in which tasks ran.",
);

pub(in crate::monitor) static ALL: [&Description; 8] =
    [&THREADS, &ACTIVE, &ACTIVE_PEAK, &QUEUED, &COMPLETED, &FAILED, &CPU, &EFFICIENCY];

/// Reads the pools.
#[derive(Debug)]
pub(in crate::monitor) struct WorkersMonitor;

impl Producer for WorkersMonitor {
    fn name(&self) -> &'static str {
        "workers"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        pools::for_each(|watched| read(watched, into));
    }
}

fn read(watched: &mut Watched, into: &mut Sheet) {
    let Some(pool) = watched.pool.upgrade() else { return };
    let counts = pool.counts();
    for (description, count) in [
        (&THREADS, pool.workers as u64),
        (&ACTIVE, counts.active),
        (&ACTIVE_PEAK, counts.active_peak),
        (&QUEUED, counts.queued),
        (&COMPLETED, counts.completed),
        (&FAILED, counts.failed),
    ] {
        into.push_of(description, &watched.labels, count as f64);
    }
    if !cfg!(target_os = "linux") || sandbox::is_tighter() {
        let why = if cfg!(target_os = "linux") { TIGHTER } else { "Linux only" };
        into.absent(CPU.name, why);
        into.absent(EFFICIENCY.name, why);
        return;
    }
    let (at, cpu_ns) = (Instant::now(), watched.cpu_ns());
    into.push_of(&CPU, &watched.labels, cpu_ns as f64 / 1e9);
    let now = Before { at, cpu_ns, counts };
    match watched.before.replace(now).and_then(|before| efficiency(&before, &now, pool.workers)) {
        Some(ratio) => into.push_of(&EFFICIENCY, &watched.labels, ratio),
        None => into.absent(EFFICIENCY.name, "no task ran between two readings"),
    }
}

/// `None` if no task ran, and for a pool without workers.
fn efficiency(before: &Before, now: &Before, workers: usize) -> Option<f64> {
    let ended = |at: &Before| at.counts.completed + at.counts.failed;
    let ran = before.counts.active + now.counts.active > 0 || ended(before) != ended(now);
    let could_ns = now.at.duration_since(before.at).as_nanos() as f64 * workers as f64;
    (ran && could_ns > 0.0).then(|| now.cpu_ns.saturating_sub(before.cpu_ns) as f64 / could_ns)
}
