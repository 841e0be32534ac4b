//! What was done about alerts, and whether it helped: pure.

use std::collections::{BTreeMap, VecDeque};

use super::action::{AlertActionKind, Bounds};
use super::state::{AlertActionTotal, AlertChange, AlertEvent, AlertOutcome, AlertRun};
use super::watch::Moment;

/// The number of runs that are remembered, and of those with what they wrote.
const MOST: usize = 1_000;
const WITH_OUTPUT: usize = 100;
const HOUR: u64 = 3_600;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    pub(crate) detail: String,
    pub(crate) output: String,
    pub(crate) attempts: u32,
    pub(crate) took_seconds: f64,
    pub(crate) has_failed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// The latest first.
    all: VecDeque<AlertRun>,
    open: Vec<Open>,
    totals: BTreeMap<(AlertActionKind, AlertOutcome), u64>,
    /// When each action of each rule ran in the last hour, in seconds.
    recent: BTreeMap<(String, AlertActionKind), VecDeque<u64>>,
    latest: u64,
}

/// A run that is not judged yet.
#[derive(Debug)]
struct Open {
    number: u64,
    fingerprint: String,
    judged_after: Option<u64>,
    has_ended: bool,
    /// The alert is over.
    is_over: bool,
    /// The second in which it is judged.
    deadline: Option<u64>,
}

impl Runs {
    /// Takes up those of before a restart. What was not judged then is not judged any more.
    pub(crate) fn restore(&mut self, before: Vec<AlertRun>, moment: Moment) {
        self.latest = before.iter().map(|run| run.number).max().unwrap_or_default().max(self.latest);
        let is_open = |run: &AlertRun| matches!(run.outcome, AlertOutcome::Running);
        self.all = before.into_iter().take(MOST).collect();
        for run in self.all.iter_mut().filter(|run| is_open(run)) {
            run.outcome = AlertOutcome::Failed;
            "the program ended meanwhile".clone_into(&mut run.detail);
        }
        // A restart begins no new hour: it may be what the action is.
        for run in self.all.iter().filter(|run| run.action.is_counted() && run.outcome != AlertOutcome::Skipped) {
            let age = moment.at_unix_ns.saturating_sub(run.at_unix_ns) / 1_000_000_000;
            if age < HOUR {
                let times = self.recent.entry((run.rule.clone(), run.action)).or_default();
                times.push_front(moment.second.saturating_sub(age));
            }
        }
    }

    /// Begins a run, or says why it is skipped. Returns its number.
    pub(crate) fn begin(
        &mut self,
        event: &AlertEvent,
        action: AlertActionKind,
        bounds: Bounds,
        may_run: Result<(), String>,
        moment: Moment,
    ) -> Result<u64, Box<AlertRun>> {
        let allowed = may_run.and_then(|()| self.admit(&event.rule, action, bounds.runs, moment.second));
        self.latest += 1;
        let run = AlertRun {
            number: self.latest,
            at_unix_ns: moment.at_unix_ns,
            rule: event.rule.clone(),
            subject: event.subject.clone(),
            fingerprint: event.fingerprint.clone(),
            changed_at_unix_ns: event.at_unix_ns,
            action,
            ..AlertRun::default()
        };
        self.all.truncate(MOST - 1);
        self.all.push_front(run);
        if let Some(old) = self.all.get_mut(WITH_OUTPUT) {
            old.output = String::new();
        }
        let number = self.latest;
        if let Err(why) = allowed {
            return match self.settle(number, AlertOutcome::Skipped, why, moment.at_unix_ns) {
                Some(run) => Err(Box::new(run)),
                None => Ok(number),
            };
        }
        self.open.push(Open {
            number,
            fingerprint: event.fingerprint.clone(),
            judged_after: bounds.judged_after.filter(|_| action.is_remedy() && event.change != AlertChange::Resolved),
            has_ended: false,
            is_over: false,
            deadline: None,
        });
        Ok(number)
    }

    /// Whether an action was begun when the alert fired that is now over.
    pub(crate) fn has_begun(&self, over: &AlertEvent, action: AlertActionKind) -> bool {
        let is_it = |run: &&AlertRun| {
            run.fingerprint == over.fingerprint
                && run.action == action
                && run.changed_at_unix_ns >= over.since_unix_ns
                && run.outcome != AlertOutcome::Skipped
        };
        self.all.iter().any(|run| is_it(&run))
    }

