//! Limits how much work of one kind runs at the same time.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
#[cfg(feature = "stacks")]
use std::time::{Duration, Instant};

use crate::base::fork;

/// The interval at which a waiting task tries again.
#[cfg(feature = "stacks")]
const RETRY: Duration = Duration::from_millis(20);

/// A number of places, some of which are taken in this process.
///
/// It has no lock, unlike a semaphore. A forked child inherits the count of its parent's work, but
/// not the parent's threads. So places that another process took do not count.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    /// The process id, and the number of places that it has taken.
    taken: AtomicU64,
}

/// A place, which is released when this drops, on any thread.
#[derive(Debug)]
pub(super) struct Place {
    places: &'static Places,
    generation: u32,
}

impl Places {
    pub(super) const fn new(most: u32) -> Self {
        Self { most, taken: AtomicU64::new(0) }
    }

    pub(super) const fn most(&self) -> u32 {
        self.most
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&'static self) -> Option<Place> {
        self.take_as(fork::generation())
    }

    fn take_as(&'static self, generation: u32) -> Option<Place> {
        let add = |state| {
            let (owner, taken) = unpack(state);
            let taken = if owner == generation { taken } else { 0 };
            (taken < self.most).then(|| pack(generation, taken + 1))
        };
        self.taken.fetch_update(AcqRel, Acquire, add).ok()?;
        Some(Place { places: self, generation })
    }

    /// Takes a place; waits for one, for at most `patience`.
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
            (owner == self.generation && taken > 0).then(|| pack(owner, taken - 1))
        };
        // In a forked child, a place of its parent is not counted, so it is not released either.
        let _ = self.places.taken.fetch_update(AcqRel, Acquire, give_back);
    }
}

fn pack(generation: u32, taken: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(taken)
}

fn unpack(state: u64) -> (u32, u32) {
    ((state >> 32) as u32, state as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_released() {
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
    fn a_forked_child_has_all_places_whatever_its_parent_took() {
        static PLACES: Places = Places::new(2);
        let parents = [PLACES.take_as(1), PLACES.take_as(1)];
        assert!(parents.iter().all(Option::is_some) && PLACES.take_as(1).is_none());
        let children = [PLACES.take_as(2), PLACES.take_as(2)];
        assert!(children.iter().all(Option::is_some) && PLACES.take_as(2).is_none());
        drop(parents);
        assert!(PLACES.take_as(2).is_none(), "places released by the parent are not available to the child");
        drop(children);
        assert!(PLACES.take_as(2).is_some());
    }
}
