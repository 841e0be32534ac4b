//! Detects that the program has hardly run since the last evaluation of its threads, so that
//! another one would find next to nothing, or little.

use std::time::{Duration, Instant};

use super::kernel_threads;
use crate::clock;

/// CPU time of the program that is too little for another evaluation. A new thread misses at most
/// this much.
const LITTLE: Duration = Duration::from_millis(1);
/// A program that takes less than one part in this many of a processor is evaluated less often.
const SMALL_PART: u32 = 10;
/// The maximum time until resources of ended threads are released.
const LONGEST: Duration = Duration::from_secs(10);

/// The last evaluation.
#[derive(Debug)]
pub(super) struct Idleness {
    at: Instant,
    /// Since when evaluations found next to nothing.
    since: Instant,
    program_ns: Option<u64>,
    /// Since when the program takes little of a processor. `None` if it does not.
    slow_since: Option<Instant>,
}

impl Idleness {
    /// The current time, after an earlier evaluation; `own` are the profiler's threads.
    pub(super) fn after(before: Option<Self>, own: &[u32], period_ns: u64) -> Self {
        let (at, program_ns) = (Instant::now(), program_ns(own));
        let slow = before.as_ref().filter(|before| {
            let took = program_ns.zip(before.program_ns).map(|(now, before)| now.saturating_sub(before));
            took.is_some_and(|took| Duration::from_nanos(took) * SMALL_PART < at.duration_since(before.at))
        });
        let slow_since = slow.map(|before| before.slow_since.unwrap_or(before.at));
        let idle = before.filter(|before| is_little(before.program_ns, program_ns, period_ns));
        Self { at, since: idle.map_or(at, |before| before.since), program_ns, slow_since }
    }

    /// How long each evaluation found that the program had taken less than a tenth of a processor
    /// since the one before. `None` if it had not, and for the first one.
    pub(super) fn slow_for(&self) -> Option<Duration> {
        self.slow_since.map(|since| self.at.duration_since(since))
    }

    /// How long the program was idle before this evaluation.
    pub(super) fn lasted(&self) -> Duration {
        self.at.duration_since(self.since)
    }

    /// Whether the program is still idle, for samples with this period.
    ///
    /// **Cost.** One system call, and one for each of the profiler's threads: some microseconds.
    pub(super) fn lasts(&self, own: &[u32], period_ns: u64) -> bool {
        self.at.elapsed() < LONGEST && is_little(self.program_ns, program_ns(own), period_ns)
    }
}

/// CPU time of the process without that of the profiler's threads. CPU time of a profiler thread
/// that ends meanwhile counts as the program's.
pub(super) fn program_ns(own: &[u32]) -> Option<u64> {
    let own_ns: u64 =
        own.iter().filter(|thread| **thread != 0).filter_map(|thread| kernel_threads::thread_cpu_ns(*thread)).sum();
    Some(clock::process_cpu_ns()?.saturating_sub(own_ns))
}

/// At most a tenth of a sample, whatever the rate.
fn is_little(before_ns: Option<u64>, now_ns: Option<u64>, period_ns: u64) -> bool {
    let most_ns =
        if period_ns == 0 { LITTLE.as_nanos() as u64 } else { (LITTLE.as_nanos() as u64).min(period_ns / 10) };
    before_ns.zip(now_ns).is_some_and(|(before, now)| now.saturating_sub(before) < most_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_a_sample_is_little() {
        let usual = 1_000_000_000 / 99;
        assert!(is_little(Some(5), Some(5), usual));
        assert!(is_little(Some(5), Some(5 + 999_999), usual));
        assert!(!is_little(Some(5), Some(5 + 1_000_000), usual));
        assert!(is_little(Some(5), Some(5 + 24_999), 250_000));
        assert!(!is_little(Some(5), Some(5 + 25_000), 250_000));
        // No CPU samples are requested, but stacks of the heap may be.
        assert!(is_little(Some(5), Some(5 + 999_999), 0));
        assert!(!is_little(Some(5), Some(5 + 1_000_000), 0));
    }

    #[test]
    fn without_a_clock_nothing_counts_as_idle() {
        assert!(!is_little(None, Some(1), 1_000_000) && !is_little(Some(1), None, 1_000_000));
    }

    #[test]
    fn the_profilers_threads_do_not_count_as_the_program() {
        let own = &[clock::thread_id()];
        // Other tests run meanwhile, but not in every one of these attempts.
        let is_apart = || {
            let [before, own_before] = [program_ns(&[]).unwrap(), program_ns(own).unwrap()];
            let start_ns = kernel_threads::thread_cpu_ns(own[0]).unwrap();
            while kernel_threads::thread_cpu_ns(own[0]).unwrap() < start_ns + 20_000_000 {
                std::hint::spin_loop();
            }
            let [after, own_after] = [program_ns(&[]).unwrap(), program_ns(own).unwrap()];
            // The clocks of the process and of a thread are read one after the other.
            own_after.saturating_sub(own_before) + 10_000_000 < after - before
        };
        assert!((0..100).any(|_| is_apart()));
    }

    #[test]
    fn what_ran_is_seen() {
        let quiet = Idleness::after(None, &[], 0);
        let before = clock::process_cpu_ns();
        while is_little(before, clock::process_cpu_ns(), 0) {
            std::hint::spin_loop();
        }
        assert!(!quiet.lasts(&[], 0));
        assert_eq!(Idleness::after(Some(quiet), &[], 0).lasted(), Duration::ZERO);
    }

    #[test]
    fn it_lasts_until_something_runs() {
        let at = Instant::now() - Duration::from_secs(20);
        let program_ns = program_ns(&[]).map(|now| now + (1 << 40));
        let quiet = Idleness { at, since: at, program_ns, slow_since: None };
        let later = Idleness::after(Some(quiet), &[], 0);
        assert!(later.lasted() >= Duration::from_secs(20), "{later:?}");
        assert!(later.slow_for() >= Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_program_that_takes_a_tenth_of_a_processor_is_not_slow() {
        let before = |seconds, program_ns| {
            let at = Instant::now() - Duration::from_secs(seconds);
            Idleness { at, since: at, program_ns, slow_since: Some(at) }
        };
        let took = |ns| program_ns(&[]).map(|now| now.saturating_sub(ns));
        assert!(Idleness::after(None, &[], 0).slow_for().is_none(), "nothing is known");
        assert!(Idleness::after(Some(before(20, None)), &[], 0).slow_for().is_none(), "nothing is known");
        // All that this process took counts as taken within a nanosecond.
        assert!(Idleness::after(Some(before(0, Some(0))), &[], 0).slow_for().is_none());
        // What other tests take within an hour is less than a tenth of it.
        assert!(Idleness::after(Some(before(3_600, took(0))), &[], 0).slow_for().is_some());
    }
}