    /// Counts a run, unless there were too many.
    fn admit(&mut self, rule: &str, action: AlertActionKind, most: Option<u32>, second: u64) -> Result<(), String> {
        let Some(most) = most else { return Ok(()) };
        self.recent.retain(|_, times| {
            times.retain(|at| second.saturating_sub(*at) < HOUR);
            !times.is_empty()
        });
        let times = self.recent.entry((rule.to_owned(), action)).or_default();
        if times.len() >= most as usize {
            return Err(format!("it ran {most} times within an hour"));
        }
        times.push_back(second);
        Ok(())
    }

    /// The run was not begun, since the alert ended before.
    pub(crate) fn leave_out(&mut self, number: u64, at_unix_ns: u64) -> Option<AlertRun> {
        let at = self.open.iter().position(|open| open.number == number)?;
        self.open.swap_remove(at);
        self.settle(number, AlertOutcome::Skipped, "the alert ended before it began".to_owned(), at_unix_ns)
    }

    /// The run ended. What is not judged is done with.
    pub(crate) fn end(&mut self, number: u64, ended: Ended, at_unix_ns: u64) -> Option<AlertRun> {
        let at = self.open.iter().position(|open| open.number == number)?;
        let run = self.all.iter_mut().find(|run| run.number == number);
        if let Some(run) = run {
            (run.output, run.attempts, run.took_seconds) = (ended.output, ended.attempts, ended.took_seconds);
            run.detail.clone_from(&ended.detail);
            run.outcome = AlertOutcome::Done;
        }
        let open = &mut self.open[at];
        open.has_ended = true;
        let outcome = match (ended.has_failed, open.judged_after) {
            (true, _) => AlertOutcome::Failed,
            (false, None) => AlertOutcome::Done,
            (false, Some(_)) => {
                return self.all.iter().find(|run| run.number == number).cloned();
            }
        };
        self.open.swap_remove(at);
        self.settle(number, outcome, ended.detail, at_unix_ns)
    }

    /// Judges what ended: after each judgement of alerts, with what changed. Returns what was
    /// judged.
    pub(crate) fn turn(&mut self, events: &[AlertEvent], moment: Moment) -> Vec<AlertRun> {
        if self.open.is_empty() {
            return Vec::new();
        }
        for event in events {
            let of_it = self.open.iter_mut().filter(|open| open.fingerprint == event.fingerprint);
            match event.change {
                AlertChange::Resolved => of_it.for_each(|open| open.is_over = true),
                // It was over only while the action ran.
                AlertChange::Fired => of_it.filter(|open| !open.has_ended).for_each(|open| open.is_over = false),
                AlertChange::Escalated => {}
            }
        }
        let mut judged = Vec::new();
        self.open.retain_mut(|open| {
            let Some(judged_after) = open.judged_after.filter(|_| open.has_ended) else { return true };
            let deadline = *open.deadline.get_or_insert(moment.second + judged_after);
            let outcome = match open.is_over {
                true => AlertOutcome::Recovered,
                false if moment.second >= deadline => AlertOutcome::NoEffect,
                false => return true,
            };
            judged.push((open.number, outcome));
            false
        });
        let settled = judged.into_iter().filter_map(|(number, outcome)| {
            let detail = self.all.iter().find(|run| run.number == number)?.detail.clone();
            self.settle(number, outcome, detail, moment.at_unix_ns)
        });
        settled.collect()
    }

    fn settle(&mut self, number: u64, outcome: AlertOutcome, detail: String, at_unix_ns: u64) -> Option<AlertRun> {
        let run = self.all.iter_mut().find(|run| run.number == number)?;
        (run.outcome, run.detail, run.judged_at_unix_ns) = (outcome, detail, at_unix_ns);
        *self.totals.entry((run.action, outcome)).or_default() += 1;
        Some(run.clone())
    }

    /// The latest first.
    pub(crate) fn all(&self) -> Vec<AlertRun> {
        self.all.iter().cloned().collect()
    }

