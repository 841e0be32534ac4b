//! What recording cost lately.

use crate::record::account::Part;
use crate::record::own::Own;

/// A mean of less time depends on whether a job of the profiler that has its turn each half minute
/// fell into it.
const HALF_NS: f64 = 60e9;
/// The time after which the sums begin anew, once: what the start took is not what recording takes.
const START_NS: f64 = 2e9;

/// The CPU time of some evaluations.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Spent {
    /// That of the process.
    pub(in crate::record) process_ns: f64,
    /// The time that passed.
    pub(in crate::record) wall_ns: f64,
    pub(in crate::record) budget_ns: f64,
    pub(in crate::record) counting_ns: f64,
    pub(in crate::record) measuring_ns: f64,
    /// That of the profiler besides recording.
    pub(in crate::record) own: Own,
}

impl Spent {
    fn plus(&self, other: &Self) -> Self {
        Self {
            process_ns: self.process_ns + other.process_ns,
            wall_ns: self.wall_ns + other.wall_ns,
            budget_ns: self.budget_ns + other.budget_ns,
            counting_ns: self.counting_ns + other.counting_ns,
            measuring_ns: self.measuring_ns + other.measuring_ns,
            own: self.own.plus(other.own),
        }
    }

    /// The CPU time of recording and of the profiler's own threads.
    pub(in crate::record) fn sum_ns(&self) -> f64 {
        self.counting_ns + self.measuring_ns + self.own.sum() as f64
    }

    /// By part, without those that took nothing.
    pub(in crate::record) fn parts(&self) -> Vec<(&'static str, u64)> {
        let recording = [(Part::Counting, self.counting_ns as u64), (Part::Measuring, self.measuring_ns as u64)];
        let of = |(part, ns): (Part, u64)| (part.name(), ns);
        recording.into_iter().chain(self.own.parts()).filter(|(_, ns)| *ns > 0).map(of).collect()
    }
}

/// What becomes of sums that are kept beside these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) enum Turn {
    /// They go on.
    Stays,
    /// The present half is the one before from now on.
    Half,
    /// Both halves are forgotten.
    Anew,
}

/// Sums over the last one to two minutes, by halves; over less at first.
#[derive(Debug, Default)]
pub(in crate::record) struct Lately {
    halves: [Spent; 2],
    has_started: bool,
}

impl Lately {
    /// Adds an evaluation, and returns the sums with it.
    pub(in crate::record) fn add(&mut self, spent: &Spent) -> Spent {
        let [before, now] = &mut self.halves;
        *now = now.plus(spent);
        before.plus(now)
    }

    /// Drops what is old, after an evaluation was added.
    pub(in crate::record) fn turn(&mut self) -> Turn {
        let now = self.halves[1];
        if !self.has_started && now.wall_ns >= START_NS {
            *self = Self { has_started: true, ..Self::default() };
            Turn::Anew
        } else if now.wall_ns >= HALF_NS {
            self.halves = [now, Spent::default()];
            Turn::Half
        } else {
            Turn::Stays
        }
    }
}

/// The cost of counting the calls of one site in the same time.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Counting([f64; 2]);

impl Counting {
    pub(in crate::record) fn add(&mut self, ns: f64) {
        self.0[1] += ns;
    }

    pub(in crate::record) fn sum_ns(self) -> f64 {
        self.0.iter().sum()
    }

    pub(in crate::record) fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Stays => {}
            Turn::Half => self.0 = [self.0[1], 0.0],
            Turn::Anew => self.0 = [0.0; 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(process_ns: f64, counting_ns: f64) -> Spent {
        Spent { process_ns, wall_ns: 1e9, budget_ns: process_ns * 0.01, counting_ns, ..Spent::default() }
    }

    #[test]
    fn a_burst_is_spread_over_a_minute_at_least_and_forgotten_after_two() {
        let (mut lately, mut site) = (Lately::default(), Counting::default());
        let mut seen = Vec::new();
        for at in 0..400 {
            // The start, and each half minute a tenth of a second.
            let counting_ns = if at == 0 {
                9e8
            } else if at % 30 == 10 && at < 200 {
                1e8
            } else {
                0.0
            };
            let sum = lately.add(&second(1e9, counting_ns));
            site.add(counting_ns);
            assert_eq!(sum.counting_ns, site.sum_ns(), "at {at}");
            seen.push((sum.wall_ns / 1e9, sum.sum_ns() / sum.process_ns));
            site.turn(lately.turn());
        }
        assert_eq!(seen[0], (1.0, 0.9));
        assert_eq!(seen[2].1, 0.0, "what the start took is dropped");
        for (seconds, share) in &seen[80..190] {
            assert!((60.0..=120.0).contains(seconds) && (0.002..0.005).contains(share), "{share} of {seconds} s");
        }
        assert!(seen[310..].iter().all(|(_, share)| *share == 0.0));
    }

    #[test]
    fn parts_have_what_recording_took_and_what_else_did() {
        let spent = Spent { counting_ns: 5.0, own: Own::of(Part::Leaks, 7), ..Spent::default() };
        let sum = Lately::default().add(&spent).plus(&spent);
        assert_eq!((sum.sum_ns(), sum.parts()), (24.0, vec![("counting", 10), ("leaks", 14)]));
    }
}
