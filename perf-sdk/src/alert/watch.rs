//! All rules, and the alerts of each: pure.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Facts, MOST_SUBJECTS, Memory, Sighting, Truth, When};
use super::definition::AlertRule;
use super::list::AlertRules;
use super::machine::{Machine, Times};
use super::state::{
    AlertChange, AlertEvent, AlertPhase, AlertRuleState, AlertSeverity, AlertState, AlertTransition, Alerts,
};
use crate::base::hash::fnv1a;
use crate::rate::Rate;

/// The time between two judgements of a rule: within the second for those of the program.
const INTERVAL: u64 = 1;
/// Those that are shipped have windows of half a minute and more.
const SHIPPED_INTERVAL: u64 = 5;

/// When rules are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at_unix_ns: u64,
    /// Of a clock that never goes back.
    pub(crate) second: u64,
}

/// The rules of the program and those that are shipped, with the state of each.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Vec<Watched>,
    /// Of the latest turn.
    transitions: Vec<AlertTransition>,
}

#[derive(Debug)]
struct Watched {
    rule: AlertRule,
    title: String,
    times: Times,
    due: u64,
    memory: Memory,
    /// By subject.
    alerts: BTreeMap<String, Alert>,
    reason: String,
    /// Of the latest turn.
    transitions: Vec<AlertTransition>,
}

#[derive(Clone, Debug)]
struct Alert {
    machine: Machine,
    sighting: Sighting,
    fingerprint: String,
    /// When it became pending, or fired: as people were told, whatever the clock does since.
    since_unix_ns: u64,
    /// How bad people were told that it is. `None` if nobody was told.
    told: Option<AlertSeverity>,
    /// The rule that explained it, if nobody was told for that.
    explained_by: String,
    /// The evidence that was kept when it fired.
    bundle: String,
}

impl Alert {
    fn new(rule: &str, sighting: Sighting, moment: Moment) -> Self {
        Self {
            machine: Machine::default(),
            fingerprint: fingerprint(rule, &sighting.subject),
            sighting,
            since_unix_ns: moment.at_unix_ns,
            told: None,
            explained_by: String::new(),
            bundle: String::new(),
        }
    }

    /// Of a rule's severity, what was found, and the time that it fires.
    fn severity(&self, rule: &AlertRule) -> AlertSeverity {
        let found = self.sighting.severity.unwrap_or(rule.severity);
        if self.machine.is_worse() { AlertSeverity::Critical } else { found }
    }

    /// What is to be said of it now, if something is.
    fn event(&mut self, watched: &AlertRule, title: &str, explained_by: &str, moment: Moment) -> Option<AlertEvent> {
        let severity = self.severity(watched);
        let (change, severity) = match (self.machine.phase(), self.told) {
            (AlertPhase::Pending, _) => return None,
            (AlertPhase::Inactive, told) => {
                // Nobody was told of its end if nobody was told of it.
                if told.is_none() && self.explained_by.is_empty() {
                    return None;
                }
                (AlertChange::Resolved, told.unwrap_or(severity))
            }
            (_, Some(told)) if severity > told => (AlertChange::Escalated, severity),
            (_, Some(_)) => return None,
            (_, None) if explained_by.is_empty() => (AlertChange::Fired, severity),
            // It is noted once.
            (_, None) if self.explained_by == explained_by => return None,
            (_, None) => (AlertChange::Fired, severity),
        };
        if change != AlertChange::Resolved {
            self.explained_by = explained_by.to_owned();
            if explained_by.is_empty() || self.told.is_some() {
                self.told = Some(severity);
                self.explained_by.clear();
            }
        }
        let fired_seconds = moment.second.saturating_sub(self.machine.since()) as f64;
        Some(AlertEvent {
            at_unix_ns: moment.at_unix_ns,
            rule: title.to_owned(),
            subject: self.sighting.subject.clone(),
            fingerprint: self.fingerprint.clone(),
            change,
            severity,
            evidence: self.sighting.evidence.clone(),
            value: self.sighting.value,
            summary: watched.summary.clone(),
            since_unix_ns: self.since_unix_ns,
            fired_seconds: if change == AlertChange::Fired { 0.0 } else { fired_seconds },
            explained_by: self.explained_by.clone(),
            bundle: self.bundle.clone(),
        })
    }
}

impl Watch {
    pub(crate) fn new(rules: &AlertRules) -> Self {
        let watched = |rule: &AlertRule| Watched {
            title: rule.title(),
            times: Times { hold: rule.hold(), keep: rule.keep(), worse: AlertRule::worse_after(rule.severity) },
            rule: rule.clone(),
            due: 0,
            memory: Memory::default(),
            alerts: BTreeMap::new(),
            reason: String::new(),
            transitions: Vec::new(),
        };
        Self { rules: rules.all.iter().map(watched).collect(), transitions: Vec::new() }
    }

    /// The rule of a name.
    pub(crate) fn rule(&self, title: &str) -> Option<&AlertRule> {
        self.rules.iter().find(|rule| rule.title == title).map(|rule| &rule.rule)
    }

