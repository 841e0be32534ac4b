//! What is to be done with profiles, as the settings say.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::keep::Keep;
use super::labels::{Labels, ServiceName};
use super::target::Target;
use crate::secret::Secret;

/// What is done with profiles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// From one profile to the next.
    pub(crate) interval: Duration,
    pub(crate) name: ServiceName,
    pub(crate) push: Option<Push>,
    pub(crate) files: Option<Files>,
}

/// Where profiles are pushed to, and as what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Push {
    pub(crate) target: Target,
    pub(crate) protocol: Protocol,
    pub(crate) labels: Labels,
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
    pub(crate) keep: Keep,
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `POST /ingest`: every Pyroscope, and what speaks like it.
    #[default]
    Ingest,
    /// `POST /push.v1.PusherService/Push`: Grafana Pyroscope from 1.0 on, and Alloy's `pyroscope.receive_http`.
    Push,
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ingest" => Ok(Self::Ingest),
            "push" => Ok(Self::Push),
            _ => Err(()),
        }
    }
}
