//! Contention of locks.

use std::collections::BTreeMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::Frame;

/// The number and the duration of waits for one lock, by one scope, or while one scope held it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct LockContention {
    /// The profiled functions, outermost first. Empty outside of all profiled functions.
    pub scope: Vec<Frame>,
    /// `Mutex`, `RwLock` or `Condvar`; `(other)`, without a scope and a place, is the sum of
    /// entries for which there was no room.
    pub lock: String,
    /// The source file in which the lock was made.
    pub file: String,
    /// The line in it, from 1. Locks that are made on the same line are one entry.
    pub line: u32,
    /// Waits that have ended.
    pub contentions: u64,
    /// Their total duration in nanoseconds.
    pub delay_ns: u64,
}

impl LockContention {
    /// The lock, named by its place: `Mutex at src/store.rs:12`.
    #[must_use]
    pub fn lock_name(&self) -> String {
        if self.file.is_empty() { self.lock.clone() } else { format!("{} at {}:{}", self.lock, self.file, self.line) }
    }
}

/// Waits for locks of [`sync`](crate::sync), since recording began or in a window. There is one
/// entry for each scope and lock, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Locks {
    /// By the scope that waited.
    pub waiters: Vec<LockContention>,
    /// The same waits by the scope that held the lock when the wait began. Waits at a condition
    /// variable are not included, because it has no holder.
    pub holders: Vec<LockContention>,
    /// Futures that were suspended while they held a [`Mutex`](crate::sync::Mutex), or an
    /// [`RwLock`](crate::sync::RwLock) for writing, by the future's scope. Of these,
    /// [`contentions`](LockContention::contentions) is how often a lock was held when its future
    /// was suspended, and [`delay_ns`](LockContention::delay_ns) for how long it was held from then
    /// on, of those that were released since. Only futures that are measured are seen.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub suspended: Vec<LockContention>,
}

/// Keyed by scope, file, line and lock.
type Sums = BTreeMap<(Vec<Frame>, String, u32, String), [u64; 2]>;

impl Locks {
    /// Adds up entries with equal scope and lock.
    #[cfg(feature = "enabled")]
    pub(crate) fn of(
        waiters: impl Iterator<Item = LockContention>,
        holders: impl Iterator<Item = LockContention>,
        suspended: impl Iterator<Item = LockContention>,
    ) -> Self {
        Self { waiters: entries(sums(waiters)), holders: entries(sums(holders)), suspended: entries(sums(suspended)) }
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            waiters: since(&self.waiters, &earlier.waiters),
            holders: since(&self.holders, &earlier.holders),
            suspended: since(&self.suspended, &earlier.suspended),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.waiters, &other.waiters),
            (&mut self.holders, &other.holders),
            (&mut self.suspended, &other.suspended),
        ] {
            *ours = entries(sums(ours.drain(..).chain(theirs.iter().cloned())));
        }
    }
}

fn since(now: &[LockContention], earlier: &[LockContention]) -> Vec<LockContention> {
    let before = sums(earlier.iter().cloned());
    let mut now = sums(now.iter().cloned());
    for (key, now) in &mut now {
        if let Some(before) = before.get(key) {
            *now = [now[0].saturating_sub(before[0]), now[1].saturating_sub(before[1])];
        }
    }
    now.retain(|_, [contentions, _]| *contentions > 0);
    entries(now)
}

fn sums(entries: impl Iterator<Item = LockContention>) -> Sums {
    let mut sums = Sums::new();
    for one in entries {
        let sum = sums.entry((one.scope, one.file, one.line, one.lock)).or_default();
        *sum = [sum[0] + one.contentions, sum[1] + one.delay_ns];
    }
    sums
}

fn entries(sums: Sums) -> Vec<LockContention> {
    sums.into_iter()
        .map(|((scope, file, line, lock), [contentions, delay_ns])| LockContention {
            scope,
            lock,
            file,
            line,
            contentions,
            delay_ns,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scope: &str, line: u32, contentions: u64, delay_ns: u64) -> LockContention {
        LockContention {
            scope: vec![Frame { name: scope.to_owned(), ..Frame::default() }],
            lock: "Mutex".to_owned(),
            file: "src/store.rs".to_owned(),
            line,
            contentions,
            delay_ns,
        }
    }

    fn locks(waiters: &[LockContention]) -> Locks {
        Locks { waiters: waiters.to_vec(), ..Locks::default() }
    }

    #[test]
    fn a_window_plus_the_time_before_is_the_whole() {
        let early = locks(&[one("a", 1, 3, 30), one("b", 1, 1, 5)]);
        let late = locks(&[one("a", 1, 5, 100), one("a", 2, 1, 7), one("b", 1, 1, 5)]);
        let window = late.since(&early);
        assert_eq!(window, locks(&[one("a", 1, 2, 70), one("a", 2, 1, 7)]));
        let mut sum = early.clone();
        sum.add(&window);
        assert_eq!(sum, late);
        assert_eq!(late.since(&late), Locks::default());
    }

    #[test]
    fn entries_of_equal_scope_and_lock_are_added_up() {
        let mut sum = locks(&[one("b", 1, 1, 10), one("a", 1, 1, 1), one("b", 1, 2, 20)]);
        sum.add(&Locks::default());
        assert_eq!(sum, locks(&[one("a", 1, 1, 1), one("b", 1, 3, 30)]));
    }

    #[test]
    fn a_lock_is_named_by_its_place() {
        assert_eq!(one("a", 12, 1, 1).lock_name(), "Mutex at src/store.rs:12");
        let other = LockContention { lock: "(other)".to_owned(), ..LockContention::default() };
        assert_eq!(other.lock_name(), "(other)");
    }
}
