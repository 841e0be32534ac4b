//! The job that detects leaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::scheduler::Job;
use super::worker::Worker;
use crate::leak::{LeakSettings, LeakWatch};
use crate::record::Part;
use crate::settings::OnLeak;

/// The callback is called on the worker. Without one, it is not called.
pub(super) fn job(rules: LeakSettings, on_leak: Option<OnLeak>, worker: Option<Worker>) -> Job {
    let window = rules.window();
    Job::new(Part::Leaks, window, move || {
        let mut watch = LeakWatch::new(rules);
        let tell = on_leak.zip(worker);
        Box::new(move || {
            let worse = watch.turn();
            if let (Some((on_leak, worker)), false) = (&tell, worse.is_empty()) {
                let on_leak = on_leak.clone();
                worker.run(move || {
                    for finding in &worse {
                        // A panic in the callback must not keep it from the other findings.
                        let _ = catch_unwind(AssertUnwindSafe(|| (on_leak.0)(finding))).map_err(std::mem::forget);
                    }
                });
            }
            window
        })
    })
}
