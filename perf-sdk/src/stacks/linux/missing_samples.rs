//! Detects that no samples arrive although the program runs, so that the reported state is an
//! observed one.

use std::time::{Duration, Instant};

use super::idleness::program_ns;

/// CPU time of the program without samples after which it is reported, and the number of sampling
/// periods that this must cover.
const LEAST_NS: u64 = 10_000_000_000;
const PERIODS: u64 = 10;

/// The time since the last sample.
#[derive(Debug)]
pub(super) struct MissingSamples {
    at: Instant,
    program_ns: Option<u64>,
    samples: u64,
}

impl MissingSamples {
    /// Starts with this number of samples; `own` are the profiler's threads.
    pub(super) fn since_now(samples: u64, own: &[u32]) -> Self {
        Self { at: Instant::now(), program_ns: program_ns(own), samples }
    }

    /// Starts again if the number of samples has increased.
    ///
    /// **Cost.** In that case one system call, and one for each of the profiler's threads: some
    /// microseconds.
    pub(super) fn note(&mut self, samples: u64, own: &[u32]) {
        if samples != self.samples {
            *self = Self::since_now(samples, own);
        }
    }

    /// The warning to report, for samples with this period. 0: none are requested.
    pub(super) fn remark(&self, own: &[u32], period_ns: u64) -> Option<String> {
        let ran_ns = program_ns(own)?.saturating_sub(self.program_ns?);
        remark(self.at.elapsed(), ran_ns, period_ns)
    }
}

fn remark(elapsed: Duration, ran_ns: u64, period_ns: u64) -> Option<String> {
    let is_long = period_ns > 0 && ran_ns >= LEAST_NS.max(period_ns.saturating_mul(PERIODS));
    let (elapsed, ran) = (elapsed.as_secs(), Duration::from_nanos(ran_ns).as_secs());
    is_long.then(|| format!("nothing was seen for {elapsed} s, in which the program took {ran} s of CPU time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_when_the_program_ran_for_long_enough() {
        let after = |ran: u64, period| remark(Duration::from_secs(12), ran * 1_000_000_000, period);
        let usual = 1_000_000_000 / 99;
        let said = "nothing was seen for 12 s, in which the program took 11 s of CPU time";
        assert_eq!((after(11, usual).as_deref(), after(9, usual)), (Some(said), None));
        assert_eq!((after(11, 2_000_000_000), after(11, 0)), (None, None));
    }

    #[test]
    fn a_sample_begins_it_anew() {
        let mut unseen = MissingSamples { at: Instant::now(), program_ns: Some(0), samples: 0 };
        unseen.note(0, &[]);
        assert_eq!(unseen.program_ns, Some(0));
        unseen.note(1, &[]);
        assert!(unseen.program_ns > Some(0) && unseen.samples == 1);
    }
}
