//! Executes commands of a program that measures the cost of profiling: see `tests/cost`.
//!
//! Commands come on stdin, one in each line. `run` and `pause` control the load. `slice on MS` and
//! `slice off MS` switch recording, wait that long, and print `@ CPU_NS LOAD_NS REQUESTS WALL_NS`
//! on stdout: CPU time of the process, the part of it that the load generator took, answered
//! requests, and wall time. `account` prints `@ ALLOWED ACHIEVED FLOOR`, the budget's own account
//! at its latest evaluation, or `@ 0 0 0` without one.

use std::io::{self, BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::Handle;

static PAUSED: AtomicBool = AtomicBool::new(false);
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// Whether users must not send requests now.
pub(crate) fn is_paused() -> bool {
    PAUSED.load(Relaxed)
}

/// Counts an answered request.
pub(crate) fn answered() {
    ANSWERED.fetch_add(1, Relaxed);
}

/// Executes commands until stdin closes.
pub(crate) fn obey(perf: &Handle) -> io::Result<()> {
    PAUSED.store(true, Relaxed);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["run"] => PAUSED.store(false, Relaxed),
            ["pause"] => PAUSED.store(true, Relaxed),
            ["slice", state @ ("on" | "off"), ms] => {
                let ms = ms.parse().map_err(|_| io::Error::other(format!("{ms:?} is not a number of milliseconds")))?;
                perf.set_recording(*state == "on");
                let read = || (clocks::process_ns(), clocks::load_ns(), ANSWERED.load(Relaxed));
                let (start, before) = (Instant::now(), read());
                thread::sleep(Duration::from_millis(ms));
                let (after, wall_ns) = (read(), start.elapsed().as_nanos());
                let mut out = io::stdout().lock();
                writeln!(out, "@ {} {} {} {wall_ns}", after.0 - before.0, after.1 - before.1, after.2 - before.2)?;
                out.flush()?;
            }
            ["account"] => {
                let budget = perf.snapshot().profiler.budget.unwrap_or_default();
                let mut out = io::stdout().lock();
                writeln!(out, "@ {} {} {}", budget.allowed, budget.achieved, budget.floor)?;
                out.flush()?;
            }
            _ => {
                let allowed = "run, pause, account, slice on|off MS";
                return Err(io::Error::other(format!("order {line:?}; allowed: {allowed}")));
            }
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod clocks {
    use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

    /// The CPU clock of the load generator's thread; 0 before it runs.
    static LOAD: AtomicI32 = AtomicI32::new(0);

    /// Marks the calling thread as the load generator's.
    pub(crate) fn note_load_thread() {
        let mut clock = 0;
        // SAFETY: `clock` is a valid pointer for the result, and the calling thread exists.
        if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } == 0 {
            LOAD.store(clock, Relaxed);
        }
    }

    /// CPU time of the process.
    pub(super) fn process_ns() -> u64 {
        cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// CPU time of the load generator.
    pub(super) fn load_ns() -> u64 {
        let load = LOAD.load(Relaxed);
        if load == 0 { 0 } else { cpu_ns(load) }
    }

    fn cpu_ns(clock: libc::clockid_t) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid pointer for the result.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[cfg(not(target_os = "linux"))]
mod clocks {
    pub(crate) fn note_load_thread() {}

    pub(super) fn process_ns() -> u64 {
        0
    }

    pub(super) fn load_ns() -> u64 {
        0
    }
}

pub(crate) use clocks::note_load_thread;
