//! Alerts: what ought not to be so, and is.

use perf_sdk::alert::{AlertPhase, AlertSeverity, AlertsReport};
use serde::Serialize;

use crate::client::Client;
use crate::failure::Failure;

/// Alerts that are pending, fire or cool down.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Alerts {
    pub(crate) rules: usize,
    pub(crate) firing: usize,
    pub(crate) alerts: Vec<Alert>,
    /// Rules that cannot be judged, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_judged: Vec<NotJudged>,
    /// The latest changes, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Alert {
    pub(crate) rule: String,
    pub(crate) expression: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
    pub(crate) phase: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) evidence: String,
    pub(crate) since_unix_seconds: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) explained_by: String,
    /// The bundle of evidence, for `record`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) bundle: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct NotJudged {
    pub(crate) rule: String,
    pub(crate) why: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) at_unix_seconds: u64,
    pub(crate) what: String,
    pub(crate) change: String,
}

const NS: u64 = 1_000_000_000;
const MOST_CHANGES: usize = 20;

pub(crate) fn ask(client: &Client) -> Result<Alerts, Failure> {
    let report: AlertsReport = client.json("/alerts", &[("format", "json")])?;
    let rules = &report.now.rules;
    let is_so = rules.iter().flat_map(|rule| rule.alerts.iter().map(move |alert| (rule, alert)));
    let alerts: Vec<Alert> = is_so
        .filter(|(_, alert)| alert.phase != AlertPhase::Inactive)
        .map(|(rule, alert)| Alert {
            rule: rule.name.clone(),
            expression: rule.expression.clone(),
            subject: alert.subject.clone(),
            phase: alert.phase.name(),
            severity: alert.severity.name(),
            evidence: alert.evidence.clone(),
            since_unix_seconds: alert.since_unix_ns / NS,
            explained_by: alert.explained_by.clone(),
            bundle: alert.bundle.clone(),
        })
        .collect();
    Ok(Alerts {
        rules: rules.len(),
        firing: alerts.iter().filter(|alert| alert.phase == AlertPhase::Firing.name()).count(),
        alerts,
        not_judged: rules
            .iter()
            .filter(|rule| !rule.reason.is_empty())
            .map(|rule| NotJudged { rule: rule.name.clone(), why: rule.reason.clone() })
            .collect(),
        changes: report
            .events
            .iter()
            .take(MOST_CHANGES)
            .map(|event| Change {
                at_unix_seconds: event.at_unix_ns / NS,
                what: event.title(),
                change: event.change.to_string(),
            })
            .collect(),
    })
}

impl Alerts {
    /// Whether one fires that somebody should look at.
    pub(crate) fn is_unwell(&self) -> bool {
        let is_it =
            |alert: &Alert| alert.phase == AlertPhase::Firing.name() && alert.severity != AlertSeverity::Info.name();
        self.alerts.iter().any(is_it)
    }
}
