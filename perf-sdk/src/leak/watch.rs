//! The leak detector as it runs in this process, once for each window.

use std::collections::HashMap;

use super::detector::Detector;
use super::settings::LeakSettings;
use super::taker::Taker;
use crate::base::headroom;
use crate::collect;
use crate::memory;
use crate::monitor;
use crate::snapshot::{LeakFinding, LeakSubject, Leaks, Verdict};

/// While it exists, snapshots contain the latest verdicts.
pub(crate) struct LeakWatch {
    taker: Taker,
    detector: Detector,
    told: Told,
}

impl LeakWatch {
    /// The first window begins now.
    pub(crate) fn new(mut rules: LeakSettings) -> Self {
        rules.limit_bytes = rules.limit_bytes.or_else(monitor::memory_limit_bytes);
        Self { taker: Taker::new(), detector: Detector::new(rules), told: Told::default() }
    }

    /// Ends a window. Returns the findings that are worse than before.
    pub(crate) fn turn(&mut self) -> Vec<LeakFinding> {
        if !headroom::is_there(headroom::TURN_BYTES) {
            return Vec::new();
        }
        let leaks = memory::uncounted(|| self.detector.observe(self.taker.take()));
        let worse = self.told.worse(&leaks);
        collect::set_leaks(Some(leaks));
        worse
    }
}

impl Drop for LeakWatch {
    fn drop(&mut self) {
        collect::set_leaks(None);
    }
}

type Key = (LeakSubject, String, Vec<String>, String, u64);

/// Findings that are known: their worst verdict, and for how many windows they are away.
#[derive(Debug, Default)]
struct Told(HashMap<Key, (Verdict, u32)>);

/// A finding that is away for so many windows is another one when it comes back. One at the edge of
/// a rule comes and goes with each window.
const FORGOTTEN_AFTER: u32 = 60;

impl Told {
    /// The findings that are worse than ever since they are known.
    fn worse(&mut self, leaks: &Leaks) -> Vec<LeakFinding> {
        self.0.retain(|_, (_, away)| {
            *away += 1;
            *away <= FORGOTTEN_AFTER
        });
        let mut worse = Vec::new();
        for found in &leaks.findings {
            let key =
                (found.watched, found.module.clone(), found.scopes.clone(), found.pool.clone(), found.below_bytes);
            let (told, away) = self.0.entry(key).or_insert((Verdict::Bounded, 0));
            *away = 0;
            if found.verdict > *told {
                *told = found.verdict;
                worse.push(found.clone());
            }
        }
        worse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(told: &mut Told, verdict: Option<Verdict>) -> usize {
        let finding = |verdict| LeakFinding { watched: LeakSubject::Resident, verdict, ..LeakFinding::default() };
        told.worse(&Leaks { findings: verdict.map(finding).into_iter().collect(), ..Leaks::default() }).len()
    }

    #[test]
    fn a_finding_that_comes_and_goes_is_told_once_and_again_when_it_is_worse_or_was_long_away() {
        let mut told = Told::default();
        let suspect = Some(Verdict::Suspect);
        let times: usize = (0..500).map(|at| turn(&mut told, suspect.filter(|_| at % 3 != 1))).sum();
        assert_eq!(times, 1);
        assert_eq!(turn(&mut told, Some(Verdict::Bounded)), 0);
        assert_eq!([turn(&mut told, Some(Verdict::Confirmed)), turn(&mut told, suspect)], [1, 0]);
        assert_eq!(turn(&mut told, Some(Verdict::Confirmed)), 0);
        (0..FORGOTTEN_AFTER).for_each(|_| _ = turn(&mut told, None));
        assert_eq!(turn(&mut told, suspect), 1, "it is another one");
    }
}
