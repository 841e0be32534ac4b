//! Times of two versions in pairs: what is compared of them.

use std::collections::BTreeMap;

use perf_sdk::bench::Times;

/// A function is compared if it has such a part of the operation's time in the base: of what takes
/// less, most is the measuring itself.
const PART: f64 = 0.05;
/// What is in no profiled function.
pub(super) const OUTSIDE: &str = "outside of profiled functions";

/// Which of both runs: the base (0) or the head (1), pair by pair in the order ABBA, so that a
/// machine that becomes slower slows both.
pub(super) fn order(pairs: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..pairs).map(|pair| if pair % 2 == 0 { [0, 1] } else { [1, 0] })
}

/// Pairs of one operation: base and head.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) pairs: Vec<[Times; 2]>,
}

/// One thing whose times are compared.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    /// `None`: the operation.
    pub(super) function: Option<String>,
    /// Nanoseconds in base and head.
    pub(super) ns: Vec<[f64; 2]>,
}

impl Pairs {
    /// The logarithm of head ÷ base of each pair.
    pub(super) fn log_ratios(&self) -> Vec<f64> {
        self.ns.iter().map(|[base, head]| (head / base).ln()).collect()
    }

    pub(super) fn medians(&self) -> [f64; 2] {
        [0, 1].map(|side| median(self.ns.iter().map(|pair| pair[side])))
    }

    /// The median of head − base.
    pub(super) fn growth(&self) -> f64 {
        median(self.ns.iter().map(|[base, head]| head - base))
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Series {
    pub(super) fn operation(&self) -> Pairs {
        Pairs { function: None, ns: self.pairs.iter().map(|pair| pair.each_ref().map(|times| times.wall_ns)).collect() }
    }

    /// The functions that are compared, by their own time, and what is outside of them.
    pub(super) fn functions(&self) -> Vec<Pairs> {
        let mut all: BTreeMap<String, Vec<[f64; 2]>> = BTreeMap::new();
        for (at, pair) in self.pairs.iter().enumerate() {
            for (side, times) in pair.iter().enumerate() {
                for (function, ns) in own_times(times) {
                    let pairs = all.entry(function).or_insert_with(|| vec![[0.0; 2]; self.pairs.len()]);
                    pairs[at][side] += ns;
                }
            }
        }
        let whole = self.operation().medians()[0];
        let pairs = all.into_iter().map(|(function, ns)| Pairs { function: Some(function), ns });
        // One that is not on both sides has no ratio; that it is new is said by its calls.
        let is_compared =
            |pairs: &Pairs| pairs.ns.iter().flatten().all(|ns| *ns > 0.0) && pairs.medians()[0] >= PART * whole;
        pairs.filter(is_compared).collect()
    }

    /// The median of own time by path, in base and head.
    pub(super) fn tree(&self) -> BTreeMap<Vec<String>, [f64; 2]> {
        let mut all: BTreeMap<Vec<String>, [Vec<f64>; 2]> = BTreeMap::new();
        for pair in &self.pairs {
            for (side, times) in pair.iter().enumerate() {
                for time in &times.tree {
                    all.entry(time.path.clone()).or_default()[side].push(time.wall_ns);
                }
            }
        }
        all.into_iter().map(|(path, sides)| (path, sides.map(|times| median(times.into_iter())))).collect()
    }
}

/// Each function's own time, however it was called. Without functions there is nothing to tell
/// apart.
fn own_times(times: &Times) -> BTreeMap<String, f64> {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for time in &times.tree {
        if let Some(function) = time.path.last() {
            *all.entry(function.clone()).or_default() += time.wall_ns;
        }
    }
    if !all.is_empty() {
        let inside: f64 = all.values().sum();
        all.insert(OUTSIDE.to_owned(), (times.wall_ns - inside).max(0.0));
    }
    all
}

#[cfg(test)]
mod tests {
    use perf_sdk::bench::PathTime;

    use super::*;

    fn times(wall_ns: f64, tree: &[(&str, f64)]) -> Times {
        let time = |(path, wall_ns): &(&str, f64)| PathTime {
            path: path.split(" > ").map(str::to_owned).collect(),
            wall_ns: *wall_ns,
        };
        Times { wall_ns, tree: tree.iter().map(time).collect(), ..Times::default() }
    }

    #[test]
    fn both_come_first_equally_often() {
        let order: Vec<[usize; 2]> = order(4).collect();
        assert_eq!(order, [[0, 1], [1, 0], [0, 1], [1, 0]]);
    }

    #[test]
    fn functions_with_a_part_of_the_time_on_both_sides_are_compared() {
        let base = times(100.0, &[("a", 30.0), ("a > b", 10.0), ("b", 10.0), ("tiny", 1.0), ("old", 9.0)]);
        let head = times(110.0, &[("a", 36.0), ("a > b", 10.0), ("b", 12.0), ("tiny", 9.0), ("new", 9.0)]);
        let series = Series { pairs: vec![[base.clone(), head.clone()], [base, head]] };
        let seen: Vec<(String, [f64; 2])> =
            series.functions().into_iter().map(|pairs| (pairs.function.clone().unwrap(), pairs.medians())).collect();
        let expected = [("a", [30.0, 36.0]), ("b", [20.0, 22.0]), (OUTSIDE, [40.0, 34.0])];
        assert_eq!(seen, expected.map(|(name, medians)| (name.to_owned(), medians)));
        assert_eq!(series.operation().growth(), 10.0);
        let path = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(series.tree()[&path(&["a", "b"])], [10.0, 10.0]);
        assert_eq!(series.tree()[&path(&["new"])], [0.0, 9.0]);
    }
}
