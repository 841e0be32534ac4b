//! A thread that is sampled, and the slot and the memory that it has for that.
#![allow(unsafe_code)]

use super::super::ring::{LARGE_WORDS, SMALL_WORDS, Words};
use super::alternate_stack::Alternate;
use super::retained_stacks;
use super::slot::{self, Slot, give_slot_back, slots, take_slot};

/// While there are no more threads than that, each has a large ring.
const FEW: usize = 64;
/// A slot for a thread that is sampled, with what belongs to it. Sampler only.
pub(super) struct Tenant {
    pub(super) slot: &'static Slot,
    thread: u32,
    memory: Option<(Words, Alternate)>,
    /// The thread has: nobody has its alternate stack any more.
    pub(super) has_ended: bool,
}

impl Tenant {
    /// For a thread that is about to be sampled. `None`: there are as many as can be, or no memory
    /// for one more.
    pub(super) fn new(thread: u32) -> Option<Self> {
        let is_crowded = slots().filter(|slot| slot.thread() != 0).count() >= FEW;
        let words = Words::new(if is_crowded { SMALL_WORDS } else { LARGE_WORDS })?;
        let (alternate, is_set) = retained_stacks::alternate_of(thread)?;
        // SAFETY: both are kept until the slot was given back, and for good if that fails: see
        // `drop`.
        let slot = unsafe { take_slot(thread, &words, &alternate, is_set) };
        let Some(slot) = slot else {
            if is_set {
                retained_stacks::keep(thread, alternate);
            }
            return None;
        };
        Some(Self { slot, thread, memory: Some((words, alternate)), has_ended: false })
    }

    /// In a forked child, once the slot was given back: nobody uses its memory any more, unless the
    /// thread that forked has its alternate stack.
    pub(super) fn leave(&mut self) {
        // A handler may stay in it.
        if self.slot.thread() != 0 {
            return;
        }
        if let Some((_, alternate)) = self.memory.take()
            && alternate.may_be_of_forker()
        {
            std::mem::forget(alternate);
        }
    }

    /// Words of its ring.
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

/// In a forked child: no thread of the parent's is here.
pub(super) fn forget_parent() {
    slot::give_all_back();
    retained_stacks::forget_parent();
}
