//! Metrics of targets.

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source};
use crate::target::{Status, TargetState};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "target_status",
        help: "Judgement of a target: 1 for its status, 0 for the others.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: status,
    },
    Row {
        name: "target_ratio",
        help: "Current value of a target's metric divided by its limit, by bound.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: ratio,
    },
    Row {
        name: "target_error_budget_ratio",
        help: "Share of a target's error budget that is left. Negative if it is overdrawn.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: budget,
    },
];

/// A snapshot may come from a file, so a name may be there twice.
fn targets(source: Source<'_>) -> impl Iterator<Item = &TargetState> {
    let all = source.snapshot.targets.as_ref().map_or(&[][..], |judgement| &judgement.targets);
    all.iter()
        .enumerate()
        .filter(|(at, target)| all[..*at].iter().all(|other| other.name != target.name))
        .map(|(_, target)| target)
}

fn metric<'a>(target: &'a TargetState, label: Option<(&'static str, &'static str)>, value: f64) -> Metric<'a> {
    let labels = [("target", target.name.as_str())].into_iter().chain(label);
    Metric {
        function: None,
        labels: labels.map(|(name, value)| (name, value.into())).collect(),
        value: Value::Number(value),
    }
}

fn status(source: Source<'_>) -> Metrics<'_> {
    Box::new(targets(source).flat_map(|target| {
        Status::ALL.map(|status| {
            let is_it = f64::from(u8::from(status == target.status));
            metric(target, Some(("status", status.name())), is_it)
        })
    }))
}

fn ratio(source: Source<'_>) -> Metrics<'_> {
    Box::new(targets(source).flat_map(|target| {
        let finite = target.ratios().filter(|(_, value)| value.is_finite());
        finite.map(move |(bound, value)| metric(target, Some(("bound", bound)), value))
    }))
}

fn budget(source: Source<'_>) -> Metrics<'_> {
    Box::new(targets(source).filter_map(|target| {
        let remaining = target.budget.as_ref()?.remaining.filter(|remaining| remaining.is_finite())?;
        Some(metric(target, None, remaining))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;
    use crate::target::{ErrorBudget, Judgement};

    #[test]
    fn a_target_has_one_sample_a_status_and_one_a_limit() {
        let fast = TargetState {
            name: "fast".into(),
            status: Status::AtRisk,
            current: Some(0.09),
            upper: Some(0.1),
            budget: Some(ErrorBudget { remaining: Some(0.25), ..ErrorBudget::default() }),
            ..TargetState::default()
        };
        let silent = TargetState { name: "silent".into(), upper: Some(1.0), ..TargetState::default() };
        let targets = vec![fast.clone(), silent, fast];
        let snapshot = Snapshot { targets: Some(Judgement { at_unix_ns: 1, targets }), ..Snapshot::default() };
        let source = || Source::of_process(&snapshot, 0);
        let shown = |metrics: Metrics<'_>| -> Vec<(String, f64)> {
            let text = |metric: Metric<'_>| {
                let labels: Vec<String> = metric.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let Value::Number(value) = metric.value else { panic!("a number") };
                (labels.join(","), value)
            };
            metrics.map(text).collect()
        };
        let statuses = shown(status(source()));
        assert_eq!(statuses.len(), 10);
        let is_one = |labels: &str| statuses.contains(&(labels.to_owned(), 1.0));
        assert!(is_one("target=fast,status=at_risk") && is_one("target=silent,status=no_data"), "{statuses:?}");
        assert_eq!(statuses.iter().map(|(_, value)| value).sum::<f64>(), 2.0);
        assert_eq!(shown(ratio(source())), [("target=fast,bound=max".to_owned(), 0.09 / 0.1)]);
        assert_eq!(shown(budget(source())), [("target=fast".to_owned(), 0.25)]);
    }
}
