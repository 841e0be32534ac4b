//! The latest judgement of alerts, what happened and what was done, for snapshots.

use crate::alert::{AlertEvent, AlertRun, Alerts, AlertsReport, Moment, Runs};
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

/// The number of events that are remembered.
const MOST_EVENTS: usize = 1_000;

/// With the process that judged: a forked child has no alerts.
static LATEST: Lock<Option<(Process, Latest)>> = Lock::new(None);

#[derive(Debug, Default)]
struct Latest {
    /// Without what was done, which is in `runs`.
    report: AlertsReport,
    runs: Runs,
}

/// Sets the judgement for snapshots from now on, and adds what happened. `None` forgets both.
pub(crate) fn note_alerts(now: Option<Alerts>, events: &[AlertEvent]) {
    let mut latest = LATEST.lock();
    let Some(now) = now else {
        *latest = None;
        return;
    };
    let process = Process::current();
    if latest.as_ref().is_none_or(|(of, _)| *of != process) {
        *latest = Some((process, Latest::default()));
    }
    let Some((_, Latest { report, .. })) = latest.as_mut() else { return };
    report.now = now;
    // The latest come first.
    report.events.splice(0..0, events.iter().rev().cloned());
    report.events.truncate(MOST_EVENTS);
}

/// Takes up what was done before the program was started anew.
pub(crate) fn restore_alert_runs(before: Vec<AlertRun>, moment: Moment) {
    alert_runs(|runs| runs.restore(before, moment));
}

/// What was done about alerts. `None` before the first judgement.
pub(crate) fn alert_runs<R>(with: impl FnOnce(&mut Runs) -> R) -> Option<R> {
    let mut latest = LATEST.lock();
    let (_, latest) = latest.as_mut().filter(|(process, _)| process.is_current())?;
    Some(with(&mut latest.runs))
}

/// `None` before the first judgement, and without rules.
pub(super) fn alerts() -> Option<Alerts> {
    with(|latest| Alerts { actions: latest.runs.totals(), ..latest.report.now.clone() })
}

/// The same, with what happened and what was done.
pub(crate) fn alerts_report() -> Option<AlertsReport> {
    with(|latest| {
        let mut report = latest.report.clone();
        report.now.actions = latest.runs.totals();
        AlertsReport { runs: latest.runs.all(), ..report }
    })
}

fn with<R>(read: impl FnOnce(&Latest) -> R) -> Option<R> {
    LATEST.lock().as_ref().filter(|(process, _)| process.is_current()).map(|(_, latest)| read(latest))
}
