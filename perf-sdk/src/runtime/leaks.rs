//! The job that detects leaks.

use super::callback::Telling;
use super::scheduler::Job;
use super::worker::Worker;
use crate::event::{self, Event};
use crate::leak::{LeakSettings, LeakWatch};
use crate::record::Part;
use crate::settings::Callback;
use crate::snapshot::LeakFinding;

/// The callback is called on the worker. Without one, it is not called.
pub(super) fn job(rules: LeakSettings, on_leak: Option<Callback<LeakFinding>>, worker: Option<Worker>) -> Job {
    let window = rules.window();
    Job::new(Part::Leaks, window, move || {
        let mut watch = LeakWatch::new(rules);
        let told = on_leak.zip(worker).map(|(on_leak, worker)| Telling::new(on_leak, worker));
        Box::new(move || {
            let worse = watch.turn();
            worse.iter().for_each(|finding| event::emit(|| Event::Leak(finding.clone())));
            if let Some(told) = &told {
                told.hand_over(worse);
            }
            window
        })
    })
}