    /// Functions that are measured at rates of their own while alerts fire or cool down.
    pub(crate) fn rates(&self) -> BTreeMap<String, Rate> {
        let mut rates = BTreeMap::new();
        for rule in &self.rules {
            let Some(rate) = rule.rule.sampling() else { continue };
            let active = rule.alerts.iter().filter(|(_, alert)| alert.machine.phase().is_active());
            let subjects: Vec<&String> = active.map(|(subject, _)| subject).collect();
            let functions = rule.rule.rule.condition.functions();
            let of_rule = functions.into_iter().filter(|_| !subjects.is_empty());
            let of_subjects = subjects.iter().map(|subject| subject.as_str()).filter(|_| rule.rule.is_of_functions());
            for function in of_rule.chain(of_subjects) {
                // The one that measures most.
                let least: &mut Rate = rates.entry(function.to_owned()).or_insert(rate);
                if rate.weight() != 0 && (least.weight() == 0 || rate.weight() < least.weight()) {
                    *least = rate;
                }
            }
        }
        rates
    }

    /// Notes the bundle of an alert that fires.
    #[cfg(feature = "flight")]
    pub(crate) fn set_bundle(&mut self, title: &str, subject: &str, bundle: &str) {
        let rule = self.rules.iter_mut().find(|rule| rule.title == title);
        if let Some(alert) = rule.and_then(|rule| rule.alerts.get_mut(subject)) {
            bundle.clone_into(&mut alert.bundle);
        }
    }

    /// Each rule's name, and why it is not judged.
    #[cfg(test)]
    pub(super) fn rules(&self) -> impl Iterator<Item = (String, String)> {
        self.rules.iter().map(|rule| (rule.title.clone(), rule.reason.clone()))
    }

    /// The flags of rules whose alerts fire or cool down.
    pub(crate) fn flags(&self) -> BTreeSet<String> {
        let is_active = |rule: &&Watched| rule.alerts.values().any(|alert| alert.machine.phase().is_active());
        self.rules.iter().filter(is_active).filter_map(|rule| rule.rule.flag.clone()).collect()
    }

    /// In how many seconds a rule is due.
    pub(crate) fn pause(&self, second: u64) -> u64 {
        self.rules.iter().map(|rule| rule.due.saturating_sub(second)).min().unwrap_or(u64::MAX).max(1)
    }

    /// Judges the rules that are due. Returns what changed.
    pub(crate) fn turn(&mut self, facts: Facts<'_>, moment: Moment) -> Vec<AlertEvent> {
        let mut events = Vec::new();
        self.transitions.clear();
        for rule in &mut self.rules {
            // The clock of a suspended machine may stand still, but never goes back.
            if rule.due > moment.second && rule.due - moment.second <= SHIPPED_INTERVAL {
                continue;
            }
            rule.due = moment.second + if rule.rule.is_shipped { SHIPPED_INTERVAL } else { INTERVAL };
            events.extend(rule.turn(facts, moment));
            self.transitions.append(&mut rule.transitions);
        }
        // Of all rules: one may be explained by another no more.
        for at in 0..self.rules.len() {
            let explained_by = self.explained_by(&self.rules[at]).to_owned();
            let Watched { rule, title, alerts, .. } = &mut self.rules[at];
            alerts.retain(|_, alert| {
                events.extend(alert.event(rule, title, &explained_by, moment));
                alert.machine.phase() != AlertPhase::Inactive
            });
        }
        events
    }

    /// The alerts that came into another phase in the latest turn.
    pub(crate) fn take_transitions(&mut self) -> Vec<AlertTransition> {
        std::mem::take(&mut self.transitions)
    }

