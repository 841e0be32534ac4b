//! The thread that looks at what is held, once a window.

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

/// Looks until it is dropped; each look's verdicts are part of the snapshots from then on.
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
                    // The program's own code: what it does wrong must not end the looks.
                    let _ = catch_unwind(AssertUnwindSafe(|| tell(finding)));
                }
            }
            collect::set_leaks(Some(leaks));
        }
        collect::set_leaks(None);
    })
}

/// What the program's callback has heard.
#[derive(Debug, Default)]
struct Told(HashMap<(LeakSubject, String, Vec<String>, String, u64), Verdict>);

impl Told {
    /// What is worse than the last that was told of it. A finding that is gone may be told again.
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
