//! The body for an Alertmanager: `POST /api/v2/alerts`.
//!
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::message::{Pairs, Sender, annotations};
use crate::alert::{AlertEvent, Alerts};
use crate::base::calendar::rfc3339;

/// What fires is told again after this time.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// What is not told again in this time is over: that is how an Alertmanager learns that the program
/// ended.
const LASTS_NS: u64 = 4 * 60 * 1_000_000_000;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert<'a> {
    labels: BTreeMap<String, String>,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

/// What was over since it was told last, and what fires now.
///
/// What is over comes first, and not at all if it fires again: of two entries for one alert, the
/// later one would hold. An alert that became critical is another one to an Alertmanager, since its
/// severity is a label: the former one ends when it is not told again.
pub(super) fn body<'a>(now: &Alerts, over: &[AlertEvent], sender: &'a Sender, at_unix_ns: u64) -> Vec<Alert<'a>> {
    let url = sender.url.as_deref();
    let firing = now.active().filter(|(_, alert)| alert.explained_by.is_empty()).map(|(rule, alert)| Alert {
        labels: sender.labels(&rule.name, &alert.subject, alert.severity),
        annotations: annotations(&rule.summary, &alert.evidence, &alert.bundle),
        starts_at: rfc3339(alert.since_unix_ns),
        ends_at: rfc3339(at_unix_ns.saturating_add(LASTS_NS)),
        generator_url: url,
    });
    let firing: Vec<Alert<'a>> = firing.collect();
    let over = over.iter().map(|event| Alert {
        labels: sender.labels(&event.rule, &event.subject, event.severity),
        annotations: annotations(&event.summary, &event.evidence, &event.bundle),
        starts_at: rfc3339(event.since_unix_ns),
        ends_at: rfc3339(event.at_unix_ns),
        generator_url: url,
    });
    let is_over = |alert: &Alert<'_>| firing.iter().all(|one| one.labels != alert.labels);
    let mut all: Vec<Alert<'a>> = over.filter(is_over).collect();
    all.extend(firing);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertChange, AlertPhase, AlertRuleState, AlertSeverity, AlertState};

    #[test]
    fn what_fires_lasts_and_what_is_over_has_its_end() {
        let alert = |phase, explained_by: &str| AlertState {
            phase,
            severity: AlertSeverity::Warning,
            since_unix_ns: 1_000_000_000,
            explained_by: explained_by.into(),
            ..AlertState::default()
        };
        let alerts = vec![
            alert(AlertPhase::Pending, ""),
            alert(AlertPhase::Firing, ""),
            alert(AlertPhase::Firing, "parent"),
            alert(AlertPhase::CoolingDown, ""),
        ];
        let rule = AlertRuleState { name: "cpu".into(), alerts, ..AlertRuleState::default() };
        let now = Alerts { at_unix_ns: 11_000_000_000, rules: vec![rule], ..Alerts::default() };
        let over = AlertEvent {
            at_unix_ns: 9_000_000_000,
            rule: "leak".into(),
            subject: "a".into(),
            fingerprint: String::new(),
            change: AlertChange::Resolved,
            severity: AlertSeverity::Critical,
            evidence: "e".into(),
            value: None,
            summary: "s".into(),
            since_unix_ns: 7_000_000_000,
            fired_seconds: 2.0,
            explained_by: String::new(),
            bundle: String::new(),
        };
        let again =
            AlertEvent { rule: "cpu".into(), subject: String::new(), severity: AlertSeverity::Warning, ..over.clone() };
        let sender = Sender { service: "shop".into(), labels: Vec::new(), url: None };
        let over = [over, again];
        let body = body(&now, &over, &sender, 11_000_000_000);
        let shown: Vec<(&str, &str, &str)> = body
            .iter()
            .map(|alert| (alert.labels["alertname"].as_str(), alert.starts_at.as_str(), alert.ends_at.as_str()))
            .collect();
        let lasts = ("cpu", "1970-01-01T00:00:01.000000000Z", "1970-01-01T00:04:11.000000000Z");
        let over = ("leak", "1970-01-01T00:00:07.000000000Z", "1970-01-01T00:00:09.000000000Z");
        assert_eq!(shown, [over, lasts, lasts], "what fires again is not over");
    }
}
