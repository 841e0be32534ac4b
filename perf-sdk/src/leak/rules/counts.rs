//! The rule for subjects of which only the number is known: file descriptors, threads, tasks.

use std::collections::{HashMap, VecDeque};

use crate::leak::census::Number;
use crate::leak::evidence;
use crate::leak::settings::LeakSettings;
use crate::leak::stats::{growth_chance, theil_sen};
use crate::snapshot::{LeakFinding, LeakSubject, Verdict};

/// The probability that a number without a trend is suspected, over all numbers.
const CHANCE: f64 = 0.001;
/// Growth by fewer than this is not reported.
const LEAST_GROWTH: f64 = 20.0;

type Key = (LeakSubject, String, String);

#[derive(Debug)]
pub(in crate::leak) struct Counts {
    length: usize,
    series: HashMap<Key, VecDeque<f64>>,
}

impl Counts {
    pub(in crate::leak) fn new(length: usize) -> Self {
        Self { length, series: HashMap::new() }
    }

    /// Suspects numbers whose minima grow too. A number alone is never enough for a confirmed
    /// verdict.
    pub(in crate::leak) fn observe(&mut self, counts: Vec<Number>, rules: &LeakSettings) -> Vec<LeakFinding> {
        let now: HashMap<Key, u64> = counts.into_iter().map(|c| ((c.watched, c.module, c.function), c.count)).collect();
        self.series.retain(|key, _| now.contains_key(key));
        for (key, count) in now {
            let series = self.series.entry(key).or_default();
            if series.len() == self.length {
                series.pop_front();
            }
            series.push_back(count as f64);
        }
        let tested = self.series.len();
        self.series.iter().filter_map(|(key, series)| finding(key, series, tested, rules)).collect()
    }
}

/// The minimum of each tenth of the history must grow: a number that returns to an earlier value is
/// not a leak.
fn finding(
    (watched, module, function): &Key,
    series: &VecDeque<f64>,
    tested: usize,
    rules: &LeakSettings,
) -> Option<LeakFinding> {
    let values: Vec<f64> = series.iter().copied().collect();
    if values.len() < LeakSettings::LEAST_HORIZON as usize {
        return None;
    }
    let lows: Vec<f64> =
        values.chunks(values.len() / 10).map(|part| part.iter().copied().fold(f64::INFINITY, f64::min)).collect();
    let growth = lows.last()? - lows.first()?;
    let rises = lows.windows(2).all(|pair| pair[1] > pair[0]);
    if !rises || growth < LEAST_GROWTH || growth_chance(&values) > CHANCE / tested as f64 {
        return None;
    }
    let now = *values.last()?;
    let mut finding = LeakFinding {
        watched: *watched,
        verdict: Verdict::Suspect,
        function: function.clone(),
        module: module.clone(),
        scopes: if function.is_empty() { Vec::new() } else { vec![function.clone()] },
        objects: now as u64,
        objects_per_hour: theil_sen(&values) * 3.6e12 / rules.window_ns as f64,
        ..LeakFinding::default()
    };
    finding.evidence = evidence::of_count(&finding, values[0] as u64, values.len(), rules);
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(values: impl Iterator<Item = u64>) -> Option<Verdict> {
        let rules = LeakSettings {
            window_ns: 1_000_000_000,
            horizon_ns: 120_000_000_000,
            floor_bytes: 0,
            caches_are_declared: false,
            limit_bytes: None,
        };
        let mut counts = Counts::new(120);
        let counted = |count| Number {
            watched: LeakSubject::FileDescriptors,
            module: String::new(),
            function: String::new(),
            count,
        };
        let mut findings = Vec::new();
        for value in values {
            findings = counts.observe(vec![counted(value)], &rules);
        }
        findings.first().map(|finding| finding.verdict)
    }

    #[test]
    fn a_number_that_only_grows_is_suspected() {
        assert_eq!(verdict((0..120).map(|n| 50 + n)), Some(Verdict::Suspect));
        assert_eq!(verdict((0..120).map(|n| 50 + n + n * 7919 % 13)), Some(Verdict::Suspect));
    }

    #[test]
    fn a_number_that_returns_is_not_suspected() {
        assert_eq!(verdict((0..120).map(|_| 500)), None);
        assert_eq!(verdict((0..120).map(|n| 50 + n * 7919 % 101)), None);
        assert_eq!(verdict((0..120).map(|n| 50 + 20 * (n % 12))), None, "a sawtooth");
        assert_eq!(verdict((0..120).map(|n| 50 + (n * 10).min(400))), None, "a pool that has reached its size");
        assert_eq!(verdict((0..120).map(|n| 50 + n / 10)), None, "too few");
    }
}
