//! What is to be done with profiles, as the settings say.

use std::path::PathBuf;
use std::time::Duration;

use crate::settings::{ProfilesKeep, PushLabels, PushProtocol, PushServer, Secret, ServiceName, Settings};

/// What is done with profiles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// From one profile to the next.
    pub(crate) interval: Duration,
    pub(crate) name: ServiceName,
    pub(crate) push: Option<Push>,
    pub(crate) files: Option<Files>,
}

impl Plan {
    /// As the program's settings say; `None`: profiles go nowhere.
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

/// Where profiles are pushed to, and as what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Push {
    pub(crate) target: PushServer,
    pub(crate) protocol: PushProtocol,
    pub(crate) labels: PushLabels,
    pub(crate) token: Option<Secret>,
    pub(crate) tenant: Option<String>,
}

impl Push {
    /// What whoever starts it should know.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_exposed = self.token.is_some() && !self.target.is_loopback();
        is_exposed.then(|| {
            format!(
                "PERF_PUSH_TOKEN goes to {} in plain text, since TLS is not spoken: who sees the network sees it; Grafana Alloy on this machine sends on by \
                 TLS (docs/fleet.md)",
                self.target
            )
        })
    }
}

/// Which files are written, and how many of them stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) keep: ProfilesKeep,
}
