//! Histograms of instruments. Their names come with the snapshot.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::export::metrics::family::{Family, Head, Kind, Metric, Value};
use crate::export::metrics::user::is_name;
use crate::histogram::Scale;
use crate::snapshot::{Distribution, Snapshot};

/// One family for each name. A snapshot may come from a file, so a histogram that no format could
/// write is left out: with an invalid name, or there twice.
pub(in crate::export::metrics) fn families(snapshot: &Snapshot) -> Vec<Family<'_>> {
    let mut by_name: BTreeMap<&str, Vec<&Distribution>> = BTreeMap::new();
    for one in snapshot.distributions.iter().filter(|one| is_valid(one)) {
        let named = by_name.entry(&one.name).or_default();
        let scale = one.histogram.scale();
        if named.iter().all(|known| known.labels != one.labels && known.histogram.scale() == scale) {
            named.push(one);
        }
    }
    by_name.into_values().map(|all| family(&all)).collect()
}

fn is_valid(one: &Distribution) -> bool {
    let is_label = |name: &String| is_name(name, false) && !name.starts_with("__") && name != "le";
    is_name(&one.name, true) && one.labels.keys().all(is_label)
}

fn family<'a>(all: &[&'a Distribution]) -> Family<'a> {
    let first = all[0];
    let unit = match first.histogram.scale() {
        Scale::Seconds => "seconds",
        Scale::Bytes => "bytes",
    };
    // OpenMetrics refuses a unit that is not at the end of the name.
    let unit = if first.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')) { unit } else { "" };
    let (name, help) = (Cow::from(&*first.name), Cow::from(&*first.help));
    let metric = |one: &&'a Distribution| Metric {
        function: None,
        labels: one.labels.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect(),
        value: Value::Distribution { histogram: &one.histogram, sum: one.histogram.sum_in_base_unit(), exemplars: &[] },
    };
    let head = Head { name, help, unit, kind: Kind::Histogram, has_stem: true };
    Family { head, metrics: all.iter().map(metric).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    fn one(name: &'static str, label: &str, value: &str, scale: Scale) -> Distribution {
        let labels = [(label.to_owned(), value.to_owned())].into();
        Distribution { name: name.into(), labels, histogram: Histogram::new(scale), ..Distribution::default() }
    }

    #[test]
    fn what_no_format_could_write_is_left_out() {
        let distributions = vec![
            one("wait_seconds", "pool", "a", Scale::Seconds),
            one("wait_seconds", "pool", "b", Scale::Seconds),
            one("wait_seconds", "pool", "b", Scale::Seconds),
            one("wait_seconds", "pool", "c", Scale::Bytes),
            one("size", "pool", "a", Scale::Bytes),
            one("no name", "pool", "a", Scale::Bytes),
            one("reserved", "le", "a", Scale::Bytes),
        ];
        let snapshot = Snapshot { distributions, ..Snapshot::default() };
        let families = families(&snapshot);
        let shown: Vec<_> = families.iter().map(|one| (&*one.head.name, one.head.unit, one.metrics.len())).collect();
        assert_eq!(shown, [("size", "", 1), ("wait_seconds", "seconds", 2)]);
    }
}
