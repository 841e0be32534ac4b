//! What to deliver and where, from the settings.

use std::path::PathBuf;
use std::time::Duration;

use crate::settings::{ProfilesKeep, PushLabels, PushProtocol, PushServer, Secret, ServiceName, Settings};

/// What to do with profiles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The interval from one profile to the next.
    pub(crate) interval: Duration,
    pub(crate) name: ServiceName,
    pub(crate) push: Option<Push>,
    pub(crate) files: Option<Files>,
}

impl Plan {
    /// The plan for these settings. `None` if profiles are not delivered.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let push = settings.push.clone().map(|target| Push {
            target,
            protocol: settings.push_protocol,
            labels: settings.push_labels.clone(),
            token: settings.push_token.clone(),
            tenant: settings.push_tenant.as_ref().map(|tenant| tenant.as_str().to_owned()),
        });
        let files = settings.profiles.clone().map(|folder| Files { folder, keep: settings.profiles_keep });
        if push.is_none() && files.is_none() {
            return None;
        }
        let name = settings.push_name.clone().unwrap_or_else(ServiceName::of_executable);
        Some(Self { interval: settings.push_interval, name, push, files })
    }
}

/// The server to push to, with name, labels and credentials.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Push {
    pub(crate) target: PushServer,
    pub(crate) protocol: PushProtocol,
    pub(crate) labels: PushLabels,
    pub(crate) token: Option<Secret>,
    pub(crate) tenant: Option<String>,
}

impl Push {
    /// A warning for the user at the start.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_exposed = self.token.is_some() && !self.target.is_loopback();
        is_exposed.then(|| {
            format!(
                "PERF_PUSH_TOKEN goes to {} in plain text, since TLS is not supported: it is visible on the network; Grafana Alloy on this machine can forward by \
                 TLS (docs/fleet.md)",
                self.target
            )
        })
    }
}

/// The folder to write to, and the limits on its files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) keep: ProfilesKeep,
}
