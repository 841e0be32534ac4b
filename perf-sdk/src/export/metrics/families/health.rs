//! Targets and alerts as one figure.

use crate::alert::AlertSeverity;
use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source};
use crate::snapshot::Snapshot;
use crate::target::Status;

pub(super) const ROWS: &[Row] = &[Row {
    name: "perf_health_ratio",
    help: "1 if all is well, by what it is of: targets, the mean of those that can be judged, of which one at risk counts as a half and a missed one as 0; alerts, 0 if a critical one fires or cools down, 0.5 if a warning does, 0.9 if one that only informs does; all, the product of both, unless there are targets of which none can be judged.",
    unit: "ratio",
    kind: Kind::Gauge,
    of: Of::Process,
    metrics: health,
}];

fn health(source: Source<'_>) -> Metrics<'_> {
    let (targets, alerts) = (of_targets(source.snapshot), of_alerts(source.snapshot));
    let has_targets = source.snapshot.targets.as_ref().is_some_and(|all| !all.targets.is_empty());
    let is_known = targets.is_some() || (alerts.is_some() && !has_targets);
    let all = is_known.then(|| targets.unwrap_or(1.0) * alerts.unwrap_or(1.0));
    let rows = [("all", all), ("targets", targets), ("alerts", alerts)];
    Box::new(rows.into_iter().filter_map(|(of, value)| {
        Some(Metric { function: None, labels: vec![("of", of.into())], value: Value::Number(value?) })
    }))
}

/// `None` if no target can be judged.
fn of_targets(snapshot: &Snapshot) -> Option<f64> {
    let worth = |status: Status| match status {
        Status::Met => Some(1.0),
        Status::AtRisk => Some(0.5),
        Status::Missed => Some(0.0),
        _ => None,
    };
    let judged: Vec<f64> =
        snapshot.targets.iter().flat_map(|all| &all.targets).filter_map(|one| worth(one.status)).collect();
    (!judged.is_empty()).then(|| judged.iter().sum::<f64>() / judged.len() as f64)
}

/// `None` without rules.
fn of_alerts(snapshot: &Snapshot) -> Option<f64> {
    let alerts = snapshot.alerts.as_ref()?;
    let worst = alerts.active().map(|(_, alert)| match alert.severity {
        AlertSeverity::Critical => 0.0,
        AlertSeverity::Warning => 0.5,
        AlertSeverity::Info => 0.9,
    });
    (!alerts.rules.is_empty()).then(|| worst.fold(1.0, f64::min))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertPhase, AlertRuleState, AlertState, Alerts};
    use crate::target::{Judgement, TargetState};

    fn shown(snapshot: &Snapshot) -> Vec<f64> {
        let value = |metric: Metric<'_>| match metric.value {
            Value::Number(value) => value,
            _ => f64::NAN,
        };
        health(Source::of_process(snapshot, 0)).map(value).collect()
    }

    #[test]
    fn it_is_of_targets_and_alerts() {
        assert!(shown(&Snapshot::default()).is_empty(), "without either there is nothing to say");
        let target = |status| TargetState { status, ..TargetState::default() };
        let targets = vec![target(Status::Met), target(Status::AtRisk), target(Status::Missed), target(Status::NoData)];
        let targets = Some(Judgement { targets, ..Judgement::default() });
        let of_targets = Snapshot { targets, ..Snapshot::default() };
        assert_eq!(shown(&of_targets), [0.5, 0.5]);
        let unjudged = Some(Judgement { targets: vec![target(Status::NoData)], ..Judgement::default() });
        assert!(shown(&Snapshot { targets: unjudged, ..Snapshot::default() }).is_empty(), "nothing can be judged");
        let alert = |phase, severity| AlertState { phase, severity, ..AlertState::default() };
        let rule = |alerts| AlertRuleState { alerts, ..AlertRuleState::default() };
        let with = |alerts| Snapshot {
            alerts: Some(Alerts { at_unix_ns: 1, rules: vec![rule(alerts)], ..Alerts::default() }),
            ..of_targets.clone()
        };
        assert_eq!(shown(&with(vec![alert(AlertPhase::Pending, AlertSeverity::Critical)])), [0.5, 0.5, 1.0]);
        assert_eq!(shown(&with(vec![alert(AlertPhase::Firing, AlertSeverity::Warning)])), [0.25, 0.5, 0.5]);
        let two = vec![
            alert(AlertPhase::Firing, AlertSeverity::Info),
            alert(AlertPhase::CoolingDown, AlertSeverity::Critical),
        ];
        assert_eq!(shown(&with(two)), [0.0, 0.5, 0.0]);
    }
}
