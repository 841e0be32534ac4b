//! How a program is, in short.

use serde::Serialize;

use super::alerts::{self, Alert};
use super::functions::{self, Function, Of, Request, Sort};
use super::overview::{self, Process};
use super::targets::{self, Target};
use super::{findings, memory};
use crate::client::Client;
use crate::failure::{Failure, Status};

/// The time that functions are looked at, and how many of them.
const RECENT_SECONDS: u64 = 300;
const MOST: usize = 5;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Health {
    /// `well`, or `unwell` if a target is missed or an alert fires that is no information.
    pub(crate) health: &'static str,
    pub(crate) process: Process,
    pub(crate) targets: Counts,
    pub(crate) missed_targets: Vec<Target>,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) leaks: usize,
    /// Of the last five minutes.
    pub(crate) most_cpu: Vec<Function>,
    pub(crate) most_live_memory: Vec<memory::Owner>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) met: usize,
    pub(crate) at_risk: usize,
    pub(crate) missed: usize,
    pub(crate) unknown: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) claim: String,
}

pub(crate) fn ask(client: &Client) -> Result<Health, Failure> {
    let process = overview::ask(client)?;
    let targets = targets::ask(client)?;
    let alerts = alerts::ask(client)?;
    let advice = findings::ask(client)?;
    let request =
        Request { sort: Sort::SelfCpu, limit: MOST, of: Some(Of::Last(RECENT_SECONDS)), ..Request::default() };
    let mut most_cpu = functions::ask(client, &request)?.rows;
    most_cpu.retain(|function| function.self_cpu_seconds.is_some_and(|seconds| seconds > 0.0));
    let memory = memory::of(client, &process, MOST)?;
    let is_unwell = targets.missed > 0 || alerts.is_unwell();
    Ok(Health {
        health: if is_unwell { "unwell" } else { "well" },
        process,
        targets: Counts {
            met: targets.met,
            at_risk: targets.at_risk,
            missed: targets.missed,
            unknown: targets.no_data + targets.not_evaluable,
        },
        missed_targets: targets.targets.into_iter().filter(|target| target.status == "missed").collect(),
        alerts: alerts.alerts,
        findings: advice.findings.into_iter().map(|found| Finding { rule: found.rule, claim: found.claim }).collect(),
        leaks: memory.leaks.len(),
        most_cpu,
        most_live_memory: memory.owners,
    })
}

impl Health {
    pub(crate) fn status(&self) -> Status {
        if self.health == "well" { Status::Well } else { Status::Unwell }
    }
}
