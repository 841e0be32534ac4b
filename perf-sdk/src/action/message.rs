//! An alert as Prometheus and Alertmanager name its parts.

use std::collections::BTreeMap;

use crate::alert::AlertSeverity;
use crate::base::sort;

/// Who tells of alerts.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// The name of the service: the label `service`.
    pub(crate) service: String,
    /// Labels of the program's own, such as a version.
    pub(crate) labels: Vec<(String, String)>,
    /// The page of alerts. Absent without an endpoint.
    pub(crate) url: Option<String>,
}

/// Sorted, as Alertmanager shows them.
pub(super) type Pairs = BTreeMap<&'static str, String>;

impl Sender {
    /// Of a rule.
    pub(super) fn group_labels(&self, rule: &str) -> Pairs {
        sort::map_of([("alertname", rule.to_owned()), ("service", self.service.clone())])
    }

    /// Of one alert. Those of the program do not replace them.
    pub(super) fn labels(&self, rule: &str, subject: &str, severity: AlertSeverity) -> BTreeMap<String, String> {
        let mut labels = sort::map_of(self.labels.iter().cloned());
        let group = self.group_labels(rule).into_iter();
        labels.extend(group.map(|(name, value)| (name.to_owned(), value)));
        labels.insert("severity".to_owned(), severity.name().to_owned());
        if !subject.is_empty() {
            labels.insert("subject".to_owned(), subject.to_owned());
        }
        labels
    }
}

pub(super) fn annotations(summary: &str, evidence: &str, bundle: &str) -> Pairs {
    let all = [("summary", summary), ("evidence", evidence), ("bundle", bundle)];
    sort::map_of(all.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.to_owned())))
}
