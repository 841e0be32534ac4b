//! Longer pauses while the process does little.

use std::time::{Duration, Instant};

use crate::clock;

/// A process is idle while it takes less than this part of a core,
const IDLE_SHARE: u64 = 200;
/// and small while it takes less than this one.
const SMALL_SHARE: u64 = 20;
/// Pauses of a small process are longer by this factor at most.
const SMALL_FACTOR: u32 = 2;

/// Whether the process does anything, as it was asked at each turn of a job.
#[derive(Debug)]
pub(super) struct Idleness {
    /// The time and the process's CPU time at the turn before.
    before: Option<(Instant, u64)>,
    factor: u32,
    most: u32,
}

impl Idleness {
    /// Pauses become longer by the factor `most`, a power of two, and no more.
    pub(super) fn new(most: u32) -> Self {
        Self { before: None, factor: 1, most }
    }

    /// The pause after a turn: twice that after the turn before while the process is idle, twice
    /// the given one while it is small, and the given one once it is neither.
    ///
    /// **Cost.** A system call.
    pub(super) fn pause_now(&mut self, pause: Duration) -> Duration {
        self.pause(pause, Instant::now(), clock::process_cpu_ns())
    }

    fn pause(&mut self, pause: Duration, now: Instant, cpu_ns: Option<u64>) -> Duration {
        let before = std::mem::replace(&mut self.before, cpu_ns.map(|cpu_ns| (now, cpu_ns)));
        let takes_less_than = |share: u64| {
            before.zip(cpu_ns).is_some_and(|((at, was_ns), now_ns)| {
                let time_ns = now.duration_since(at).as_nanos() as u64;
                now_ns.saturating_sub(was_ns) < time_ns / share
            })
        };
        let most = match () {
            () if takes_less_than(IDLE_SHARE) => self.most,
            () if takes_less_than(SMALL_SHARE) => self.most.min(SMALL_FACTOR),
            () => 1,
        };
        self.factor = (self.factor * 2).min(most);
        pause.saturating_mul(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_process_is_read_less_often() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut idleness = Idleness::new(4);
        let mut pauses = |turns: &[(u64, u64)]| -> Vec<u64> {
            let pause = |(at_ms, cpu_ms): &(u64, u64)| {
                let now = start + Duration::from_millis(*at_ms);
                idleness.pause(second, now, Some(cpu_ms * 1_000_000)).as_secs()
            };
            turns.iter().map(pause).collect()
        };
        let idle = [(0, 900), (1_000, 904), (3_000, 905), (7_000, 906), (11_000, 920)];
        assert_eq!(pauses(&idle), [1, 2, 4, 4, 4]);
        assert_eq!(pauses(&[(15_000, 1_160), (16_000, 1_165), (17_000, 1_166)]), [1, 2, 4], "works, is small, is idle");
        let small = [(18_000, 1_206), (19_000, 1_216), (20_000, 1_226), (21_000, 1_236)];
        assert_eq!(pauses(&small), [2, 2, 2, 2], "a small one is read half as often, and no less");
        assert_eq!(idleness.pause(second, start + second * 20, None), second, "nobody knows");
    }
}
