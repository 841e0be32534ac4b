//! Settings of profiles that are pushed or written: in code, and how they become a plan.

use super::builder::{Builder, Reader};
use super::values;
use crate::error::Error;
use crate::secret::Secret;

impl Builder {
    /// The Pyroscope server that profiles are pushed to, such as `http://pyroscope:4040`, or `off`. Plain HTTP only: for TLS push to a Grafana Alloy
    /// beside the program, which sends on.
    pub fn push(self, server: impl Into<String>) -> Self {
        self.set("push", server)
    }

    /// How that server is spoken to: `ingest` (`POST /ingest`) or `push` (`push.v1.PusherService/Push`).
    pub fn push_protocol(self, protocol: impl Into<String>) -> Self {
        self.set("push_protocol", protocol)
    }

    /// From one profile that is pushed or written to the next, such as `15s`.
    pub fn push_interval(self, interval: impl Into<String>) -> Self {
        self.set("push_interval", interval)
    }

    /// What the service is called, in what is pushed and in names of files.
    pub fn push_name(self, name: impl Into<String>) -> Self {
        self.set("push_name", name)
    }

    /// Labels of what is pushed, as `name=value,…`. Each combination of values is a series of its own on the server: none that many values are given to.
    pub fn push_labels(self, labels: impl Into<String>) -> Self {
        self.set("push_labels", labels)
    }

    /// What is sent to the server as `Authorization: Bearer …`.
    pub fn push_token(self, token: impl Into<String>) -> Self {
        self.set("push_token", token)
    }

    /// What is sent to the server as `X-Scope-OrgID`.
    pub fn push_tenant(self, tenant: impl Into<String>) -> Self {
        self.set("push_tenant", tenant)
    }

    /// A folder that profiles are written to, or `off`.
    pub fn profiles(self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.set("profiles", folder.into().to_string_lossy())
    }

    /// How many of this program's profiles stay in that folder: a number such as `48`, or a size such as `256MiB`.
    pub fn profiles_keep(self, keep: impl Into<String>) -> Self {
        self.set("profiles_keep", keep)
    }
}

/// From one profile to the next.
fn interval(text: &str) -> Option<std::time::Duration> {
    let allowed = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(3_600);
    values::duration(text).filter(|interval| allowed.contains(interval))
}

fn token(text: &str) -> Option<Secret> {
    let fits = (1..=4_096).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| Secret::new(text))
}

/// As Pyroscope, Mimir and Loki have them.
fn tenant(text: &str) -> Option<String> {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b);
    let fits = (1..=150).contains(&text.len()) && text.bytes().all(is_fine) && !matches!(text, "." | "..");
    fits.then(|| text.to_owned())
}

#[cfg(feature = "push")]
impl Reader<'_> {
    /// Where profiles go; `None`: nowhere. What is said of it is checked all the same.
    pub(super) fn push(&self) -> Result<Option<crate::push::Plan>, Error> {
        use crate::push::{Files, Keep, Labels, Plan, Push, ServiceName, Target};
        /// Pyroscope's clients and Alloy have the same.
        const INTERVAL: std::time::Duration = std::time::Duration::from_secs(15);
        let target = self.parse("push", |text| values::or_off(text, |text| text.parse::<Target>().ok()))?.flatten();
        let protocol = self.parse("push_protocol", |text| text.parse().ok())?.unwrap_or_default();
        let interval = self.parse("push_interval", interval)?.unwrap_or(INTERVAL);
        let name = self.parse("push_name", |text| text.parse().ok())?;
        let labels = self.parse("push_labels", |text| text.parse::<Labels>().ok())?.unwrap_or_default();
        let token = self.parse("push_token", token)?;
        let tenant = self.parse("push_tenant", tenant)?;
        let folder = self.parse("profiles", |text| values::or_off(text, |text| Some(text.into())))?.flatten();
        let keep = self.parse("profiles_keep", |text| {
            let size = || values::size(text).filter(|bytes| *bytes >= 1 << 20).map(Keep::Bytes);
            text.parse().ok().or_else(size)
        })?;
        let push = target.map(|target| Push { target, protocol, labels, token, tenant });
        let files = folder.map(|folder| Files { folder, keep: keep.unwrap_or(Keep::DEFAULT) });
        if push.is_none() && files.is_none() {
            return Ok(None);
        }
        let name = name.unwrap_or_else(ServiceName::of_executable);
        Ok(Some(Plan { interval, name, push, files }))
    }
}

#[cfg(not(feature = "push"))]
impl Reader<'_> {
    /// Only `off` is allowed; what is said besides is checked as far as it can be.
    pub(super) fn no_push(&self) -> Result<(), Error> {
        for key in ["push", "profiles"] {
            self.parse(key, |text| (text == "off").then_some(()))?;
        }
        self.parse("push_interval", interval)?;
        self.parse("push_token", token)?;
        self.parse("push_tenant", tenant)?;
        Ok(())
    }
}
