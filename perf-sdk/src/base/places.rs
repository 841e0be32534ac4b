//! Finds items of a list by their hash. It holds places in the list only, so it takes a quarter of
//! the memory of a map, and the items are compared where they are.

/// No place.
const FREE: u32 = u32::MAX;
const LEAST: usize = 16;

/// An open table of places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// As many as a power of two, or none.
    slots: Vec<u32>,
    used: usize,
}

impl Places {
    /// Removes all places and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(FREE);
        self.used = 0;
    }

    /// The place with this hash of which `is_meant` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.begin(hash)?;
        loop {
            match self.slots[at] {
                FREE => return None,
                place if is_meant(place) => return Some(place),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Adds a place, which must not be in it. `hash_of` must be the hash of a place that is.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        // A quarter is free.
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow(hash_of);
        }
        self.put(hash, place);
        self.used += 1;
    }

    #[cold]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let larger = vec![FREE; (self.slots.len() * 2).max(LEAST)];
        for place in std::mem::replace(&mut self.slots, larger) {
            if place != FREE {
                self.put(hash_of(place), place);
            }
        }
    }

    fn put(&mut self, hash: u64, place: u32) {
        let Some(mut at) = self.begin(hash) else { return };
        while self.slots[at] != FREE {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = place;
    }

    fn begin(&self, hash: u64) -> Option<usize> {
        Some(hash as usize & self.slots.len().checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found() {
        let mut places = Places::default();
        assert_eq!(places.find(7, |_| true), None);
        // Some hashes are equal.
        let items: Vec<u64> = (0..1_000).map(|n| n * n).collect();
        let hash = |item: u64| item / 3 * 3;
        for turn in 0..2 {
            for (place, item) in (0..).zip(&items) {
                assert_eq!(places.find(hash(*item), |at| items[at as usize] == *item), None, "{turn}");
                places.insert(hash(*item), place, |at| hash(items[at as usize]));
                assert_eq!(places.find(hash(*item), |at| items[at as usize] == *item), Some(place));
            }
            for (place, item) in (0..).zip(&items) {
                assert_eq!(places.find(hash(*item), |at| items[at as usize] == *item), Some(place));
            }
            assert_eq!(places.find(hash(5), |at| items[at as usize] == 5), None);
            places.clear();
        }
    }
}
