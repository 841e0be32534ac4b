//! The thread that runs the leak detector, once for each window.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::detector::Detector;

use super::settings::LeakSettings;
use super::taker::Taker;
use crate::base::background::Background;
use crate::base::headroom;
use crate::collect;
use crate::memory;
use crate::monitor;
use crate::record::OwnThread;
use crate::settings::OnLeak;
use crate::snapshot::{LeakFinding, LeakSubject, Leaks, Verdict};

/// Runs the detector until the result is dropped. Snapshots contain the latest verdicts.
pub(crate) fn start(mut rules: LeakSettings, on_leak: Option<OnLeak>) -> io::Result<Background> {
    Background::start("perf-sdk-leaks", move |pauses| {
        let _own = OwnThread::enter();
        rules.limit_bytes = rules.limit_bytes.or_else(monitor::memory_limit_bytes);
        let mut taker = Taker::new();
        let mut detector = Detector::new(rules);
        let mut told = Told::default();
        while pauses.wait(Duration::from_nanos(rules.window_ns)) {
            if !headroom::is_there(headroom::TURN_BYTES) {
                continue;
            }
            let leaks = memory::uncounted(|| detector.observe(taker.take()));
            if let Some(OnLeak(tell)) = &on_leak {
                for finding in told.worse(&leaks) {
                    // A panic in the program's callback must not end the detector.
                    let _ = catch_unwind(AssertUnwindSafe(|| tell(finding)));
                }
            }
            collect::set_leaks(Some(leaks));
        }
        collect::set_leaks(None);
    })
}

/// The verdicts of which the program's callback was notified.
#[derive(Debug, Default)]
struct Told(HashMap<(LeakSubject, String, Vec<String>, String, u64), Verdict>);

impl Told {
    /// The findings that are worse than at their last notification. A finding that disappeared may
    /// be reported again.
    fn worse<'a>(&mut self, leaks: &'a Leaks) -> Vec<&'a LeakFinding> {
        let key = |f: &LeakFinding| (f.watched, f.module.clone(), f.scopes.clone(), f.pool.clone(), f.below_bytes);
        let now: HashMap<_, Verdict> = leaks.findings.iter().map(|f| (key(f), f.verdict)).collect();
        let is_worse =
            |f: &&LeakFinding| f.verdict > Verdict::Bounded && self.0.get(&key(f)).is_none_or(|told| f.verdict > *told);
        let worse = leaks.findings.iter().filter(is_worse).collect();
        self.0 = now;
        worse
    }
}
