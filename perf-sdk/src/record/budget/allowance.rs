//! Computes the sampling rate of each site that keeps the total cost within a budget. Pure.

use crate::rate::Rate;

/// A lower sampling rate is raised again only after this many evaluations in a row, or at once when
/// it is far too low. The second constant is the factor that counts as far.
const PATIENCE: u8 = 3;
const FAR: u32 = 8;

/// Calls per second of each function that are measured in any case, if there are that many.
/// Quantiles of fewer calls are not meaningful.
const LEAST_A_SECOND: f64 = 10.0;

/// The budget for recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowance {
    /// A share of the process's CPU time.
    pub(crate) share: f64,
    /// A share of one core, used where that is more: an idle process can afford to be measured.
    pub(crate) floor: f64,
}

impl Allowance {
    /// The budget for this CPU time and this wall time.
    pub(in crate::record) fn ns(&self, cpu_ns: f64, wall_ns: f64) -> f64 {
        (self.share * cpu_ns).max(self.floor * wall_ns)
    }
}

/// The load of one site between two evaluations.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Load {
    /// The cost of measuring all its calls, beyond counting them, in nanoseconds.
    pub(in crate::record) full_ns: f64,
    /// At least one call in this many is measured.
    pub(in crate::record) sparsest: u32,
}

impl Load {
    /// The load of a site with this many calls per second.
    pub(in crate::record) fn new(full_ns: f64, calls_a_second: f64) -> Self {
        let sparsest = (calls_a_second / LEAST_A_SECOND).clamp(1.0, f64::from(Rate::MAX)) as u32;
        // Rounded down to a power of two.
        Self { full_ns, sparsest: 1 << sparsest.ilog2() }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self { full_ns: 0.0, sparsest: Rate::MAX }
    }
}

/// The sampling rate of a site, and for how many evaluations a higher rate was possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) struct Allowed {
    pub(in crate::record) one_in: u32,
    waiting: u8,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { one_in: 1, waiting: 0 }
    }
}

/// The maximum cost of a site that keeps the total within `budget_ns`. Sites below it are measured
/// fully, so the most expensive sites are reduced first. Infinite if the budget suffices for all.
///
/// `costs` are those of the sites if they were measured fully, in nanoseconds. They are sorted.
pub(in crate::record) fn level(costs: &mut [f64], budget_ns: f64) -> f64 {
    if costs.iter().sum::<f64>() <= budget_ns {
        return f64::INFINITY;
    }
    costs.sort_unstable_by(f64::total_cmp);
    let mut left = budget_ns;
    for (at, cost) in costs.iter().enumerate() {
        let share = left / (costs.len() - at) as f64;
        if *cost >= share {
            return share;
        }
        left -= cost;
    }
    f64::INFINITY
}

