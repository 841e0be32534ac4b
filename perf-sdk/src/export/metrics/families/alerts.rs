//! Metrics of alerts.

use crate::alert::AlertActionTotal;
use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "alerts",
        help: "1 for each alert that is pending or fires.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: alerts,
    },
    Row {
        name: "alert_actions_total",
        help: "What was done about alerts, by what came of it: recovered, no_effect, failed, skipped; done is what is not judged.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: actions,
    },
];

fn actions(source: Source<'_>) -> Metrics<'_> {
    let totals = source.snapshot.alerts.as_ref().map_or(&[][..], |alerts| &alerts.actions);
    let is_first = |at: usize| {
        let key = |total: &AlertActionTotal| (total.action, total.outcome);
        totals[..at].iter().all(|other| key(other) != key(&totals[at]))
    };
    Box::new((0..totals.len()).filter(move |at| is_first(*at)).map(move |at| {
        let total = &totals[at];
        let labels = [("action", total.action.name()), ("outcome", total.outcome.name())];
        let labels = labels.into_iter().map(|(name, value)| (name, value.into())).collect();
        Metric { function: None, labels, value: Value::Number(total.number as f64) }
    }))
}

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
            Metric {
                function: None,
                labels: labels.map(|(name, value)| (name, value.into())).collect(),
                value: Value::Number(1.0),
            }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertActionKind, AlertOutcome, AlertPhase, AlertRuleState, AlertState, Alerts};
    use crate::snapshot::Snapshot;

    #[test]
    fn an_alert_has_a_sample_with_its_state() {
        let alert = |subject: &str, phase| AlertState { subject: subject.into(), phase, ..AlertState::default() };
        let alerts =
            vec![alert("a", AlertPhase::Firing), alert("a", AlertPhase::Firing), alert("", AlertPhase::Pending)];
        let rule = AlertRuleState { name: "leak".into(), alerts, ..AlertRuleState::default() };
        let rules = vec![rule.clone(), AlertRuleState { name: "cpu".into(), ..AlertRuleState::default() }, rule];
        let snapshot =
            Snapshot { alerts: Some(Alerts { at_unix_ns: 1, rules, ..Alerts::default() }), ..Snapshot::default() };
        let shown: Vec<String> = alerts_of(&snapshot);
        assert_eq!(
            shown,
            [
                "alertname=leak,subject=a,alertstate=firing,severity=warning",
                "alertname=leak,alertstate=pending,severity=warning"
            ]
        );
    }

    #[test]
    fn actions_are_counted_by_what_came_of_them() {
        let total = |outcome, number| AlertActionTotal { action: AlertActionKind::Purge, outcome, number };
        let actions = vec![total(AlertOutcome::Recovered, 2), total(AlertOutcome::NoEffect, 1)];
        let alerts = Alerts { actions, ..Alerts::default() };
        let snapshot = Snapshot { alerts: Some(alerts), ..Snapshot::default() };
        let shown: Vec<String> = actions_of(&snapshot);
        assert_eq!(shown, ["action=purge,outcome=recovered 2", "action=purge,outcome=no_effect 1"]);
    }

    fn actions_of(snapshot: &Snapshot) -> Vec<String> {
        let text = |metric: Metric<'_>| {
            let labels: Vec<String> = metric.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let Value::Number(number) = metric.value else { panic!() };
            format!("{} {number}", labels.join(","))
        };
        actions(Source::of_process(snapshot, 0)).map(text).collect()
    }

    fn alerts_of(snapshot: &Snapshot) -> Vec<String> {
        let text = |metric: Metric<'_>| {
            let labels = metric.labels.iter().map(|(name, value)| format!("{name}={value}"));
            labels.collect::<Vec<_>>().join(",")
        };
        alerts(Source::of_process(snapshot, 0)).map(text).collect()
    }
}
