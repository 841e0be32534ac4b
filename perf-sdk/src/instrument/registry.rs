//! The instruments of one kind, by name.

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};

use super::families::{self, Family};
use super::kind::Kind;
use super::tag::{MOST, OTHER, Tag};
use super::uses;
use crate::base::fork::Lock;
use crate::histogram::Histogram;
use crate::memory;
use crate::reading::{Labels, Sheet};
use crate::record;
use crate::scope::bounded;
use crate::snapshot::Distribution;

/// What an instrument measured.
pub(crate) trait Measured: Send + Sync + Sized + 'static {
    /// Appends counters and gauges. Does not allocate once it has run.
    fn read(entry: &Entry<Self>, into: &mut Sheet);

    /// Appends histograms.
    fn distributions(_entry: &Entry<Self>, _into: &mut Vec<Distribution>) {}

    /// Sets everything to zero. Called in a forked child: it takes no lock and does not allocate.
    fn reset(&self);
}

/// An instrument. It lives as long as the process, so that its counters never shrink.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: &'static str,
    pub(crate) tag: Tag,
    /// The kind as a label whose value is the name.
    pub(crate) labels: Labels,
    measured: T,
}

impl<T> Entry<T> {
    /// Its labels and further ones.
    pub(crate) fn labels_and(&self, more: &[(&'static str, &str)]) -> Labels {
        Labels::of(&self.labels.pairs().chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// A histogram of its durations. `None` of an empty one.
    pub(crate) fn distribution(
        &self,
        (name, help): (&'static str, &'static str),
        more: &[(&str, &str)],
        histogram: Histogram,
    ) -> Option<Distribution> {
        let mut labels = self.labels.to_map();
        labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        (histogram.count() > 0).then(|| Distribution { name: name.into(), help: help.into(), labels, histogram })
    }

    /// Charges operations, bytes and time waited to the function that this thread is in.
    ///
    /// **Cost.** A look-up and three additions. It takes no lock and does not allocate.
    #[inline]
    pub(crate) fn charge(&self, operations: u64, bytes: u64, wait_ns: u64) {
        uses::charge(self.tag, operations, bytes, wait_ns);
    }
}

impl<T> Deref for Entry<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.measured
    }
}

/// All instruments of one kind. Names are unique: a second instrument of the same name is the first
/// one. Once there are [`MOST`] − 1, further names are [`OTHER`].
#[derive(Debug)]
pub(crate) struct Registry<T: 'static> {
    kind: Kind,
    entries: [OnceLock<&'static Entry<T>>; MOST],
    /// The number of entries in use, without `(other)`.
    number: AtomicUsize,
    adding: Lock<()>,
}

impl<T: Measured> Registry<T> {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { kind, entries: [const { OnceLock::new() }; MOST], number: AtomicUsize::new(0), adding: Lock::new(()) }
    }

    /// The instrument of this name, which `make` makes if there is none. A name is cut to 255
    /// bytes.
    ///
    /// **Cost.** A lock and a comparison with all names: callers keep the result.
    pub(crate) fn join(&'static self, name: &str, make: impl FnOnce() -> T) -> &'static Entry<T> {
        memory::uncounted(|| {
            let name = bounded(name);
            let _adding = self.adding.lock();
            families::add(self.kind, self);
            if let Some(known) = self.entries().find(|entry| entry.name == name) {
                return known;
            }
            let number = self.number.load(Acquire);
            if number >= MOST - 1 || name == OTHER {
                record::no_room_for_instrument();
                return self.entries[MOST - 1].get_or_init(|| self.entry(MOST - 1, OTHER, make()));
            }
            let entry = self.entries[number].get_or_init(|| self.entry(number, &name, make()));
            self.number.store(number + 1, Release);
            entry
        })
    }

    /// An entry that is never freed: there are [`MOST`] at most.
    fn entry(&self, place: usize, name: &str, measured: T) -> &'static Entry<T> {
        let name: &'static str = String::from(name).leak();
        let (tag, labels) = (Tag::new(self.kind, place, name), Labels::of(&[(self.kind.name(), name)]));
        Box::leak(Box::new(Entry { name, tag, labels, measured }))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &'static Entry<T>> {
        let number = self.number.load(Acquire);
        self.entries[..number].iter().chain(self.entries.last()).filter_map(|entry| entry.get().copied())
    }
}

impl<T: Measured> Family for Registry<T> {
    fn read(&self, into: &mut Sheet) {
        self.entries().for_each(|entry| T::read(entry, into));
    }

    fn distributions(&self, into: &mut Vec<Distribution>) {
        self.entries().for_each(|entry| T::distributions(entry, into));
    }

    fn reset(&self) {
        self.entries().for_each(|entry| entry.measured.reset());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[derive(Debug, Default)]
    struct Count(AtomicU64);

    impl Measured for Count {
        fn read(_: &Entry<Self>, _: &mut Sheet) {}

        fn reset(&self) {
            self.0.store(0, Relaxed);
        }
    }

    #[test]
    fn names_are_unique_and_their_number_is_limited() {
        static COUNTS: Registry<Count> = Registry::new(Kind::TestNames);
        let add = |name: &str| COUNTS.join(name, Count::default).0.fetch_add(1, Relaxed);
        for round in 0..2 {
            for name in 0..MOST + 10 {
                add(&format!("number {name}"));
            }
            let counts: Vec<(&str, u64)> = COUNTS.entries().map(|entry| (entry.name, entry.0.load(Relaxed))).collect();
            assert_eq!(counts.len(), MOST);
            assert_eq!(counts[0], ("number 0", round + 1));
            assert_eq!(counts[MOST - 1], (OTHER, 11 * (round + 1)));
        }
        let long = "n".repeat(1_000);
        assert_eq!(COUNTS.join(&long, Count::default).name, OTHER);
    }
}
