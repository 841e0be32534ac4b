//! How long the program's threads run between two context switches.

use crate::clock;

/// From this average on, what perf's clock adds to a switch (3 µs were measured) is at most 0.3 %
/// of the CPU time.
const LONG_NS: u64 = 1_000_000;
/// Below this average, perf's clock is given up.
const SHORT_NS: u64 = LONG_NS / 2;
/// CPU time of the process over which the average is taken.
const JUDGED_NS: u64 = 100_000_000;

/// Whether the bursts are long. In doubt they are short.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    are_long: bool,
    /// CPU time and switches of the process when the current average began.
    since: Option<[u64; 2]>,
}

impl Bursts {
    pub(super) fn are_long(&self) -> bool {
        self.are_long
    }

    /// Reads the process's CPU time, and, if enough has passed, its switches.
    ///
    /// **Cost.** One or two system calls.
    pub(super) fn look(&mut self) {
        if let Some(cpu_ns) = clock::process_cpu_ns()
            && self.since.is_none_or(|[began_ns, _]| cpu_ns.saturating_sub(began_ns) >= JUDGED_NS)
            && let Some(switches) = clock::process_switches()
        {
            self.judge(cpu_ns, switches);
        }
    }

    fn judge(&mut self, cpu_ns: u64, switches: u64) {
        if let Some([began_ns, before]) = self.since.replace([cpu_ns, switches]) {
            let average_ns = cpu_ns.saturating_sub(began_ns) / switches.saturating_sub(before).max(1);
            self.are_long = average_ns >= if self.are_long { SHORT_NS } else { LONG_NS };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_long_from_a_millisecond_on_and_short_below_a_half() {
        let mut bursts = Bursts::default();
        let mut now = [0, 0];
        let mut after = |average_ns: u64| {
            now = [now[0] + 100 * average_ns, now[1] + 100];
            bursts.judge(now[0], now[1]);
            bursts.are_long()
        };
        // The first reading has nothing to be compared with.
        assert!(!after(5_000_000));
        assert!(!after(999_999) && after(1_000_000) && after(500_000) && !after(499_999) && !after(999_999));
    }

    #[test]
    fn a_process_that_was_never_switched_has_long_ones() {
        let mut bursts = Bursts::default();
        bursts.judge(5, 7);
        bursts.judge(5 + LONG_NS, 7);
        assert!(bursts.are_long());
    }

    #[test]
    fn little_cpu_time_is_not_judged() {
        let mut bursts = Bursts { are_long: true, since: Some([u64::MAX / 2, 0]) };
        bursts.look();
        assert!(bursts.are_long() && bursts.since == Some([u64::MAX / 2, 0]));
    }
}
