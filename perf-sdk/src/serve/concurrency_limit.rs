//! Places for work of which only so much may go on at once.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
#[cfg(feature = "stacks")]
use std::time::{Duration, Instant};

/// Between two tries of one who waits.
#[cfg(feature = "stacks")]
const RETRY: Duration = Duration::from_millis(20);

/// How many are at it, in this process.
///
/// No lock, unlike a semaphore: a forked child inherits the count of its parent's work, of which it
/// has no thread, so what another process has taken does not count.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    /// The process, and how many places it has taken.
    taken: AtomicU64,
}

/// A place; it is free again when this drops, wherever that is.
#[derive(Debug)]
pub(super) struct Place {
    places: &'static Places,
    process: u32,
}

impl Places {
    pub(super) const fn new(most: u32) -> Self {
        Self { most, taken: AtomicU64::new(0) }
    }

    pub(super) const fn most(&self) -> u32 {
        self.most
    }

    /// A place, if one is free.
    pub(super) fn take(&'static self) -> Option<Place> {
        self.take_as(process::id())
    }

    fn take_as(&'static self, process: u32) -> Option<Place> {
        let add = |state| {
            let (owner, taken) = unpack(state);
            let taken = if owner == process { taken } else { 0 };
            (taken < self.most).then(|| pack(process, taken + 1))
        };
        self.taken.fetch_update(AcqRel, Acquire, add).ok()?;
        Some(Place { places: self, process })
    }

    /// The same, waited for, but not for longer than `patience`.
    #[cfg(feature = "stacks")]
    pub(super) async fn wait(&'static self, patience: Duration) -> Option<Place> {
        let start = Instant::now();
        loop {
            if let Some(place) = self.take() {
                return Some(place);
            }
            if start.elapsed() >= patience {
                return None;
            }
            tokio::time::sleep(RETRY.min(patience)).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let give_back = |state| {
            let (owner, taken) = unpack(state);
            (owner == self.process && taken > 0).then(|| pack(owner, taken - 1))
        };
        // In a forked child a place of its parent's is nobody's.
        let _ = self.places.taken.fetch_update(AcqRel, Acquire, give_back);
    }
}

fn pack(process: u32, taken: u32) -> u64 {
    u64::from(process) << 32 | u64::from(taken)
}

fn unpack(state: u64) -> (u32, u32) {
    ((state >> 32) as u32, state as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_are_and_each_comes_back() {
        static PLACES: Places = Places::new(2);
        for _ in 0..3 {
            let (first, second) = (PLACES.take(), PLACES.take());
            assert!(first.is_some() && second.is_some() && PLACES.take().is_none());
            drop(first);
            let third = PLACES.take();
            assert!(third.is_some() && PLACES.take().is_none());
        }
        assert_eq!(PLACES.most(), 2);
    }

    #[test]
    fn a_forked_child_does_not_miss_what_its_parent_has_taken() {
        static PLACES: Places = Places::new(2);
        let parents = [PLACES.take_as(1), PLACES.take_as(1)];
        assert!(parents.iter().all(Option::is_some) && PLACES.take_as(1).is_none());
        let children = [PLACES.take_as(2), PLACES.take_as(2)];
        assert!(children.iter().all(Option::is_some) && PLACES.take_as(2).is_none());
        drop(parents);
        assert!(PLACES.take_as(2).is_none(), "the parent's places are not the child's");
        drop(children);
        assert!(PLACES.take_as(2).is_some());
    }
}