    /// The rule that fires and explains this one. Empty if there is none.
    fn explained_by<'a>(&self, rule: &'a Watched) -> &'a str {
        let fires = |parent: &&str| self.rules.iter().any(|other| other.title == **parent && other.fires());
        rule.rule.parent.as_deref().filter(fires).unwrap_or_default()
    }

    /// All of it now.
    pub(crate) fn alerts(&self, moment: Moment) -> Alerts {
        let of = |rule: &Watched| {
            let state = |(subject, alert): (&String, &Alert)| AlertState {
                subject: subject.clone(),
                fingerprint: alert.fingerprint.clone(),
                phase: alert.machine.phase(),
                severity: alert.severity(&rule.rule),
                evidence: alert.sighting.evidence.clone(),
                since_unix_ns: alert.since_unix_ns,
                explained_by: alert.explained_by.clone(),
                bundle: alert.bundle.clone(),
            };
            AlertRuleState {
                name: rule.title.clone(),
                expression: rule.rule.to_string(),
                summary: rule.rule.summary.clone(),
                severity: rule.rule.severity,
                is_shipped: rule.rule.is_shipped,
                reason: rule.reason.clone(),
                alerts: rule.alerts.iter().map(state).collect(),
            }
        };
        Alerts { at_unix_ns: moment.at_unix_ns, rules: self.rules.iter().map(of).collect(), ..Alerts::default() }
    }

    /// Takes up the alerts that fired before the program was started anew, of rules that are still
    /// there.
    pub(crate) fn restore(&mut self, before: &Alerts, moment: Moment) {
        for rule in &mut self.rules {
            let Some(known) = before.rules.iter().find(|known| known.name == rule.title) else { continue };
            for alert in known.alerts.iter().filter(|alert| alert.phase.is_active()).take(MOST_SUBJECTS) {
                // The time in which the program did not run does not count.
                let fired_for = before.at_unix_ns.saturating_sub(alert.since_unix_ns) / 1_000_000_000;
                let is_found = rule.rule.rule.condition.is_burn();
                let is_worse = !is_found && alert.severity > rule.rule.severity;
                let sighting = Sighting {
                    subject: alert.subject.clone(),
                    evidence: alert.evidence.clone(),
                    severity: is_found.then_some(alert.severity),
                    value: None,
                };
                let restored = Alert {
                    machine: Machine::restored(moment.second, fired_for, is_worse),
                    since_unix_ns: alert.since_unix_ns,
                    told: alert.explained_by.is_empty().then_some(alert.severity),
                    explained_by: alert.explained_by.clone(),
                    bundle: alert.bundle.clone(),
                    ..Alert::new(&rule.title, sighting, moment)
                };
                rule.alerts.insert(alert.subject.clone(), restored);
            }
        }
    }
}

impl Watched {
    fn fires(&self) -> bool {
        self.alerts.values().any(|alert| alert.machine.phase() == AlertPhase::Firing)
    }

    /// Judges the rule. Only what happens at a moment is an event at once.
    fn turn(&mut self, facts: Facts<'_>, moment: Moment) -> Option<AlertEvent> {
        let active: Vec<&str> = self
            .alerts
            .iter()
            .filter(|(_, alert)| alert.machine.phase().is_active())
            .map(|(subject, _)| subject.as_str())
            .collect();
        let when = When { at_unix_ns: moment.at_unix_ns, second: moment.second, active: &active };
        let truth = self.memory.judge(&self.rule.rule.condition, facts, when);
        self.reason.clear();
        let (found, is_known) = match truth {
            Truth::Holds(found) => (found, true),
            Truth::Not => (Vec::new(), true),
            Truth::Unknown(reason) => {
                self.reason = reason;
                (Vec::new(), false)
            }
        };
        if self.rule.rule.condition.is_moment() {
            return found.into_iter().next().map(|sighting| self.moment(sighting, moment));
        }
        let mut seen = Vec::with_capacity(found.len());
        for sighting in found {
            seen.push(sighting.subject.clone());
            let is_full = self.alerts.len() >= MOST_SUBJECTS;
            match self.alerts.get_mut(&sighting.subject) {
                Some(alert) => alert.sighting = sighting,
                None if is_full => {}
                None => {
                    let alert = Alert::new(&self.title, sighting, moment);
                    self.alerts.insert(alert.sighting.subject.clone(), alert);
                }
            }
        }
        let times = self.times;
        for (subject, alert) in &mut self.alerts {
            let is_so = is_known.then(|| seen.contains(subject));
            let from = alert.machine.phase();
            let change = alert.machine.turn(moment.second, is_so, times);
            if alert.machine.phase() != from {
                self.transitions.push(AlertTransition {
                    rule: self.title.clone(),
                    subject: subject.clone(),
                    fingerprint: alert.fingerprint.clone(),
                    from,
                    to: alert.machine.phase(),
                    evidence: alert.sighting.evidence.clone(),
                });
            }
            if change == Some(AlertChange::Fired) {
                alert.since_unix_ns = moment.at_unix_ns;
            }
        }
        // What was pending, and is not so any more, is nothing that happened.
        self.alerts.retain(|_, alert| {
            alert.machine.phase() != AlertPhase::Inactive || alert.told.is_some() || !alert.explained_by.is_empty()
        });
        None
    }

    /// What happens at a moment, and has no end.
    fn moment(&self, sighting: Sighting, moment: Moment) -> AlertEvent {
        AlertEvent {
            at_unix_ns: moment.at_unix_ns,
            rule: self.title.clone(),
            fingerprint: fingerprint(&self.title, &sighting.subject),
            subject: sighting.subject,
            change: AlertChange::Fired,
            severity: self.rule.severity,
            evidence: sighting.evidence,
            value: sighting.value,
            summary: self.rule.summary.clone(),
            since_unix_ns: moment.at_unix_ns,
            fired_seconds: 0.0,
            explained_by: String::new(),
            bundle: String::new(),
        }
    }
}

/// The same for the same rule and subject in each process.
fn fingerprint(rule: &str, subject: &str) -> String {
    format!("{:016x}", fnv1a(rule.bytes().chain([0]).chain(subject.bytes())))
}
