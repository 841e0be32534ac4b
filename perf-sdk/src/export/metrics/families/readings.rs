//! Metrics of monitors and instruments: those that are read at intervals. Their names come with the
//! snapshot.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::export::metrics::family::{Family, Head, Kind, Metric, Value};
use crate::export::metrics::user::is_name;
use crate::snapshot::{Reading, ReadingKind, ReadingUnit, Snapshot};

/// One family for each name. A snapshot may come from a file, so a reading that no format could
/// write is left out: with an invalid name, without a number, or there twice.
pub(in crate::export::metrics) fn families(snapshot: &Snapshot) -> Vec<Family<'_>> {
    let mut by_name: BTreeMap<&str, Vec<&Reading>> = BTreeMap::new();
    for reading in snapshot.readings.iter().filter(|reading| is_valid(reading)) {
        let named = by_name.entry(&reading.name).or_default();
        if named.iter().all(|known| known.labels != reading.labels && known.kind == reading.kind) {
            named.push(reading);
        }
    }
    by_name.into_values().map(|readings| family(&readings)).collect()
}

fn is_valid(reading: &Reading) -> bool {
    let is_label = |name: &String| is_name(name, false) && !name.starts_with("__");
    is_name(&reading.name, true) && reading.value.is_finite() && reading.labels.keys().all(is_label)
}

fn family<'a>(readings: &[&'a Reading]) -> Family<'a> {
    let first = readings[0];
    let (kind, stem) = match first.kind {
        ReadingKind::Counter => (Kind::Counter, first.name.strip_suffix("_total").unwrap_or(&first.name)),
        ReadingKind::Gauge => (Kind::Gauge, &*first.name),
    };
    // OpenMetrics refuses a unit that is not at the end of the name.
    let unit = match first.unit {
        ReadingUnit::Count => "",
        unit if stem.strip_suffix(unit.name()).is_some_and(|rest| rest.ends_with('_')) => unit.name(),
        _ => "",
    };
    let (name, help) = (Cow::from(&*first.name), Cow::from(&*first.help));
    let metric = |reading: &&'a Reading| Metric {
        function: None,
        labels: reading.labels.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect(),
        value: Value::Number(reading.value),
    };
    Family { head: Head { name, help, unit, kind, has_stem: true }, metrics: readings.iter().map(metric).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &str, labels: &[(&str, &str)], value: f64) -> Reading {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reading { name: name.to_owned().into(), labels, value, ..Reading::default() }
    }

    #[test]
    fn what_no_format_could_write_is_left_out() {
        let mut counter = reading("twice", &[("a", "2")], 2.0);
        counter.kind = ReadingKind::Counter;
        let readings = vec![
            reading("twice", &[("a", "1")], 1.0),
            reading("other", &[], 7.0),
            reading("twice", &[("a", "1")], 9.0),
            counter,
            reading("", &[], 1.0),
            reading("no name", &[], 1.0),
            reading("label", &[("no label", "")], 1.0),
            reading("reserved", &[("__name__", "x")], 1.0),
            reading("nothing", &[], f64::NAN),
        ];
        let snapshot = Snapshot { readings, ..Snapshot::default() };
        let families = families(&snapshot);
        let found: Vec<_> = families.iter().map(|family| (&*family.head.name, family.metrics.len())).collect();
        assert_eq!(found, [("other", 1), ("twice", 1)]);
    }

    #[test]
    fn a_unit_is_the_end_of_the_name() {
        for (name, unit, kind, expected) in [
            ("a_bytes", ReadingUnit::Bytes, ReadingKind::Gauge, "bytes"),
            ("a_seconds_total", ReadingUnit::Seconds, ReadingKind::Counter, "seconds"),
            ("a_seconds", ReadingUnit::Bytes, ReadingKind::Gauge, ""),
            ("seconds", ReadingUnit::Seconds, ReadingKind::Gauge, ""),
            ("a_count", ReadingUnit::Count, ReadingKind::Gauge, ""),
        ] {
            let reading = Reading { unit, kind, ..reading(name, &[], 1.0) };
            assert_eq!(family(&[&reading]).head.unit, expected, "{name}");
        }
    }
}
