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

/// The verdicts of which the program's callback was notified.
#[derive(Debug, Default)]
struct Told(HashMap<(LeakSubject, String, Vec<String>, String, u64), Verdict>);

impl Told {
    /// The findings that are worse than at their last notification. A finding that disappeared may
    /// be reported again.
    fn worse(&mut self, leaks: &Leaks) -> Vec<LeakFinding> {
        let key = |f: &LeakFinding| (f.watched, f.module.clone(), f.scopes.clone(), f.pool.clone(), f.below_bytes);
        let now: HashMap<_, Verdict> = leaks.findings.iter().map(|f| (key(f), f.verdict)).collect();
        let is_worse =
            |f: &&LeakFinding| f.verdict > Verdict::Bounded && self.0.get(&key(f)).is_none_or(|told| f.verdict > *told);
        let worse = leaks.findings.iter().filter(is_worse).cloned().collect();
        self.0 = now;
        worse
    }
}