    /// How many of each action came to each end.
    pub(crate) fn totals(&self) -> Vec<AlertActionTotal> {
        let of = |(&(action, outcome), &number): (&(AlertActionKind, AlertOutcome), &u64)| AlertActionTotal {
            action,
            outcome,
            number,
        };
        self.totals.iter().map(of).collect()
    }

    /// The share of remedies that were judged after which the alert was over. `None` before the
    /// first.
    pub(crate) fn recovered_ratio(&self) -> Option<f64> {
        let number = |outcome| {
            let of = self.totals.iter().filter(|((action, of), _)| *of == outcome && action.is_remedy());
            of.map(|(_, number)| *number).sum::<u64>() as f64
        };
        let recovered = number(AlertOutcome::Recovered);
        let all = recovered + number(AlertOutcome::NoEffect) + number(AlertOutcome::Failed);
        (all > 0.0).then(|| recovered / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertSeverity;

    fn event(rule: &str, change: AlertChange) -> AlertEvent {
        AlertEvent {
            at_unix_ns: 1,
            rule: rule.into(),
            subject: String::new(),
            fingerprint: rule.into(),
            change,
            severity: AlertSeverity::Warning,
            evidence: String::new(),
            value: None,
            summary: String::new(),
            since_unix_ns: 1,
            fired_seconds: 0.0,
            explained_by: String::new(),
            bundle: String::new(),
        }
    }

    fn at(second: u64) -> Moment {
        Moment { at_unix_ns: second * 1_000_000_000, second }
    }

    const BOUNDS: Bounds = Bounds { runs: Some(5), judged_after: Some(360) };

    fn begin(runs: &mut Runs, rule: &str, action: AlertActionKind, second: u64) -> Result<u64, Box<AlertRun>> {
        runs.begin(&event(rule, AlertChange::Fired), action, BOUNDS, Ok(()), at(second))
    }

    fn outcomes(runs: &Runs) -> Vec<AlertOutcome> {
        runs.all().iter().map(|run| run.outcome).collect()
    }

    #[test]
    fn an_alert_that_ends_soon_after_an_action_recovered_and_one_that_goes_on_did_not() {
        use AlertActionKind::{Command, Trim};
        let mut runs = Runs::default();
        let first = begin(&mut runs, "a", Command, 10).unwrap();
        let second = begin(&mut runs, "b", Trim, 10).unwrap();
        let third = begin(&mut runs, "a", Command, 10).unwrap();
        assert_eq!((outcomes(&runs), runs.recovered_ratio()), (vec![AlertOutcome::Running; 3], None));
        assert!(runs.end(first, Ended::default(), 0).is_some_and(|run| run.outcome == AlertOutcome::Done));
        runs.end(second, Ended::default(), 0);
        // The alert is over before the command is.
        assert!(runs.turn(&[], at(20)).is_empty());
        let judged = runs.turn(&[event("a", AlertChange::Resolved)], at(30));
        assert_eq!(judged.iter().map(|run| run.number).collect::<Vec<_>>(), [first]);
        runs.end(third, Ended::default(), 0);
        assert_eq!(runs.turn(&[], at(31))[0].outcome, AlertOutcome::Recovered);
        assert!(runs.turn(&[event("b", AlertChange::Escalated)], at(379)).is_empty());
        assert_eq!(runs.turn(&[], at(380))[0].outcome, AlertOutcome::NoEffect);
        // What comes later does not change it.
        assert!(runs.turn(&[event("b", AlertChange::Resolved)], at(381)).is_empty());
        let failed = begin(&mut runs, "c", Command, 400).unwrap();
        let ended = Ended { has_failed: true, detail: "it ended with 1".into(), ..Ended::default() };
        let run = runs.end(failed, ended, 0).unwrap();
        assert_eq!((run.outcome, run.detail.as_str()), (AlertOutcome::Failed, "it ended with 1"));
        assert!(runs.turn(&[event("c", AlertChange::Resolved)], at(401)).is_empty());
        assert_eq!(runs.recovered_ratio(), Some(0.5));
        let totals: Vec<_> = runs.totals().iter().map(|total| (total.action, total.outcome, total.number)).collect();
        let expected = [
            (Command, AlertOutcome::Recovered, 2),
            (Command, AlertOutcome::Failed, 1),
            (Trim, AlertOutcome::NoEffect, 1),
        ];
        assert_eq!(totals, expected);
    }

    #[test]
    fn what_only_tells_more_is_not_judged() {
        let mut runs = Runs::default();
        let number = begin(&mut runs, "a", AlertActionKind::Capture, 0).unwrap();
        assert_eq!(runs.end(number, Ended::default(), 0).unwrap().outcome, AlertOutcome::Done);
        let end = runs.begin(&event("a", AlertChange::Resolved), AlertActionKind::Command, BOUNDS, Ok(()), at(1));
        assert_eq!(runs.end(end.unwrap(), Ended::default(), 0).unwrap().outcome, AlertOutcome::Done);
        assert!(runs.open.is_empty() && runs.recovered_ratio().is_none());
    }

    #[test]
    fn what_is_run_at_the_end_needs_a_beginning() {
        use AlertActionKind::Command;
        let mut runs = Runs::default();
        let over = event("a", AlertChange::Resolved);
        assert!(!runs.has_begun(&over, Command));
        let busy = runs.begin(&event("a", AlertChange::Fired), Command, BOUNDS, Err("busy".into()), at(1));
        assert!(busy.is_err() && !runs.has_begun(&over, Command));
        assert!(begin(&mut runs, "a", Command, 2).is_ok() && runs.has_begun(&over, Command));
        // Of an alert that fired later.
        assert!(!runs.has_begun(&AlertEvent { since_unix_ns: 5, ..over }, Command));
    }

    #[test]
    fn an_action_of_a_rule_runs_five_times_an_hour_and_what_is_remembered_is_bounded() {
        use AlertActionKind::{Purge, Trim};
        let mut runs = Runs::default();
        let skipped = (0..8).filter(|second| begin(&mut runs, "a", Trim, *second).is_err()).count();
        assert_eq!(skipped, 3);
        assert!(begin(&mut runs, "a", Purge, 9).is_ok() && begin(&mut runs, "b", Trim, 9).is_ok());
        let run = begin(&mut runs, "a", Trim, 3_599).unwrap_err();
        assert_eq!((run.outcome, run.detail.as_str()), (AlertOutcome::Skipped, "it ran 5 times within an hour"));
        assert!(begin(&mut runs, "a", Trim, 3_600).is_ok());
        let busy = runs.begin(&event("z", AlertChange::Fired), Trim, BOUNDS, Err("busy".into()), at(3_601));
        assert_eq!(busy.unwrap_err().detail, "busy");
        // 1,000 rules, over three hours.
        for second in 4_000..14_800 {
            if let Ok(number) = begin(&mut runs, &format!("rule {}", second % 1_000), Trim, second) {
                runs.end(number, Ended::default(), 0);
            }
            runs.turn(&[], at(second));
        }
        assert!(runs.all.len() == MOST && runs.recent.len() <= 1_000 && runs.open.len() <= 361 + 8);
        let kept: usize = runs.recent.values().map(VecDeque::len).sum();
        assert!(kept <= 5_000, "{kept}");
    }

    #[test]
    fn runs_of_before_a_restart_are_kept_and_those_that_ran_then_failed() {
        let mut before = Runs::default();
        let number = begin(&mut before, "a", AlertActionKind::Command, 0).unwrap();
        let mut runs = Runs::default();
        runs.restore(before.all(), at(1));
        assert_eq!(outcomes(&runs), [AlertOutcome::Failed]);
        assert!(begin(&mut runs, "a", AlertActionKind::Command, 1).unwrap() > number);
        // Those of the last hour count as before.
        let again = (2..10).filter(|second| begin(&mut runs, "a", AlertActionKind::Command, *second).is_ok());
        assert_eq!(again.count(), 3);
    }

    #[test]
    fn an_alert_that_fires_again_before_the_action_ended_did_not_recover() {
        let mut runs = Runs::default();
        let number = begin(&mut runs, "a", AlertActionKind::Command, 0).unwrap();
        runs.turn(&[event("a", AlertChange::Resolved)], at(1));
        runs.turn(&[event("a", AlertChange::Fired)], at(2));
        runs.end(number, Ended::default(), 0);
        assert!(runs.turn(&[], at(3)).is_empty());
        assert_eq!(runs.turn(&[], at(3 + 360))[0].outcome, AlertOutcome::NoEffect);
    }
}
