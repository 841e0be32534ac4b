//! Targets: what figures ought to be, and whether they are.

use perf_sdk::target::{Judgement, Status, TargetState};
use serde::Serialize;

use crate::client::Client;
use crate::failure::{self, Failure};

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Targets {
    pub(crate) met: usize,
    pub(crate) at_risk: usize,
    pub(crate) missed: usize,
    pub(crate) no_data: usize,
    pub(crate) not_evaluable: usize,
    pub(crate) targets: Vec<Target>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) metric: String,
    /// Its limits: `< 100ms`.
    pub(crate) target: String,
    pub(crate) status: &'static str,
    /// The value: `87.1 ms`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) shown: String,
    /// In seconds, bytes, shares of 1 or things, or in these per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    pub(crate) events: u64,
    pub(crate) window_seconds: f64,
    pub(crate) covered_seconds: f64,
    /// The share of the error budget that is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget_left_ratio: Option<f64>,
}

pub(crate) fn ask(client: &Client) -> Result<Targets, Failure> {
    let judged: Judgement = client.json("/targets", &[("format", "json")])?;
    Ok(of(&judged))
}

fn of(judged: &Judgement) -> Targets {
    let target = |state: &TargetState| Target {
        name: state.name.clone(),
        metric: state.metric.clone(),
        target: state.target.clone(),
        status: state.status.name(),
        shown: state.shown.clone(),
        value: state.current,
        reason: state.reason.clone(),
        events: state.events,
        window_seconds: state.window_seconds,
        covered_seconds: state.covered_seconds,
        budget_left_ratio: state.budget.as_ref().and_then(|budget| budget.remaining),
    };
    Targets {
        met: judged.count(Status::Met),
        at_risk: judged.count(Status::AtRisk),
        missed: judged.count(Status::Missed),
        no_data: judged.count(Status::NoData),
        not_evaluable: judged.count(Status::NotEvaluable),
        targets: judged.targets.iter().map(target).collect(),
    }
}

impl Targets {
    /// Missed ones first; then, what cannot be judged is not known to be met.
    pub(crate) fn status(&self) -> failure::Status {
        match self {
            Self { missed: 1.., .. } => failure::Status::Unwell,
            Self { no_data: 1.., .. } | Self { not_evaluable: 1.., .. } => failure::Status::Unknown,
            _ if self.targets.is_empty() => failure::Status::Unknown,
            _ => failure::Status::Well,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_is_worse_than_an_unknown_one() {
        let status = |all: &[Status]| {
            let mut judged = Judgement::default();
            for status in all {
                let mut state = TargetState::default();
                state.status = *status;
                judged.targets.push(state);
            }
            of(&judged).status().code()
        };
        assert_eq!(status(&[Status::Met, Status::AtRisk]), 0);
        assert_eq!(status(&[Status::NoData, Status::Missed, Status::Met]), 1);
        assert_eq!(status(&[Status::Met, Status::NotEvaluable]), 3);
        assert_eq!(status(&[]), 3);
    }
}
