//! Findings: what somebody should do.

use perf_sdk::finding::{Finding, Findings};
use serde::Serialize;

use crate::client::Client;
use crate::failure::Failure;

/// A snapshot of less than this has none.
const LEAST_SECONDS: f64 = 2.0;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Advice {
    /// The length of the recorded time.
    pub(crate) recorded_seconds: f64,
    /// The number of those that were accepted, which are left out.
    pub(crate) accepted: u64,
    pub(crate) findings: Vec<Advised>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Advised {
    pub(crate) rule: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
    pub(crate) claim: String,
    pub(crate) evidence: String,
    pub(crate) confidence: String,
    pub(crate) next_step: String,
    pub(crate) refuted_by: String,
    /// What could be won back in the recorded time, at most.
    pub(crate) gain_cpu_seconds: f64,
    pub(crate) gain_wait_seconds: f64,
    pub(crate) gain_bytes: f64,
    pub(crate) fingerprint: String,
}

pub(crate) fn ask(client: &Client) -> Result<Advice, Failure> {
    Ok(of(&client.json("/findings", &[("format", "json")])?))
}

pub(crate) fn of(findings: &Findings) -> Advice {
    let advised = |finding: &Finding| Advised {
        rule: finding.rule.clone(),
        subject: finding.subject.clone(),
        claim: finding.claim.clone(),
        evidence: finding.evidence.clone(),
        confidence: finding.confidence.to_string(),
        next_step: finding.next_step.clone(),
        refuted_by: finding.refuted_by.clone(),
        gain_cpu_seconds: finding.gain.cpu_seconds,
        gain_wait_seconds: finding.gain.wait_seconds,
        gain_bytes: finding.gain.bytes,
        fingerprint: finding.fingerprint.clone(),
    };
    Advice {
        recorded_seconds: findings.window_ns as f64 * 1e-9,
        accepted: findings.accepted,
        findings: findings.findings.iter().map(advised).collect(),
    }
}

impl Advice {
    /// Whether too little was recorded for any finding.
    pub(crate) fn is_too_short(&self) -> bool {
        self.recorded_seconds < LEAST_SECONDS
    }
}
