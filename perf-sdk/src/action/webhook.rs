//! The body of a webhook, as Alertmanager posts it: version 4.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>

use std::collections::BTreeMap;

use serde::Serialize;

use super::message::{Pairs, Sender, annotations};
use crate::alert::{AlertChange, AlertEvent};
use crate::base::calendar::rfc3339;

/// The time of what has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
    status: &'static str,
    receiver: &'static str,
    group_labels: Pairs,
    common_labels: BTreeMap<String, String>,
    common_annotations: Pairs,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<Alert<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: BTreeMap<String, String>,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: &'a str,
}

/// Of the events that come first, as many as are told together: those of one rule and one status.
pub(super) fn together<'a>(events: impl Iterator<Item = &'a AlertEvent> + Clone) -> usize {
    let Some(first) = events.clone().next() else { return 0 };
    events.take_while(|event| event.rule == first.rule && status(event) == status(first)).count()
}

fn status(event: &AlertEvent) -> &'static str {
    if event.change == AlertChange::Resolved { "resolved" } else { "firing" }
}

/// Of events of one rule and one status. `None` of none.
pub(super) fn body<'a>(events: &'a [AlertEvent], sender: &'a Sender) -> Option<Body<'a>> {
    let first = events.first()?;
    let url = sender.url.as_deref().unwrap_or_default();
    let alert = |event: &'a AlertEvent| {
        let is_over = event.change == AlertChange::Resolved;
        Alert {
            status: status(event),
            labels: sender.labels(&event.rule, &event.subject, event.severity),
            annotations: annotations(&event.summary, &event.evidence, &event.bundle),
            starts_at: rfc3339(event.since_unix_ns),
            ends_at: if is_over { rfc3339(event.at_unix_ns) } else { NEVER.to_owned() },
            generator_url: url,
            fingerprint: &event.fingerprint,
        }
    };
    let alerts: Vec<Alert<'a>> = events.iter().map(alert).collect();
    Some(Body {
        version: "4",
        group_key: format!("{{}}:{{alertname={:?}, service={:?}}}", first.rule, sender.service),
        truncated_alerts: 0,
        status: status(first),
        receiver: "perf-sdk",
        group_labels: sender.group_labels(&first.rule),
        common_labels: common(alerts.iter().map(|alert| &alert.labels)),
        common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
        external_url: url,
        alerts,
    })
}

/// What all of them have.
fn common<'a, K: Ord + Clone + 'a>(mut all: impl Iterator<Item = &'a BTreeMap<K, String>>) -> BTreeMap<K, String> {
    let mut common = all.next().cloned().unwrap_or_default();
    all.for_each(|one| common.retain(|name, value| one.get(name) == Some(value)));
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertSeverity;
    use crate::snapshot::write_json;

    fn event(rule: &str, subject: &str, change: AlertChange) -> AlertEvent {
        AlertEvent {
            at_unix_ns: 61_500_000_000,
            rule: rule.into(),
            subject: subject.into(),
            fingerprint: "00ff".into(),
            change,
            severity: AlertSeverity::Critical,
            evidence: "it is 7".into(),
            value: None,
            summary: "Look.".into(),
            since_unix_ns: 1_500_000_000,
            fired_seconds: 60.0,
            explained_by: String::new(),
            bundle: String::new(),
        }
    }

    #[test]
    fn it_has_the_form_of_version_4() {
        let sender = Sender {
            service: "shop".into(),
            labels: vec![("version".into(), "1.2".into()), ("alertname".into(), "not this".into())],
            url: Some("http://127.0.0.1:9464/alerts".into()),
        };
        let events = [event("leak", "main > a", AlertChange::Resolved)];
        let mut text = Vec::new();
        write_json(&body(&events, &sender).unwrap(), &mut text).unwrap();
        let expected = concat!(
            r#"{"version":"4","groupKey":"{}:{alertname=\"leak\", service=\"shop\"}","truncatedAlerts":0,"#,
            r#""status":"resolved","receiver":"perf-sdk","groupLabels":{"alertname":"leak","service":"shop"},"#,
            r#""commonLabels":{"alertname":"leak","service":"shop","severity":"critical","subject":"main > a","version":"1.2"},"#,
            r#""commonAnnotations":{"evidence":"it is 7","summary":"Look."},"#,
            r#""externalURL":"http://127.0.0.1:9464/alerts","alerts":[{"status":"resolved","#,
            r#""labels":{"alertname":"leak","service":"shop","severity":"critical","subject":"main > a","version":"1.2"},"#,
            r#""annotations":{"evidence":"it is 7","summary":"Look."},"#,
            r#""startsAt":"1970-01-01T00:00:01.500000000Z","endsAt":"1970-01-01T00:01:01.500000000Z","#,
            r#""generatorURL":"http://127.0.0.1:9464/alerts","fingerprint":"00ff"}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert!(body(&[], &sender).is_none());
        let two = [event("leak", "a", AlertChange::Fired), event("leak", "b", AlertChange::Fired)];
        let common = body(&two, &sender).unwrap().common_labels;
        assert!(!common.contains_key("subject") && common["severity"] == "critical", "{common:?}");
    }

    #[test]
    fn what_happened_to_one_rule_is_told_together() {
        use AlertChange::{Escalated, Fired, Resolved};
        let of = |all: &[(&str, AlertChange)]| {
            let events: Vec<AlertEvent> = all.iter().map(|(rule, change)| event(rule, "", *change)).collect();
            together(events.iter())
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[("a", Fired), ("a", Escalated), ("a", Fired), ("b", Fired)]), 3);
        assert_eq!(of(&[("a", Resolved), ("a", Fired)]), 1);
    }
}
