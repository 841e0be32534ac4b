//! The latest readings of all producers, as public data.

use crate::instrument;
use crate::reading::{self, Description, Labels};
use crate::snapshot::{AbsentReading, Reading, sort_readings};

pub(super) fn readings() -> (Vec<Reading>, Vec<AbsentReading>) {
    reading::renew();
    let (mut latest, mut absences) = reading::latest_except(instrument::NAME);
    // Read now, so that counters are those of this moment, whether or not the profiler was started.
    let instruments = instrument::read();
    latest.extend_from_slice(instruments.readings());
    absences.extend_from_slice(instruments.absences());
    let mut readings: Vec<Reading> = latest.iter().map(public).collect();
    sort_readings(&mut readings);
    let absent = |absence: &reading::Absence| AbsentReading { what: absence.what.into(), why: absence.why.into() };
    let mut absences: Vec<AbsentReading> = absences.iter().map(absent).collect();
    absences.sort();
    absences.dedup();
    (readings, absences)
}

fn public(reading: &reading::Reading) -> Reading {
    Reading {
        name: reading.description.name.into(),
        help: reading.description.help.into(),
        labels: reading.labels.to_map(),
        unit: reading.description.unit,
        kind: reading.description.kind,
        value: reading.value,
    }
}

/// A reading of each, of which the value means nothing.
pub(crate) fn described(descriptions: impl Iterator<Item = &'static Description>) -> Vec<Reading> {
    let of = |description| public(&reading::Reading { description, labels: Labels::NONE, value: 0.0 });
    descriptions.map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::reading::{Place, Renew, Sheet};
    use crate::snapshot::{ReadingKind, ReadingUnit};

    static DEPTH: Description = Description::gauge("test_queue_depth", ReadingUnit::Count, "Things that wait.");

    #[test]
    fn what_a_producer_published_is_in_the_snapshot() {
        let depths = || {
            let all = readings().0.into_iter().filter(|reading| reading.name == DEPTH.name);
            all.map(|reading| (reading.labels, reading.value)).collect::<Vec<_>>()
        };
        let labels = |queue: &str| [("queue".to_owned(), queue.to_owned())].into();
        let mut sheet = Sheet::default();
        sheet.push_of(&DEPTH, &Labels::of(&[("queue", "out")]), 2.0);
        sheet.push_of(&DEPTH, &Labels::of(&[("queue", "in")]), 3.0);
        sheet.push_of(&DEPTH, &Labels::of(&[("queue", "full")]), f64::NAN);
        sheet.absent("test_queue_age", "nobody knows");
        let place = Place::new("test queues", Renew(Arc::new(|| ())));
        let first = place.publish(sheet, Duration::MAX);
        assert!(first.readings().is_empty());
        assert_eq!(depths(), [(labels("in"), 3.0), (labels("out"), 2.0)], "what is no number is no reading");
        let found = readings().0.into_iter().find(|reading| reading.name == DEPTH.name).unwrap();
        assert_eq!((&*found.help, found.unit, found.kind), (DEPTH.help, ReadingUnit::Count, ReadingKind::Gauge));
        assert!(readings().1.iter().any(|absent| absent.what == "test_queue_age" && absent.why == "nobody knows"));
        let former = place.publish(first, Duration::MAX);
        assert_eq!((former.readings().len(), former.absences().len()), (0, 0), "it comes back empty");
        assert_eq!(depths(), []);
        let mut sheet = former;
        sheet.push(&DEPTH, 1.0);
        place.publish(sheet, Duration::MAX);
        drop(place);
        assert_eq!(depths(), []);
    }
}
