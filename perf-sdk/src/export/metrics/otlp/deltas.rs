//! What was sent before, so that only the difference is sent.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Series beyond this number are left out.
pub(crate) const MOST_SERIES: usize = 1 << 18;

/// A series, by two independent hashes of its name and attributes. Of 2^18 series, two have the
/// same key with a probability of 2^-93.
pub(super) type Key = (u64, u64);

/// The sums of each series when it was sent the last time.
#[derive(Debug)]
pub(crate) struct Deltas {
    hashers: (RandomState, RandomState),
    before: HashMap<Key, Before>,
    most: usize,
}

/// What is to be sent of a series.
#[derive(Debug, PartialEq)]
pub(super) enum Since {
    /// All since the start: it is sent for the first time, or it began anew.
    Start,
    /// What came since it was sent the last time, with that time.
    Latest(Before),
    /// Nothing: as many series as may be are known already, and without what was sent before, the
    /// next difference would count all of it again.
    NoRoom,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Before {
    /// When it was, in nanoseconds since the Unix epoch.
    pub(super) at_unix_ns: u64,
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Values that count as 0.
    pub(super) zero: u64,
    /// By index, ascending: positive and negative ones of a histogram.
    pub(super) positive: Vec<(i32, u64)>,
    pub(super) negative: Vec<(i32, u64)>,
}

impl Default for Deltas {
    fn default() -> Self {
        Self { hashers: (RandomState::new(), RandomState::new()), before: HashMap::new(), most: MOST_SERIES }
    }
}

impl Deltas {
    pub(super) fn key<'a>(&self, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> Key {
        let key = (name, labels.collect::<Vec<_>>());
        (self.hashers.0.hash_one(&key), self.hashers.1.hash_one(&key))
    }

    pub(super) fn since(&mut self, key: Key, now: &Before) -> Since {
        if let Some(before) = self.before.get_mut(&key) {
            let difference = now.since(before);
            before.clone_from(now);
            return difference.map_or(Since::Start, Since::Latest);
        }
        if self.before.len() >= self.most {
            return Since::NoRoom;
        }
        self.before.insert(key, now.clone());
        Since::Start
    }
}

impl Before {
    /// `None` if something fell.
    fn since(&self, before: &Self) -> Option<Self> {
        let sum = self.sum - before.sum;
        // The sum of a histogram may have negative values.
        let is_anew = self.count < before.count || (self.count == 0 && sum < 0.0);
        let buckets = |now: &[(i32, u64)], before: &[(i32, u64)]| {
            let known =
                |index: i32| before.binary_search_by_key(&index, |(index, _)| *index).map_or(0, |at| before[at].1);
            let all = now.iter().map(|(index, count)| Some((*index, count.checked_sub(known(*index))?)));
            let is_lost = |(index, count): &(i32, u64)| {
                *count > 0 && now.binary_search_by_key(index, |(index, _)| *index).is_err()
            };
            if before.iter().any(is_lost) { None } else { all.collect::<Option<Vec<_>>>() }
        };
        if is_anew {
            return None;
        }
        Some(Self {
            at_unix_ns: before.at_unix_ns,
            sum,
            count: self.count - before.count,
            zero: self.zero.checked_sub(before.zero)?,
            positive: buckets(&self.positive, &before.positive)?,
            negative: buckets(&self.negative, &before.negative)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(at_unix_ns: u64, count: u64, positive: &[(i32, u64)]) -> Before {
        Before { at_unix_ns, sum: count as f64, count, positive: positive.to_vec(), ..Before::default() }
    }

    #[test]
    fn differences_are_those_of_one_series() {
        let mut deltas = Deltas::default();
        let key = deltas.key("a", [("x", "1")].into_iter());
        let other = deltas.key("a", [("x", "2")].into_iter());
        assert_eq!(deltas.since(key, &histogram(1, 5, &[(3, 5)])), Since::Start, "the first time");
        let second = histogram(2, 9, &[(2, 1), (3, 8)]);
        assert_eq!(deltas.since(key, &second), Since::Latest(histogram(1, 4, &[(2, 1), (3, 3)])));
        assert_eq!(deltas.since(other, &histogram(2, 1, &[(1, 1)])), Since::Start);
        assert_eq!(deltas.since(key, &histogram(3, 1, &[(3, 1)])), Since::Start, "it began anew");
        assert_eq!(deltas.since(key, &histogram(4, 2, &[(3, 2)])), Since::Latest(histogram(3, 1, &[(3, 1)])));
        assert_eq!(deltas.since(key, &histogram(5, 2, &[(4, 2)])), Since::Start, "a bucket was lost");
    }

    #[test]
    fn a_counter_that_falls_began_anew() {
        let mut deltas = Deltas::default();
        let key = deltas.key("a", std::iter::empty());
        let number = |at_unix_ns, sum| Before { at_unix_ns, sum, ..Before::default() };
        assert_eq!(deltas.since(key, &number(1, 2.5)), Since::Start);
        assert_eq!(deltas.since(key, &number(2, 4.0)), Since::Latest(number(1, 1.5)));
        assert_eq!(deltas.since(key, &number(3, 1.0)), Since::Start);
        assert_eq!(deltas.since(key, &number(4, 1.0)), Since::Latest(number(3, 0.0)));
    }

    #[test]
    fn a_series_without_room_is_never_counted_twice() {
        let mut deltas = Deltas { most: 1, ..Deltas::default() };
        let (first, second) = (deltas.key("a", std::iter::empty()), deltas.key("b", std::iter::empty()));
        assert_eq!(deltas.since(first, &histogram(1, 5, &[(3, 5)])), Since::Start);
        for at in 1..4 {
            assert_eq!(deltas.since(second, &histogram(at, at, &[(3, at)])), Since::NoRoom);
        }
        assert_eq!(deltas.since(first, &histogram(2, 6, &[(3, 6)])), Since::Latest(histogram(1, 1, &[(3, 1)])));
    }
}
