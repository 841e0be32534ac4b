//! The history, the job that fills it, and who asks it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::scheduler::Job;
use crate::base::fork::Lock;
use crate::base::headroom;
use crate::base::process_identity::Process;
use crate::clock::ThreadCpu;
use crate::collect::FunctionFold;
use crate::error::Error;
use crate::history::{DEFAULT_BYTES, FunctionReading, History};
use crate::memory;
use crate::reading;
use crate::record::Part;
use crate::settings::{HistoryStore, Settings};

/// The history of this process. `None` if no profiler runs, or without a history.
static HISTORY: Lock<Option<Kept>> = Lock::new(None);

/// A forked child has no history until it starts a profiler of its own.
#[derive(Debug)]
struct Kept {
    process: Process,
    history: History,
}

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 4 << 20;
/// A turn may take this part of the time until the next: of CPU time, and of time.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;

/// Asks the history. `None` if there is none. The next round waits meanwhile.
#[allow(dead_code)]
pub(super) fn ask<T>(question: impl FnOnce(&History) -> T) -> Option<T> {
    let kept = HISTORY.lock();
    let kept = kept.as_ref().filter(|kept| kept.process.is_current())?;
    Some(memory::uncounted(|| question(&kept.history)))
}

/// Opens the history that the settings ask for.
///
/// # Errors
/// The file cannot be used.
pub(super) fn open(settings: &Settings) -> Result<bool, Error> {
    let history = match &settings.history {
        HistoryStore::Off => None,
        HistoryStore::Memory => History::new(DEFAULT_BYTES),
        HistoryStore::File(path) => History::open(DEFAULT_BYTES, path)
            .map_err(|error| Error::History { path: path.clone(), source: error.into() })?,
    };
    let is_there = history.is_some();
    let new = history.map(|history| Kept { process: Process::current(), history });
    let former = std::mem::replace(&mut *HISTORY.lock(), new);
    close_former(former);
    Ok(is_there)
}

/// Writes what is not in the file yet, and ends the history.
pub(super) fn close() {
    if let Some(mut kept) = HISTORY.try_lock() {
        close_former(kept.take());
    }
}

fn close_former(former: Option<Kept>) {
    match former {
        Some(kept) if !kept.process.is_current() => kept.history.abandon(),
        former => drop(former),
    }
}

/// Takes the readings and the functions of each second.
pub(super) fn job() -> Job {
    Job::new(Part::History, INTERVAL, || {
        let mut fold = FunctionFold::default();
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| turn(&mut fold));
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            INTERVAL.max(cpu * CPU_SHARE).max(start.elapsed() * TIME_SHARE)
        })
    })
}

fn turn(fold: &mut FunctionFold) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut kept = HISTORY.lock();
    let Some(kept) = kept.as_mut().filter(|kept| kept.process.is_current()) else { return };
    let Some(mut round) = kept.history.round(now) else { return };
    reading::visit(|reading| round.reading(reading));
    fold.read(|sums| {
        round.function(&FunctionReading {
            name: sums.name,
            calls: sums.calls,
            errors: sums.errors,
            self_ns: sums.self_ns,
            cpu_ns: sums.cpu_ns,
            allocated_bytes: sums.allocated_bytes,
            live_bytes: sums.live_bytes,
            times: sums.times,
        });
    });
}
