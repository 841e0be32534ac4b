//! The latest readings of all producers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::description::Description;
use super::sheet::{Absence, Reading, Sheet};
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

#[derive(Debug, Default)]
struct Board {
    /// The process whose readings they are: a forked child begins without any.
    process: Option<Process>,
    entries: Vec<Entry>,
    /// Counts what was published and removed.
    version: u64,
    /// The latest copy, and of which version it is: what judges readings does so in one turn of the
    /// scheduler, mostly.
    copy: Option<(u64, Arc<Readings>)>,
}

/// Readings of all producers, and what cannot be read.
pub(crate) type Readings = (Vec<Reading>, Vec<Absence>);

#[derive(Debug)]
struct Entry {
    producer: &'static str,
    place: u64,
    /// The number of the sheet among all that were published.
    version: u64,
    sheet: Sheet,
    read: Instant,
    /// The age from which the sheet is read anew for who asks.
    old: Duration,
    renew: Renew,
}

/// Reads a sheet anew, on the calling thread.
#[derive(Clone)]
pub(crate) struct Renew(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Renew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renew")
    }
}

impl Board {
    const EMPTY: Self = Self { process: None, entries: Vec::new(), version: 0, copy: None };

    /// Removes what another process published.
    fn of_this_process(&mut self) -> &mut Self {
        let process = Some(Process::current());
        if self.process != process {
            *self = Self { process, ..Self::EMPTY };
        }
        self
    }
}

static BOARD: Lock<Board> = Lock::new(Board::EMPTY);

/// What may appear on the board, by name.
static NAMES: Lock<Vec<&'static str>> = Lock::new(Vec::new());

/// A producer's place on the board, until it drops. A later place of the same producer takes it
/// over: a thread that hangs past the end of a profiler does not disturb the next one.
#[derive(Debug)]
pub(crate) struct Place {
    producer: &'static str,
    number: u64,
    renew: Renew,
}

impl Place {
    pub(crate) fn new(producer: &'static str, renew: Renew) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { producer, number: NEXT.fetch_add(1, Relaxed), renew }
    }

    /// Shows the sheet in the place of the former one, which is given back so that its memory is
    /// used again.
    pub(crate) fn publish(&self, sheet: Sheet, old: Duration) -> Sheet {
        let mut board = BOARD.lock();
        let board = board.of_this_process();
        board.version += 1;
        let (place, read, version) = (self.number, Instant::now(), board.version);
        match board.entries.iter_mut().find(|entry| entry.producer == self.producer) {
            Some(entry) if entry.place > place => emptied(sheet),
            Some(entry) => {
                if entry.place != place {
                    (entry.place, entry.renew) = (place, self.renew.clone());
                }
                (entry.read, entry.old, entry.version) = (read, old, version);
                emptied(std::mem::replace(&mut entry.sheet, sheet))
            }
            None => {
                let renew = self.renew.clone();
                board.entries.push(Entry { producer: self.producer, place, version, sheet, read, old, renew });
                Sheet::default()
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut board = BOARD.lock();
        let board = board.of_this_process();
        board.version += 1;
        board.entries.retain(|entry| entry.place != self.number);
    }
}

fn emptied(mut sheet: Sheet) -> Sheet {
    sheet.clear();
    sheet
}

/// Reads anew what is old, on the calling thread. Producers are read less often while the process
/// is idle, and whoever asks gets no older readings than otherwise.
pub(crate) fn renew() {
    let old: Vec<Renew> = {
        let mut board = BOARD.lock();
        let entries = board.of_this_process().entries.iter();
        entries.filter(|entry| entry.read.elapsed() >= entry.old).map(|entry| entry.renew.clone()).collect()
    };
    // Without the lock, which they take themselves.
    old.iter().for_each(|renew| (renew.0)());
}

/// Hands the latest readings of each producer to `each`, with a number that is another one for
/// newer readings. It must not take long.
pub(crate) fn visit(mut each: impl FnMut(&'static str, u64, &[Reading])) {
    for Entry { producer, version, sheet, .. } in &BOARD.lock().of_this_process().entries {
        each(producer, *version, sheet.readings());
    }
}

/// The latest readings of all producers: one copy for all who ask before there are newer ones.
pub(crate) fn latest() -> Arc<Readings> {
    let mut board = BOARD.lock();
    let Board { entries, version, copy, .. } = board.of_this_process();
    if let Some((_, known)) = copy.as_ref().filter(|(of, _)| of == version) {
        return Arc::clone(known);
    }
    let mut all = copy.take().map_or_else(Arc::default, |(_, former)| former);
    match Arc::get_mut(&mut all) {
        // The memory of the former one is used again.
        Some(all) => copy_to(all, entries.iter()),
        None => {
            let mut new = Readings::default();
            copy_to(&mut new, entries.iter());
            all = Arc::new(new);
        }
    }
    *copy = Some((*version, Arc::clone(&all)));
    all
}

/// The latest readings of all producers except the named one.
pub(crate) fn latest_except(producer: &str) -> Readings {
    let mut board = BOARD.lock();
    let entries = board.of_this_process().entries.iter().filter(|entry| entry.producer != producer);
    let mut all = Readings::default();
    copy_to(&mut all, entries);
    all
}

fn copy_to<'a>(all: &mut Readings, entries: impl Iterator<Item = &'a Entry> + Clone) {
    let (readings, absences) = all;
    readings.clear();
    absences.clear();
    // PERF: their number is known, so they are not moved while more of them come.
    readings.reserve(entries.clone().map(|entry| entry.sheet.readings().len()).sum());
    for entry in entries {
        readings.extend_from_slice(entry.sheet.readings());
        absences.extend_from_slice(entry.sheet.absences());
    }
}

/// Says which readings may appear from now on, so that nothing else takes their names before.
pub(crate) fn reserve(descriptions: impl Iterator<Item = &'static Description>) {
    let mut names = NAMES.lock();
    for description in descriptions {
        if !names.contains(&description.name) {
            names.push(description.name);
        }
    }
}

/// The names of the readings that may appear.
#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) fn reserved() -> Vec<&'static str> {
    NAMES.lock().clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Description, Unit};

