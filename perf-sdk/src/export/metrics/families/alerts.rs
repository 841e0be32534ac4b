//! Metrics of alerts.

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Row, Source};

pub(super) const ROWS: &[Row] = &[Row {
    name: "alerts",
    help: "1 for each alert that is pending or fires.",
    unit: "",
    kind: Kind::Gauge,
    is_per_function: false,
    metrics: alerts,
}];

/// As `ALERTS` of a Prometheus server: one that cools down fires. A snapshot may come from a file,
/// so a name may be there twice.
fn alerts(source: Source<'_>) -> Metrics<'_> {
    let rules = source.snapshot.alerts.as_ref().map_or(&[][..], |alerts| &alerts.rules);
    let first = |at: usize| rules[..at].iter().all(|other| other.name != rules[at].name);
    Box::new((0..rules.len()).filter(move |at| first(*at)).flat_map(move |at| {
        let rule = &rules[at];
        let alone = |place: usize| {
            let subject = &rule.alerts[place].subject;
            rule.alerts[..place].iter().all(|other| other.subject != *subject)
        };
        (0..rule.alerts.len()).filter(move |place| alone(*place)).map(move |place| {
            let alert = &rule.alerts[place];
            let labels = [
                ("alertname", rule.name.as_str()),
                ("subject", alert.subject.as_str()),
                ("alertstate", if alert.phase.is_active() { "firing" } else { alert.phase.name() }),
                ("severity", alert.severity.name()),
            ];
            let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
            Metric { labels: labels.map(|(name, value)| (name, value.into())).collect(), value: Value::Number(1.0) }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertPhase, AlertRuleState, AlertState, Alerts};
    use crate::export::metrics::floors::Raised;
    use crate::snapshot::Snapshot;

    #[test]
    fn an_alert_has_a_sample_with_its_state() {
        let alert = |subject: &str, phase| AlertState { subject: subject.into(), phase, ..AlertState::default() };
        let alerts =
            vec![alert("a", AlertPhase::Firing), alert("a", AlertPhase::Firing), alert("", AlertPhase::Pending)];
        let rule = AlertRuleState { name: "leak".into(), alerts, ..AlertRuleState::default() };
        let rules = vec![rule.clone(), AlertRuleState { name: "cpu".into(), ..AlertRuleState::default() }, rule];
        let snapshot = Snapshot { alerts: Some(Alerts { at_unix_ns: 1, rules }), ..Snapshot::default() };
        let floors = Raised { overhead_ns: 0, functions: Vec::new() };
        let shown: Vec<String> = alerts_of(&snapshot, &floors);
        assert_eq!(
            shown,
            [
                "alertname=leak,subject=a,alertstate=firing,severity=warning",
                "alertname=leak,alertstate=pending,severity=warning"
            ]
        );
    }

    fn alerts_of(snapshot: &Snapshot, floors: &Raised) -> Vec<String> {
        let text = |metric: Metric<'_>| {
            let labels = metric.labels.iter().map(|(name, value)| format!("{name}={value}"));
            labels.collect::<Vec<_>>().join(",")
        };
        alerts(Source { snapshot, floors, range: 0..0 }).map(text).collect()
    }
}
