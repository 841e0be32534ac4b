//! What to send and where, from the settings.

use std::env;
use std::time::Duration;

use crate::settings::{OtlpAttributes, OtlpHeaders, OtlpTemporality, PushServer, ServiceName, Settings};

/// What to do with metrics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OtlpPlan {
    pub(super) target: PushServer,
    pub(super) interval: Duration,
    pub(super) temporality: OtlpTemporality,
    pub(super) headers: OtlpHeaders,
    #[cfg(feature = "otlp-profiles")]
    pub(super) has_profiles: bool,
    /// Of the process. A later one of the same name counts.
    pub(super) attributes: Vec<(String, String)>,
}

impl OtlpPlan {
    /// The plan for these settings. `None` if metrics are not sent.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let target = settings.otlp.clone()?;
        let named = settings.push_name.as_ref();
        Some(Self {
            target,
            interval: settings.otlp_interval,
            temporality: settings.otlp_temporality,
            headers: settings.otlp_headers.clone(),
            #[cfg(feature = "otlp-profiles")]
            has_profiles: settings.otlp_profiles,
            attributes: attributes(named, &settings.otlp_attributes, |name| env::var(name).ok()),
        })
    }

    /// A warning for the user at the start.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_exposed = self.headers.iter().next().is_some() && !self.target.is_loopback();
        is_exposed.then(|| {
            format!(
                "the headers in PERF_OTLP_HEADERS go to {} in plain text, since TLS is not supported: they are visible on the network; a Collector on this machine can forward by TLS (docs/otlp.md)",
                self.target
            )
        })
    }
}

/// What is known of the process, then what OpenTelemetry's variables say, then what was set here.
fn attributes(
    named: Option<&ServiceName>,
    own: &OtlpAttributes,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut all = vec![
        pair("service.name", ServiceName::of_executable().as_str()),
        pair("telemetry.sdk.name", env!("CARGO_PKG_NAME")),
        pair("telemetry.sdk.language", "rust"),
        pair("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        pair("process.pid", &std::process::id().to_string()),
    ];
    let of_environment = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    all.extend(OtlpAttributes::of_opentelemetry(&of_environment));
    let service = variable("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    all.extend(service.map(|name| pair("service.name", &name)));
    all.extend(named.map(|name| pair("service.name", name.as_str())));
    all.extend(own.iter().map(|(name, value)| pair(name, value)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Value as _;

    #[test]
    fn what_was_set_here_comes_last() {
        let service = |all: Vec<(String, String)>| {
            all.into_iter().filter(|(name, _)| name == "service.name").map(|(_, value)| value).next_back().unwrap()
        };
        let none = OtlpAttributes::default();
        let variable = |name: &str| match name {
            "OTEL_RESOURCE_ATTRIBUTES" => Some("service.name=a,cloud.region=eu".to_owned()),
            "OTEL_SERVICE_NAME" => Some("b".to_owned()),
            _ => None,
        };
        assert_eq!(service(attributes(None, &none, |_| None)), ServiceName::of_executable().as_str());
        assert_eq!(service(attributes(None, &none, variable)), "b");
        let named = ServiceName::parse("c").unwrap();
        assert_eq!(service(attributes(Some(&named), &none, variable)), "c");
        let own = OtlpAttributes::parse("service.name=d").unwrap();
        let all = attributes(Some(&named), &own, variable);
        assert!(all.contains(&("cloud.region".to_owned(), "eu".to_owned())));
        assert_eq!(service(all), "d");
    }
}