    static HERE: Description = Description::gauge("test_here", Unit::Count, "It is there.");

    fn place(producer: &'static str) -> Place {
        Place::new(producer, Renew(Arc::new(|| ())))
    }

    fn sheet(description: &'static Description, value: f64) -> Sheet {
        let mut sheet = Sheet::default();
        sheet.push(description, value);
        sheet
    }

    fn value_of(description: &Description) -> Option<f64> {
        let is_it = |reading: &Reading| reading.description.name == description.name;
        latest().0.iter().find(|reading| is_it(reading)).map(|reading| reading.value)
    }

    /// Other tests may publish in between.
    #[test]
    fn who_asks_at_the_same_time_shares_one_copy() {
        static SHARED: Description = Description::gauge("test_shared", Unit::Count, "It is there.");
        let place = place("test shared");
        place.publish(sheet(&SHARED, 1.0), Duration::MAX);
        assert!((0..10_000).any(|_| Arc::ptr_eq(&latest(), &latest())), "they are never shared");
        let before = latest();
        place.publish(sheet(&SHARED, 2.0), Duration::MAX);
        let of = |all: &Readings| {
            let is_it = |reading: &&Reading| reading.description.name == SHARED.name;
            all.0.iter().find(is_it).map(|reading| reading.value)
        };
        assert_eq!((of(&before), of(&latest())), (Some(1.0), Some(2.0)), "a copy does not change");
        drop(place);
        assert_eq!(of(&latest()), None);
    }

    #[test]
    #[cfg(all(unix, not(miri)))]
    fn a_forked_child_has_no_readings_of_its_parent() {
        let place = place("test fork");
        place.publish(sheet(&HERE, 1.0), Duration::MAX);
        assert!(value_of(&HERE).is_some());
        assert!(crate::base::fork::in_child(|| value_of(&HERE).is_none()));
    }

    #[test]
    fn a_producer_that_hangs_past_its_end_does_not_disturb_the_next_one() {
        static OF_TWO: Description = Description::gauge("test_of_two", Unit::Count, "It is there.");
        let hangs = place("test restart");
        hangs.publish(sheet(&OF_TWO, 1.0), Duration::MAX);
        let next = place("test restart");
        next.publish(sheet(&OF_TWO, 2.0), Duration::MAX);
        assert_eq!(value_of(&OF_TWO), Some(2.0));
        assert!(hangs.publish(sheet(&OF_TWO, 3.0), Duration::MAX).readings().is_empty());
        assert_eq!(value_of(&OF_TWO), Some(2.0), "what comes late is not shown");
        drop(hangs);
        assert_eq!(value_of(&OF_TWO), Some(2.0), "nor does it take the sheet of the next one away");
        drop(next);
        assert_eq!(value_of(&OF_TWO), None);
    }

    #[test]
    fn only_what_is_old_is_read_anew() {
        let count = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&count);
        let renew = Renew(Arc::new(move || {
            counts.fetch_add(1, Relaxed);
        }));
        let place = Place::new("test age", renew);
        place.publish(Sheet::default(), Duration::from_secs(3_600));
        super::renew();
        assert_eq!(count.load(Relaxed), 0);
        place.publish(Sheet::default(), Duration::ZERO);
        super::renew();
        assert!(count.load(Relaxed) > 0);
    }
}
