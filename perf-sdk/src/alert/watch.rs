//! All rules, and the alerts of each: pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::condition::{Facts, MOST_SUBJECTS, Memory, Sighting, Truth, When};
use super::definition::AlertRule;
use super::list::AlertRules;
use super::machine::{Machine, Times};
use super::state::{AlertChange, AlertEvent, AlertPhase, AlertRuleState, AlertSeverity, AlertState, Alerts};
use crate::base::hash::fnv1a;

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
}

#[derive(Clone, Debug)]
struct Alert {
    machine: Machine,
    sighting: Sighting,
    fingerprint: String,
}

impl Alert {
    /// Of a rule's severity, what was found, and the time that it fires.
    fn severity(&self, rule: &AlertRule) -> AlertSeverity {
        let found = self.sighting.severity.unwrap_or(rule.severity);
        if self.machine.is_worse() { AlertSeverity::Critical } else { found }
    }
}

impl Watch {
    pub(crate) fn new(rules: &AlertRules) -> Self {
        let watched = |rule: &AlertRule| Watched {
            title: rule.title(),
            times: Times {
                hold: rule.hold(),
                // What happens at a moment is over at once.
                keep: if rule.rule.condition.is_moment() { Duration::ZERO } else { rule.keep() },
                worse: AlertRule::worse_after(rule.severity),
            },
            rule: rule.clone(),
            due: 0,
            memory: Memory::default(),
            alerts: BTreeMap::new(),
            reason: String::new(),
        };
        Self { rules: rules.all.iter().map(watched).collect() }
    }

    /// In how many seconds a rule is due.
    pub(crate) fn pause(&self, second: u64) -> u64 {
        self.rules.iter().map(|rule| rule.due.saturating_sub(second)).min().unwrap_or(u64::MAX).max(1)
    }

    /// Judges the rules that are due. Returns what changed.
    pub(crate) fn turn(&mut self, facts: Facts<'_>, moment: Moment) -> Vec<AlertEvent> {
        let mut changes = Vec::new();
        for (at, rule) in self.rules.iter_mut().enumerate() {
            // The clock of a suspended machine may stand still, but never goes back.
            if rule.due > moment.second && rule.due - moment.second <= SHIPPED_INTERVAL {
                continue;
            }
            rule.due = moment.second + if rule.rule.is_shipped { SHIPPED_INTERVAL } else { INTERVAL };
            changes.extend(rule.turn(facts, moment).into_iter().map(|change| (at, change)));
        }
        let explained = |at: usize| self.explained_by(&self.rules[at]).to_owned();
        changes.into_iter().map(|(at, event)| AlertEvent { explained_by: explained(at), ..event }).collect()
    }

    /// The rule that fires and explains this one. Empty if there is none.
    fn explained_by<'a>(&self, rule: &'a Watched) -> &'a str {
        let fires = |parent: &&str| self.rules.iter().any(|other| other.title == **parent && other.fires());
        rule.rule.parent.as_deref().filter(fires).unwrap_or_default()
    }

    /// All of it now.
    pub(crate) fn alerts(&self, moment: Moment) -> Alerts {
        let of = |rule: &Watched| {
            let explained = self.explained_by(rule);
            let state = |(subject, alert): (&String, &Alert)| AlertState {
                subject: subject.clone(),
                fingerprint: alert.fingerprint.clone(),
                phase: alert.machine.phase(),
                severity: alert.severity(&rule.rule),
                evidence: alert.sighting.evidence.clone(),
                since_unix_ns: unix_ns(moment, alert.machine.since()),
                explained_by: explained.to_owned(),
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
        Alerts { at_unix_ns: moment.at_unix_ns, rules: self.rules.iter().map(of).collect() }
    }

    /// Takes up the alerts that fired before the program was started anew, of rules that are still
    /// there.
    pub(crate) fn restore(&mut self, before: &Alerts, moment: Moment) {
        for rule in &mut self.rules {
            let Some(known) = before.rules.iter().find(|known| known.name == rule.title) else { continue };
            for alert in known.alerts.iter().filter(|alert| alert.phase.is_active()).take(MOST_SUBJECTS) {
                let fired_for = moment.at_unix_ns.saturating_sub(alert.since_unix_ns) / 1_000_000_000;
                let is_worse = alert.severity == AlertSeverity::Critical && rule.rule.severity != alert.severity;
                let sighting =
                    Sighting { subject: alert.subject.clone(), evidence: alert.evidence.clone(), severity: None };
                let alert = Alert {
                    machine: Machine::restored(moment.second, fired_for, is_worse),
                    fingerprint: fingerprint(&rule.title, &alert.subject),
                    sighting,
                };
                rule.alerts.insert(alert.sighting.subject.clone(), alert);
            }
        }
    }
}

impl Watched {
    fn fires(&self) -> bool {
        self.alerts.values().any(|alert| alert.machine.phase() == AlertPhase::Firing)
    }

    fn turn(&mut self, facts: Facts<'_>, moment: Moment) -> Vec<AlertEvent> {
        let when = When {
            at_unix_ns: moment.at_unix_ns,
            second: moment.second,
            is_firing: self.alerts.values().any(|alert| alert.machine.phase().is_active()),
        };
        let truth = self.memory.judge(&self.rule.rule.condition, facts, when);
        self.reason.clear();
        let found = match truth {
            Truth::Holds(found) => found,
            Truth::Not => Vec::new(),
            Truth::Unknown(reason) => {
                self.reason = reason;
                Vec::new()
            }
        };
        let mut seen = Vec::with_capacity(found.len());
        for sighting in found {
            seen.push(sighting.subject.clone());
            let is_full = self.alerts.len() >= MOST_SUBJECTS;
            match self.alerts.get_mut(&sighting.subject) {
                Some(alert) => alert.sighting = sighting,
                None if is_full => {}
                None => {
                    let fingerprint = fingerprint(&self.title, &sighting.subject);
                    let alert = Alert { machine: Machine::default(), fingerprint, sighting };
                    self.alerts.insert(alert.sighting.subject.clone(), alert);
                }
            }
        }
        let mut events = Vec::new();
        let (rule, title, times) = (&self.rule, &self.title, self.times);
        self.alerts.retain(|subject, alert| {
            let fired_at = alert.machine.since();
            let before = alert.severity(rule);
            let change = alert.machine.turn(moment.second, seen.contains(subject), times);
            // What is critical already cannot become worse.
            let change = change.filter(|change| *change != AlertChange::Escalated || alert.severity(rule) > before);
            events.extend(change.map(|change| AlertEvent {
                at_unix_ns: moment.at_unix_ns,
                rule: title.clone(),
                subject: subject.clone(),
                fingerprint: alert.fingerprint.clone(),
                change,
                severity: alert.severity(rule),
                evidence: alert.sighting.evidence.clone(),
                summary: rule.summary.clone(),
                fired_seconds: match change {
                    AlertChange::Fired => 0.0,
                    AlertChange::Escalated | AlertChange::Resolved => moment.second.saturating_sub(fired_at) as f64,
                },
                explained_by: String::new(),
            }));
            alert.machine.phase() != AlertPhase::Inactive
        });
        events
    }
}

fn unix_ns(moment: Moment, second: u64) -> u64 {
    moment.at_unix_ns.saturating_sub(moment.second.saturating_sub(second).saturating_mul(1_000_000_000))
}

/// The same for the same rule and subject in each process.
fn fingerprint(rule: &str, subject: &str) -> String {
    format!("{:016x}", fnv1a(rule.bytes().chain([0]).chain(subject.bytes())))
}