impl Allowed {
    /// The new state after an evaluation with `load` and `level`. Rates are powers of two.
    pub(in crate::record) fn after(self, load: Load, level: f64) -> Self {
        let wanted = load.full_ns / level.max(f64::MIN_POSITIVE);
        let one_in = if wanted <= 1.0 {
            1
        } else if wanted >= f64::from(Rate::MAX) {
            Rate::MAX
        } else {
            (wanted.ceil() as u32).next_power_of_two()
        };
        let one_in = one_in.min(load.sparsest);
        let waits = one_in < self.one_in && self.waiting + 1 < PATIENCE && self.one_in / one_in < FAR;
        if waits { Self { waiting: self.waiting + 1, ..self } } else { Self { one_in, waiting: 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(costs: &[f64]) -> Vec<Load> {
        costs.iter().map(|full_ns| Load { full_ns: *full_ns, ..Load::default() }).collect()
    }

    fn costs_of(loads: &[Load]) -> Vec<f64> {
        loads.iter().map(|load| load.full_ns).collect()
    }

    fn spent(loads: &[Load], allowed: &[Allowed]) -> f64 {
        loads.iter().zip(allowed).map(|(load, allowed)| load.full_ns / f64::from(allowed.one_in)).sum()
    }

    #[test]
    fn whoever_costs_most_gives_way_first() {
        let loads = loads(&[10.0, 1_000_000.0, 400.0, 50_000.0]);
        let level = level(&mut costs_of(&loads), 2_000.0);
        let allowed: Vec<Allowed> = loads.iter().map(|load| Allowed::default().after(*load, level)).collect();
        assert_eq!(allowed.iter().map(|a| a.one_in).collect::<Vec<_>>(), [1, 2048, 1, 64]);
        assert!(spent(&loads, &allowed) <= 2_000.0);
    }

    #[test]
    fn enough_for_all_is_enough() {
        assert_eq!(level(&mut [1.0, 2.0], 3.0), f64::INFINITY);
        assert_eq!(level(&mut [], 0.0), f64::INFINITY);
        assert_eq!(Allowed::default().after(Load { full_ns: 1e12, ..Load::default() }, f64::INFINITY).one_in, 1);
    }

    #[test]
    fn no_budget_is_the_lowest_rate() {
        let loads = loads(&[5.0]);
        let level = level(&mut costs_of(&loads), 0.0);
        assert_eq!(Allowed::default().after(loads[0], level).one_in, Rate::MAX);
    }

    #[test]
    fn any_loads_stay_within_the_budget() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..if cfg!(miri) { 5 } else { 2_000 } {
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            let count = next() % 50;
            let costs: Vec<f64> = (0..count).map(|_| (next() >> (40 + next() % 24)) as f64).collect();
            let loads = loads(&costs);
            let budget = (next() >> 45) as f64;
            let level = level(&mut costs_of(&loads), budget);
            let allowed: Vec<Allowed> = loads.iter().map(|load| Allowed::default().after(*load, level)).collect();
            let bounded =
                loads.iter().zip(&allowed).all(|(load, a)| a.one_in < Rate::MAX || load.full_ns / level <= 4096.0);
            assert!(!bounded || spent(&loads, &allowed) <= budget * 1.000_001, "{costs:?} {budget}");
        }
    }

    #[test]
    fn rates_rise_at_once_and_fall_slowly() {
        let mut site = Allowed::default().after(Load { full_ns: 64.0, ..Load::default() }, 1.0);
        assert_eq!(site.one_in, 64);
        let calmer = Load { full_ns: 30.0, ..Load::default() };
        for expected in [64, 64, 32] {
            site = site.after(calmer, 1.0);
            assert_eq!(site.one_in, expected);
        }
        assert_eq!(site.after(Load::default(), f64::INFINITY).one_in, 1, "far too low: at once");
        assert_eq!(site.after(Load { full_ns: 100.0, ..Load::default() }, 1.0).one_in, 128);
    }

    #[test]
    fn a_process_that_does_little_may_spend_a_part_of_a_core() {
        let allowance = Allowance { share: 0.01, floor: 0.005 };
        assert_eq!(allowance.ns(1e8, 1e9), 5e6, "a tenth of a core");
        assert_eq!(allowance.ns(2e9, 1e9), 2e7, "two cores");
        assert_eq!(Allowance { floor: 0.0, ..allowance }.ns(1e8, 1e9), 1e6);
    }

    #[test]
    fn so_many_calls_a_second_are_measured_whatever_they_cost() {
        let sparsest = |calls_a_second: f64| {
            let one_in = Allowed::default().after(Load::new(1e12, calls_a_second), 1.0).one_in;
            assert!(calls_a_second < 20.0 || calls_a_second / f64::from(one_in) >= LEAST_A_SECOND, "{one_in}");
            one_in
        };
        assert_eq!([0.0, 9.0, 19.0, 20.0, 1_000.0, 1e9].map(sparsest), [1, 1, 1, 2, 64, Rate::MAX]);
    }
}
