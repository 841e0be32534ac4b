//! The sums from which the times of a call-tree node are estimated.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Sums over the calls of one node. They are subtracted for windows, and added for threads and
/// processes. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "enabled", serde(default))]
pub(crate) struct Basis {
    /// The number of measured calls with weight 1.
    pub(crate) single: u64,
    /// Their CPU time, and that of open calls.
    pub(crate) single_cpu: f64,
    /// The number of measured calls with a higher weight.
    pub(crate) picked: u64,
    /// The sum of their weights.
    pub(crate) stand_for: u64,
    /// Their CPU time, each multiplied by its weight.
    pub(crate) picked_cpu: f64,
    /// Over these calls, with weight w and time x: Σ w (w − 1) xⁿ for n = 0, 1, 2.
    pub(crate) moments: [f64; 3],
    /// Time off the CPU here, not in a callee.
    pub(crate) absent: f64,
    /// The time that recording all calls of the node took.
    pub(crate) recorder: f64,
    /// The part of it within the node's own time, because the node calls itself.
    pub(crate) recorder_within: f64,
    /// Times that are not in the parent's, because the future was polled elsewhere: on the CPU, and
    /// off the CPU.
    pub(crate) outside: [f64; 2],
    /// Times that belong to nodes which are not children.
    pub(crate) foreign: [f64; 2],
}

/// A sum, and its error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub(super) ns: f64,
    /// The variance by chance, independent of that of other sums.
    pub(super) variance: f64,
    /// A systematic standard error, with the same sign as for other sums.
    pub(super) common: f64,
}

/// The approximate error of the reading of a call with weight 1. A processor overlaps the end of
/// one operation with the beginning of another, and the empty calls that correct readings have less
/// to overlap with.
const READING_NS: f64 = 3.0;
/// The same for a call with a higher weight, whose code and ours are less warm.
const PICKED_READING_NS: f64 = 6.0;

impl Estimate {
    pub(super) fn error2(&self) -> f64 {
        self.variance + self.common * self.common
    }
}

impl Basis {
    fn zip(self, other: Self, count: fn(u64, u64) -> u64, sum: fn(f64, f64) -> f64) -> Self {
        let both = |a: [f64; 2], b: [f64; 2]| [sum(a[0], b[0]), sum(a[1], b[1])];
        let [a, b] = [self.moments, other.moments];
        Self {
            single: count(self.single, other.single),
            single_cpu: sum(self.single_cpu, other.single_cpu),
            picked: count(self.picked, other.picked),
            stand_for: count(self.stand_for, other.stand_for),
            picked_cpu: sum(self.picked_cpu, other.picked_cpu),
            moments: [0, 1, 2].map(|n| sum(a[n], b[n])),
            absent: sum(self.absent, other.absent),
            recorder: sum(self.recorder, other.recorder),
            recorder_within: sum(self.recorder_within, other.recorder_within),
            outside: both(self.outside, other.outside),
            foreign: both(self.foreign, other.foreign),
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b, |a, b| a + b)
    }

    /// The difference to an earlier basis.
    pub(super) fn since(self, earlier: Self) -> Self {
        self.zip(earlier, u64::saturating_sub, |a, b| a - b)
    }

    /// The mean of [`cpu`](Self::cpu) in nanoseconds, without an error. 0 if no call was measured.
    pub(crate) fn cpu_ns(&self, calls: u64) -> f64 {
        self.cpu(calls).map_or(0.0, |cpu| cpu.ns)
    }

    /// The CPU time of this number of finished calls and of open calls, including callees and
    /// recording. `None` if no call was measured.
    ///
    /// It is the mean of the sampled calls times the number of the unmeasured ones: a ratio
    /// estimate, since both numbers are known. Its variance is that of sampling from blocks without
    /// replacement, Σ w (w − 1) (x − mean)², times n ∕ (n − 1).
    pub(super) fn cpu(&self, calls: u64) -> Option<Estimate> {
        let single = Estimate { ns: self.single_cpu, variance: 0.0, common: READING_NS * self.single as f64 };
        let others = calls.saturating_sub(self.single) as f64;
        if self.picked > 0 && self.stand_for > 0 {
            let (picked, stand_for) = (self.picked as f64, self.stand_for as f64);
            let each = self.picked_cpu / stand_for;
            let ratio = others / stand_for;
            let [zeroth, first, second] = self.moments;
            let squares = (second - 2.0 * each * first + each * each * zeroth).max(0.0);
            let mut variance = squares * ratio * ratio * picked / (picked - 1.0).max(1.0);
            if self.picked == 1 {
                variance = (each * others).powi(2);
            }
            Some(Estimate {
                ns: single.ns + each * others,
                variance,
                common: single.common + PICKED_READING_NS * others,
            })
        } else if self.picked_cpu > 0.0 {
            // There are only open calls.
            let ns = single.ns + self.picked_cpu;
            Some(Estimate { ns, variance: self.picked_cpu * self.picked_cpu, ..single })
        } else if others == 0.0 {
            (self.single > 0 || self.single_cpu != 0.0).then_some(single)
        } else if self.single > 0 {
            let rest = single.ns / self.single as f64 * others;
            Some(Estimate { ns: single.ns + rest, variance: rest * rest, common: single.common })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A basis of calls with times `values`, each with this weight.
    fn picked(values: &[f64], weight: u32) -> Basis {
        let w = f64::from(weight);
        let moment = |n: i32| values.iter().map(|x| w * (w - 1.0) * x.powi(n)).sum();
        Basis {
            picked: values.len() as u64,
            stand_for: values.len() as u64 * u64::from(weight),
            picked_cpu: values.iter().map(|x| w * x).sum(),
            moments: [moment(0), moment(1), moment(2)],
            ..Basis::default()
        }
    }

    #[test]
    fn calls_that_stand_for_themselves_are_the_sum() {
        let basis = Basis { single: 3, single_cpu: 700.0, ..Basis::default() };
        assert_eq!(basis.cpu(3), Some(Estimate { ns: 700.0, variance: 0.0, common: 9.0 }));
        assert_eq!(Basis::default().cpu(0), None);
        assert_eq!(Basis::default().cpu(9), None, "none was measured");
    }

    #[test]
    fn unmeasured_calls_take_as_long_as_sampled_ones() {
        let basis =
            picked(&[90.0, 110.0, 100.0], 10).plus(Basis { single: 2, single_cpu: 1_000.0, ..Basis::default() });
        let estimate = basis.cpu(2 + 36).unwrap();
        assert_eq!(estimate.ns, 1_000.0 + 36.0 * 100.0);
        // 3 of 36 sampled without replacement: 36² ∕ 3 × (1 − 3 ∕ 30) × 100.
        assert!((estimate.variance - 36.0 * 36.0 / 3.0 * 0.9 * 100.0).abs() < 1e-6, "{estimate:?}");
    }

    #[test]
    fn one_call_says_little_about_others() {
        let estimate = picked(&[50.0], 64).cpu(64).unwrap();
        assert_eq!((estimate.ns, estimate.variance.sqrt()), (3_200.0, 3_200.0));
        let first = Basis { single: 1, single_cpu: 50.0, ..Basis::default() }.cpu(41).unwrap();
        assert_eq!((first.ns, first.variance.sqrt()), (2_050.0, 2_000.0));
    }

    #[test]
    fn windows_add_up_to_the_whole() {
        let (first, whole) = (picked(&[5.0, 7.0], 4), picked(&[5.0, 7.0, 9.0], 4));
        assert_eq!(whole.since(first).plus(first), whole);
    }
}
