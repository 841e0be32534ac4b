//! A thread's own open-addressing table from addresses to values in its arena.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use super::arena::{Arena, Zeroed};

#[derive(Debug)]
struct Slot {
    key: Cell<(usize, usize)>,
    value: Cell<*const ()>,
}

// SAFETY: zero addresses and a null pointer are valid, and mean an empty slot.
unsafe impl Zeroed for Slot {}

/// Keys are pairs of addresses, and values are references to `T`. Owner thread only. It grows by
/// doubling. It is at most half full while there is memory, otherwise seven eighths.
#[derive(Debug)]
pub(crate) struct Index<T: 'static> {
    slots: Cell<&'static [Slot]>,
    used: Cell<usize>,
    of: std::marker::PhantomData<&'static T>,
}

impl<T> Index<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Cell::new(&[]), used: Cell::new(0), of: std::marker::PhantomData }
    }

    pub(crate) fn get(&self, key: (usize, usize)) -> Option<&'static T> {
        let slots = self.slots.get();
        if slots.is_empty() {
            return None;
        }
        let slot = probe(slots, key);
        // SAFETY: a value is null or was stored by `insert` from a `&'static T`.
        unsafe { slot.value.get().cast::<T>().as_ref() }
    }

    /// Makes room for one more entry. `None` if there is no memory and the table is nearly full.
    pub(crate) fn reserve(&self, arena: &Arena) -> Option<()> {
        let (needed, slots) = (self.used.get() + 1, self.slots.get().len());
        if needed * 2 <= slots || self.grow(arena).is_some() || needed * 8 <= slots * 7 { Some(()) } else { None }
    }

    /// The key must be new, and there must be [room](Self::reserve) for it.
    pub(crate) fn insert(&self, key: (usize, usize), value: &'static T) {
        let slot = probe(self.slots.get(), key);
        slot.key.set(key);
        slot.value.set(ptr::from_ref(value).cast());
        self.used.set(self.used.get() + 1);
    }

    fn grow(&self, arena: &Arena) -> Option<()> {
        let old = self.slots.get();
        let new: &'static [Slot] = arena.zeroed_slice((old.len() * 2).max(32))?;
        for slot in old.iter().filter(|slot| !slot.value.get().is_null()) {
            let place = probe(new, slot.key.get());
            place.key.set(slot.key.get());
            place.value.set(slot.value.get());
        }
        self.slots.set(new);
        Some(())
    }
}

/// The slot of `key`, or the empty one where it belongs. There is always an empty slot.
fn probe(slots: &'static [Slot], key: (usize, usize)) -> &'static Slot {
    let mask = slots.len() - 1;
    let hash = (key.0 ^ key.1.rotate_left(21)).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize);
    let mut at = hash >> (usize::BITS / 2);
    loop {
        let slot = &slots[at & mask];
        if slot.value.get().is_null() || slot.key.get() == key {
            return slot;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let arena = Arena::new();
        let index = Index::<(usize, usize)>::new();
        let keys: Vec<(usize, usize)> =
            (1..if cfg!(miri) { 100 } else { 2_000 }).map(|i| (i * 64, i * i * 8)).collect();
        for key in &keys {
            assert!(index.get(*key).is_none());
            index.reserve(&arena).unwrap();
            index.insert(*key, Box::leak(Box::new(*key)));
        }
        for key in &keys {
            assert_eq!(index.get(*key), Some(key));
        }
        assert!(index.get((64, 64)).is_none());
    }
}
