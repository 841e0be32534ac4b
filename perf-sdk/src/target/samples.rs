//! Targets as metrics.

use super::judgement::{Judgement, Status};

/// One sample of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetSample {
    /// `target_status` or `target_ratio`.
    pub name: &'static str,
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

impl Judgement {
    /// `target_status{target,status}`: 1 for the status that it has, 0 for the others; and
    /// `target_ratio{target,bound}`: the current value ÷ the limit, where there is one.
    #[must_use]
    pub fn samples(&self) -> Vec<TargetSample> {
        let mut samples = Vec::new();
        for target in &self.targets {
            let label = || ("target", target.name.clone());
            samples.extend(Status::ALL.map(|status| TargetSample {
                name: "target_status",
                labels: vec![label(), ("status", status.name().to_owned())],
                value: f64::from(u8::from(status == target.status)),
            }));
            samples.extend(target.ratios().map(|(bound, value)| TargetSample {
                name: "target_ratio",
                labels: vec![label(), ("bound", bound.to_owned())],
                value,
            }));
        }
        samples
    }
}
