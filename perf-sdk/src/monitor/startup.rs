//! When the program said that it was ready.

use super::system;
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

/// The process that said so, and when, in seconds since the boot.
static READY: Lock<Option<(Process, f64)>> = Lock::new(None);

/// Says that the program is ready: its start is over, and it serves requests. The time from the
/// start of the process until then is in scrapes and snapshots as `process_startup_seconds`.
///
/// Call it where the service begins to serve. The first call in a process counts, further ones do
/// nothing.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::builder().listen("off").report(false).start()?;
/// // … open the database, fill caches, listen …
/// perf_sdk::ready();
/// # drop(perf);
/// # Ok(())
/// # }
/// ```
///
/// **Units.** The kernel knows the start of a process to a hundredth of a second: the figure is up
/// to 10 ms too long.
///
/// **Cost.** Three system calls, once.
///
/// **Blind spots.** Linux only. Absent until it is called, and where there is no `/proc`.
pub fn ready() {
    if let Some(now) = system::seconds_since_boot() {
        note(&mut READY.lock(), Process::current(), now);
    }
}

fn note(ready: &mut Option<(Process, f64)>, process: Process, now: f64) {
    if ready.is_none_or(|(known, _)| known != process) {
        *ready = Some((process, now));
    }
}

/// The time from the start of the process, in seconds since the boot, until it was ready.
pub(super) fn since(start: f64) -> Result<f64, &'static str> {
    match *READY.lock() {
        Some((process, ready)) if process.is_current() => Ok((ready - start).max(0.0)),
        _ => Err("perf_sdk::ready() was not called"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_of_a_process_counts() {
        let mut ready = None;
        note(&mut ready, Process::other(1), 5.0);
        note(&mut ready, Process::other(1), 6.0);
        assert_eq!(ready, Some((Process::other(1), 5.0)));
        note(&mut ready, Process::other(2), 7.0);
        assert_eq!(ready, Some((Process::other(2), 7.0)), "a forked child begins anew");
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[cfg_attr(miri, ignore = "it asks the system for a clock")]
    fn the_time_is_that_since_the_start() {
        let before = system::seconds_since_boot().unwrap();
        ready();
        let now = system::seconds_since_boot().unwrap();
        // Another test of this process may have called it before.
        assert!((0.0..=now).contains(&since(0.0).unwrap()));
        assert!(since(before).unwrap() <= now - before);
        assert_eq!(since(f64::MAX), Ok(0.0));
    }
}
