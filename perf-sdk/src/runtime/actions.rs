//! What is done when alerts fire, and whether it helped.

use std::io;
use std::sync::Arc;
#[cfg(feature = "flight")]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::action::{Runner, Tasks, Work, environment, too_busy};
use crate::alert::{AlertAction, AlertActionKind, AlertChange, AlertEvent, AlertRun, Bounds, Ended, Moment, Watch};
use crate::collect;
use crate::event::{self, Event};
use crate::figures::{Live, Now};
#[cfg(feature = "flight")]
use crate::flight;
use crate::history;
use crate::reading::{Description, Place, Renew, Sheet, Unit};

static RECOVERED: Description = Description::gauge(
    "alert_actions_recovered_ratio",
    Unit::Ratio,
    "Of the remedies that were run for alerts and judged (flags, commands, memory returned), the share after which the alert was over. Absent before the first.",
);

/// What may be shown.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    std::iter::once(&RECOVERED)
}

/// The thread for what takes long.
pub(super) fn start() -> io::Result<Runner> {
    Runner::start(|number, ended| {
        let run = collect::alert_runs(|runs| runs.end(number, ended, unix_ns())).flatten();
        run.into_iter().for_each(emit);
    })
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn emit(run: AlertRun) {
    event::emit(|| Event::Action(run));
}

/// Why nothing should be begun now.
pub(super) fn busy(moment: Moment) -> Option<String> {
    let readings = Default::default();
    let now = Now::new(&readings, collect::function_names, None);
    history::ask(|history| too_busy(&Live::new(Some(history), now), moment.at_unix_ns)).flatten()
}

/// Whether something may be begun for this change.
pub(super) fn fires(event: &AlertEvent) -> bool {
    event.change == AlertChange::Fired && event.explained_by.is_empty()
}

/// Notes that a bundle is made, or why there is none. Calls `settled` once it is known whether it
/// was kept.
#[cfg(feature = "flight")]
pub(super) fn capturing(
    event: &AlertEvent,
    made: Result<String, String>,
    moment: Moment,
    settled: impl FnOnce() + Send + 'static,
) {
    let bounds = Bounds { runs: None, judged_after: None };
    let (name, may_run) = match made {
        Ok(name) => (name, Ok(())),
        Err(why) => (String::new(), Err(why)),
    };
    let begun = collect::alert_runs(|runs| runs.begin(event, AlertActionKind::Capture, bounds, may_run, moment));
    let number = match begun {
        Some(Ok(number)) => number,
        Some(Err(skipped)) => return emit(*skipped),
        None => return,
    };
    let began = Instant::now();
    flight::when_over(&name, move |kept| {
        let has_failed = kept.is_err();
        let (Ok(detail) | Err(detail)) = kept;
        let took_seconds = began.elapsed().as_secs_f64();
        let ended = Ended { detail, attempts: 1, took_seconds, has_failed, ..Ended::default() };
        let run = collect::alert_runs(|runs| runs.end(number, ended, unix_ns())).flatten();
        run.into_iter().for_each(emit);
        settled();
    });
}

/// Begins a run that has ended when `end` returns.
fn done(
    event: &AlertEvent,
    action: AlertActionKind,
    bounds: Bounds,
    may_run: Result<(), String>,
    moment: Moment,
    end: impl FnOnce() -> Ended,
) {
    let run = collect::alert_runs(|runs| match runs.begin(event, action, bounds, may_run, moment) {
        Ok(number) => runs.end(number, end(), moment.at_unix_ns),
        Err(skipped) => Some(*skipped),
    });
    run.flatten().into_iter().for_each(emit);
}

/// While it exists, the share of what helped is shown.
pub(super) struct Acting {
    /// Absent if no rule asks for what takes long.
    tasks: Option<Tasks>,
    shown: Place,
    /// The share that is shown.
    ratio: Option<f64>,
}

impl Acting {
    pub(super) fn new(tasks: Option<Tasks>) -> Self {
        Self { tasks, shown: Place::new("alert actions", Renew(Arc::new(|| ()))), ratio: None }
    }

    /// After a judgement that is in the report: begins what is to be done about these changes, and
    /// judges what was done before.
    pub(super) fn turn(&mut self, watch: &Watch, events: &[AlertEvent], busy: Option<&str>, moment: Moment) {
        let judged = collect::alert_runs(|runs| runs.turn(events, moment)).unwrap_or_default();
        judged.into_iter().for_each(emit);
        for event in events.iter().filter(|event| event.explained_by.is_empty()) {
            let Some(rule) = watch.rule(&event.rule) else { continue };
            let bounds = rule.bounds();
            if event.change == AlertChange::Resolved {
                self.leave_out(event, moment);
            }
            if let Some(flag) = rule.wanted_flag().filter(|_| fires(event)) {
                let bounds = Bounds { runs: None, ..bounds };
                let detail = format!("{flag} is on");
                let ended = || Ended { detail, attempts: 1, ..Ended::default() };
                done(event, AlertActionKind::Flag, bounds, Ok(()), moment, ended);
            }
            for action in rule.actions() {
                // Each of several commands runs so often.
                let alike = rule.actions().iter().filter(|other| other.kind() == action.kind()).count() as u32;
                let bounds = Bounds { runs: bounds.runs.map(|runs| runs.saturating_mul(alike)), ..bounds };
                self.act(event, action, bounds, busy, moment);
            }
        }
        self.show();
    }

    /// What has not begun when its alert ends is not done.
    fn leave_out(&self, event: &AlertEvent, moment: Moment) {
        let late = self.tasks.as_ref().map(|tasks| tasks.alert_ended(&event.fingerprint)).unwrap_or_default();
        for number in late {
            let run = collect::alert_runs(|runs| runs.leave_out(number, moment.at_unix_ns)).flatten();
            run.into_iter().for_each(emit);
        }
    }

    fn act(&self, event: &AlertEvent, action: &AlertAction, bounds: Bounds, busy: Option<&str>, moment: Moment) {
        let kind = action.kind();
        let is_over = event.change == AlertChange::Resolved;
        // Not counted: so that each that began has its end.
        let (bounds, busy) = if is_over { (Bounds { runs: None, ..bounds }, None) } else { (bounds, busy) };
        let at_end = matches!(action, AlertAction::Command(command) if command.runs_at_end());
        let has_begun = || collect::alert_runs(|runs| runs.has_begun(event, kind)).unwrap_or(false);
        let is_due = fires(event) || (is_over && at_end && has_begun());
        if !is_due {
            return;
        }
        let work = match action {
            AlertAction::Command(command) => Work::Command(command.clone(), environment(event)),
            AlertAction::Trim => Work::Trim,
            AlertAction::Purge => Work::Purge,
            // It goes with the alert, as flags do.
            AlertAction::Sampling(rate) => {
                let detail = format!("the rate is {rate}");
                let ended = || Ended { detail, attempts: 1, ..Ended::default() };
                return done(event, kind, Bounds { runs: None, ..bounds }, Ok(()), moment, ended);
            }
        };
        let may_run = match (busy, &self.tasks) {
            (Some(why), _) => Err(why.to_owned()),
            (None, None) => Err("no thread could be started for it".to_owned()),
            (None, Some(tasks)) => tasks.have_room(),
        };
        let begun = collect::alert_runs(|runs| runs.begin(event, kind, bounds, may_run, moment));
        let number = match begun {
            Some(Ok(number)) => number,
            Some(Err(skipped)) => return emit(*skipped),
            None => return,
        };
        let handed = self.tasks.as_ref().map(|tasks| tasks.hand_over(number, &event.fingerprint, is_over, work));
        if let Some(Err(detail)) = handed {
            let ended = Ended { detail, has_failed: true, ..Ended::default() };
            let run = collect::alert_runs(|runs| runs.end(number, ended, moment.at_unix_ns)).flatten();
            run.into_iter().for_each(emit);
        }
    }

    fn show(&mut self) {
        let ratio = collect::alert_runs(|runs| runs.recovered_ratio()).flatten();
        if self.ratio != ratio {
            self.ratio = ratio;
            let mut sheet = Sheet::default();
            ratio.into_iter().for_each(|ratio| sheet.push(&RECOVERED, ratio));
            self.shown.publish(sheet, Duration::MAX);
        }
    }
}
