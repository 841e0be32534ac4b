//! What the times of a call-tree node are estimated from.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Sums over the calls of one node, which windows subtract and threads and processes add. Times in
/// nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "enabled", serde(default))]
pub(crate) struct Basis {
    /// Calls that were measured and stand for themselves alone.
    pub(crate) single: u64,
    /// Their CPU time, and that of calls which are still open.
    pub(crate) single_cpu: f64,
    /// Calls that were measured and stand for others too.
    pub(crate) picked: u64,
    /// How many calls these stand for.
    pub(crate) stand_for: u64,
    /// Their CPU time, each as often as it stands for.
    pub(crate) picked_cpu: f64,
    /// Over these, which stand for w calls and took x each: Σ w (w − 1) xⁿ for n = 0, 1, 2.
    pub(crate) moments: [f64; 3],
    /// Time off the CPU here and not in a callee.
    pub(crate) absent: f64,
    /// What recording all calls of the node took.
    pub(crate) recorder: f64,
    /// Of this, within the node's own time, since it calls itself.
    pub(crate) recorder_within: f64,
    /// Times that the parent's do not hold: polled elsewhere. CPU, and off the CPU.
    pub(crate) outside: [f64; 2],
    /// Times that belong to nodes which are not children.
    pub(crate) foreign: [f64; 2],
}

/// A sum and how far it may be off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub(super) ns: f64,
    /// By chance: independent of that of other sums.
    pub(super) variance: f64,
    /// In the same direction as with other sums, a standard error.
    pub(super) common: f64,
}

/// What a call that stands for itself reads too much or too little, about: a processor does the end
/// of one thing beside the beginning of another, and empty calls, by which readings are corrected,
/// have less to hide behind.
const READING_NS: f64 = 3.0;
/// The same of one that stands for others: its code and ours are less warm.
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

    /// Since an earlier moment.
    pub(super) fn since(self, earlier: Self) -> Self {
        self.zip(earlier, u64::saturating_sub, |a, b| a - b)
    }

    /// CPU time of so many finished calls and of those that are open, callees and recording
    /// included. `None`: no call was measured that could tell.
    ///
    /// The mean of the calls that were picked, times the number of those that were not measured for
    /// themselves: a ratio estimate, since both numbers are known. Its variance is that of sampling
    /// without replacement from blocks, Σ w (w − 1) (x − mean)², times n ∕ (n − 1).
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
            // Only open ones.
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

    /// Of calls that took `values`, each of which stands for `weight`.
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
    fn others_take_as_long_as_those_that_were_picked() {
        let basis =
            picked(&[90.0, 110.0, 100.0], 10).plus(Basis { single: 2, single_cpu: 1_000.0, ..Basis::default() });
        let estimate = basis.cpu(2 + 36).unwrap();
        assert_eq!(estimate.ns, 1_000.0 + 36.0 * 100.0);
        // 3 of 36 drawn without replacement: 36² ∕ 3 × (1 − 3 ∕ 30) × 100.
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
