//! A sampled thread, with its slot and its memory.
#![allow(unsafe_code)]

use super::super::ring::{LARGE_WORDS, SMALL_WORDS, Words};
use super::alternate_stack::Alternate;
use super::retained_stacks;
use super::slot::{self, Slot, give_slot_back, slots, take_slot};

/// Up to this number of threads, each has a large ring.
const FEW: usize = 64;
/// The slot of a sampled thread, and the memory that belongs to it. Sampler only.
pub(super) struct Tenant {
    pub(super) slot: &'static Slot,
    thread: u32,
    memory: Option<(Words, Alternate)>,
    /// Whether the thread has ended, so that its alternate stack is unused.
    pub(super) has_ended: bool,
}

impl Tenant {
    /// For a thread that will be sampled. `None` if the maximum is reached, or there is no memory.
    pub(super) fn new(thread: u32) -> Option<Self> {
        let is_crowded = slots().filter(|slot| slot.thread() != 0).count() >= FEW;
        let words = Words::new(if is_crowded { SMALL_WORDS } else { LARGE_WORDS })?;
        let (alternate, is_set) = retained_stacks::alternate_of(thread)?;
        // SAFETY: both are kept until the slot was released, and forever if that fails: see `drop`.
        let slot = unsafe { take_slot(thread, &words, &alternate, is_set) };
        let Some(slot) = slot else {
            if is_set {
                retained_stacks::keep(thread, alternate);
            }
            return None;
        };
        Some(Self { slot, thread, memory: Some((words, alternate)), has_ended: false })
    }

    /// In a forked child, after the slot was released: its memory is unused, unless the thread that
    /// forked has its alternate stack.
    pub(super) fn leave(&mut self) {
        // A handler may stay inside.
        if self.slot.thread() != 0 {
            return;
        }
        if let Some((_, alternate)) = self.memory.take()
            && alternate.may_be_of_forker()
        {
            std::mem::forget(alternate);
        }
    }

    /// The number of words in its ring.
    pub(super) fn ring_words(&self) -> usize {
        self.memory.as_ref().map_or(0, |(words, _)| words.count())
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let Some((words, alternate)) = self.memory.take() else { return };
        if !give_slot_back(self.slot) {
            std::mem::forget((words, alternate));
        } else if self.slot.has_alternate() && !self.has_ended {
            retained_stacks::keep(self.thread, alternate);
        }
    }
}

/// Called in a forked child, where the parent's threads do not exist.
pub(super) fn forget_parent() {
    slot::give_all_back();
    retained_stacks::forget_parent();
}
