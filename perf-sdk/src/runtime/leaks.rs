//! The job that detects leaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::latest::Latest;
use super::scheduler::Job;
use super::worker::Worker;
use crate::leak::{LeakSettings, LeakWatch};
use crate::record::Part;
use crate::settings::OnLeak;
use crate::snapshot::LeakFinding;

/// The callback is called on the worker. Without one, it is not called.
pub(super) fn job(rules: LeakSettings, on_leak: Option<OnLeak>, worker: Option<Worker>) -> Job {
    let window = rules.window();
    Job::new(Part::Leaks, window, move || {
        let mut watch = LeakWatch::new(rules);
        let tell = on_leak.zip(worker).map(|(on_leak, worker)| {
            Latest::new(worker, Vec::extend, move |findings: Vec<LeakFinding>| tell(&on_leak, &findings))
        });
        Box::new(move || {
            let worse = watch.turn();
            if let Some(tell) = tell.as_ref().filter(|_| !worse.is_empty()) {
                tell.hand_over(worse);
            }
            window
        })
    })
}

fn tell(on_leak: &OnLeak, findings: &[LeakFinding]) {
    for finding in findings {
        // A panic in the callback must not keep it from the other findings.
        let _ = catch_unwind(AssertUnwindSafe(|| (on_leak.0)(finding))).map_err(std::mem::forget);
    }
}
