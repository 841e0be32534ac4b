//! Pyroscope's first protocol: `POST /ingest`, with one profile for each request.
//!
//! The service and its labels are in the parameter `name`, and the profile is the body. Its value
//! types are those that the server knows from Go's profiles. See Pyroscope's [server
//! API](https://grafana.com/docs/pyroscope/latest/reference-server-api/).

use super::client::Request;
use super::windows::Profile;
use crate::settings::{PushLabels, ServiceName};

pub(super) fn request(name: &ServiceName, labels: &PushLabels, profile: &Profile) -> Request {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let name = encoded(&format!("{name}{{{}}}", labels.join(",")));
    let seconds = |ns: u64| ns / 1_000_000_000;
    Request {
        // The next window begins in the second in which this one ends. A window of less than a
        // second is sent as one second.
        path: format!(
            "/ingest?name={name}&from={}&until={}&format=pprof&spyName=perf-sdk",
            seconds(profile.from_unix_ns),
            seconds(profile.until_unix_ns).max(seconds(profile.from_unix_ns) + 1)
        ),
        headers: vec![("Content-Type".into(), "application/octet-stream".to_owned())],
        read_bytes: 0,
        body: profile.body.clone(),
    }
}

/// Percent-encodes a value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::windows::Kind;
    use super::*;
    use crate::settings::Value as _;

    #[test]
    fn names_and_labels_are_one_parameter() {
        let profile = Profile {
            kind: Kind::Cpu,
            from_unix_ns: 1_700_000_000_500_000_000,
            until_unix_ns: 1_700_000_000_900_000_000,
            body: vec![1, 2],
        };
        let request = request(
            &ServiceName::parse("shop/cart").unwrap(),
            &PushLabels::parse("env=prod,zone=eü & 1").unwrap(),
            &profile,
        );
        let name = "name=shop%2Fcart%7Benv%3Dprod%2Czone%3De%C3%BC%20%26%201%7D";
        assert_eq!(
            request.path,
            format!("/ingest?{name}&from=1700000000&until=1700000001&format=pprof&spyName=perf-sdk")
        );
        assert_eq!(request.body, [1, 2]);
    }
}
