//! The latest judgement of alerts and what happened, for snapshots.

use crate::alert::{AlertEvent, Alerts, AlertsReport};
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

/// The number of events that are remembered.
const MOST_EVENTS: usize = 1_000;

/// With the process that judged: a forked child has no alerts.
static LATEST: Lock<Option<(Process, AlertsReport)>> = Lock::new(None);

/// Sets the judgement for snapshots from now on, and adds what happened. `None` forgets both.
pub(crate) fn note_alerts(now: Option<Alerts>, events: &[AlertEvent]) {
    let mut latest = LATEST.lock();
    let Some(now) = now else {
        *latest = None;
        return;
    };
    let process = Process::current();
    if latest.as_ref().is_none_or(|(of, _)| *of != process) {
        *latest = Some((process, AlertsReport::default()));
    }
    let Some((_, report)) = latest.as_mut() else { return };
    report.now = now;
    // The latest come first.
    report.events.splice(0..0, events.iter().rev().cloned());
    report.events.truncate(MOST_EVENTS);
}

/// `None` before the first judgement, and without rules.
pub(super) fn alerts() -> Option<Alerts> {
    with(|report| report.now.clone())
}

/// The same, with what happened.
pub(crate) fn alerts_report() -> Option<AlertsReport> {
    with(Clone::clone)
}

fn with<R>(read: impl FnOnce(&AlertsReport) -> R) -> Option<R> {
    LATEST.lock().as_ref().filter(|(process, _)| process.is_current()).map(|(_, report)| read(report))
}
