//! The rule for resident memory that grows while allocated memory does not.

use std::collections::VecDeque;

use crate::leak::census::ProcessBytes;
use crate::leak::evidence;
use crate::leak::settings::LeakSettings;
use crate::leak::stats::{growth_chance, theil_sen};
use crate::snapshot::{LeakFinding, LeakSubject, Verdict};

const CHANCE: f64 = 0.001;
/// The growth of allocated memory explains less than this share of the growth of resident memory.
const EXPLAINED: f64 = 0.25;

#[derive(Debug)]
pub(in crate::leak) struct Retention {
    length: usize,
    series: VecDeque<ProcessBytes>,
}

impl Retention {
    pub(in crate::leak) fn new(length: usize) -> Self {
        Self { length, series: VecDeque::new() }
    }

    pub(in crate::leak) fn observe(&mut self, now: ProcessBytes, rules: &LeakSettings) -> Option<LeakFinding> {
        if self.series.len() == self.length {
            self.series.pop_front();
        }
        self.series.push_back(now);
        if self.series.len() < LeakSettings::LEAST_HORIZON as usize {
            return None;
        }
        let values = |part: fn(&ProcessBytes) -> u64| self.series.iter().map(|b| part(b) as f64).collect::<Vec<f64>>();
        let (allocated, resident) = (values(|b| b.allocated), values(|b| b.resident));
        let (grows, explained) = (theil_sen(&resident), theil_sen(&allocated));
        let grown = grows * self.series.len() as f64;
        // Memory that grew at the beginning and then stays constant is a warm-up.
        let latest = theil_sen(&resident[resident.len() / 2..]);
        if grown < rules.floor_bytes.max(1) as f64
            || latest < grows / 2.0
            || explained > grows * EXPLAINED
            || growth_chance(&resident) > CHANCE
        {
            return None;
        }
        let bytes_per_hour = grows * 3.6e12 / rules.window_ns as f64;
        let mut finding = LeakFinding {
            watched: LeakSubject::Resident,
            verdict: Verdict::Retention,
            bytes: now.resident,
            retained_bytes: now.resident.saturating_sub(now.allocated),
            bytes_per_hour,
            seconds_to_limit: rules
                .limit_bytes
                .map(|limit| limit.saturating_sub(now.resident) as f64 / bytes_per_hour * 3_600.0),
            ..LeakFinding::default()
        };
        finding.evidence = evidence::of_retention(&finding, now.allocated, self.series.len(), rules);
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: impl Iterator<Item = (u64, u64)>) -> Option<Verdict> {
        let rules = LeakSettings {
            window_ns: 1_000_000_000,
            horizon_ns: 120_000_000_000,
            floor_bytes: 1 << 20,
            caches_are_declared: false,
            limit_bytes: Some(1 << 30),
        };
        let mut retention = Retention::new(120);
        let mut found = None;
        for (allocated, resident) in bytes {
            found = retention.observe(ProcessBytes { allocated: allocated << 20, resident: resident << 20 }, &rules);
        }
        found.map(|finding| finding.verdict)
    }

    #[test]
    fn growth_of_resident_memory_alone_is_retention() {
        assert_eq!(verdict((0..120).map(|n| (100 + n % 3, 120 + n))), Some(Verdict::Retention));
    }

    #[test]
    fn growth_that_is_allocated_or_has_ended_is_not_retention() {
        assert_eq!(verdict((0..120).map(|n| (100 + n, 120 + n))), None, "it is allocated");
        assert_eq!(verdict((0..120).map(|_| (100, 120))), None);
        assert_eq!(verdict((0..120).map(|n| (100, 120 + n.min(20)))), None, "a program that warms up");
        assert_eq!(verdict((0..120).map(|n| (100, 120 + n % 7))), None);
    }
}
