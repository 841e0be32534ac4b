//! A slot passes from one thread to the next while signals, hooks and the sampler come in between.

use std::ptr;

use loom::cell::UnsafeCell;
use loom::thread;

use super::alternate_stack::Alternate;
use super::slot::{Slot, give_slot_back, take_slot};
use super::thread::Thread;
use crate::Model;
use crate::base::run::keep;
use crate::scope::{Path, Scopes, Site, Slot as Current};
use crate::stacks::ring::Words;
use crate::stacks::sample::Sample;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a late signal leaves nothing in the next thread's slot", preemptions: None, run: a_late_signal },
    Model { name: "samples are read while they come", preemptions: None, run: read_while_they_come },
    Model { name: "an event's page is left before it goes", preemptions: None, run: a_page },
    Model { name: "a hook leaves nothing in the next thread's slot", preemptions: Some(4), run: a_late_hook },
];

const WORDS: usize = 32;

static SITE: Site = Site::new();

/// A slot's tenant, as `tenant.rs` has it.
struct Tenant {
    thread: Thread,
    slot: &'static Slot,
    scopes: &'static Scopes,
    scope: u64,
    words: Words,
    alternate: u64,
}

impl Tenant {
    fn new(thread: Thread) -> Self {
        let path: &'static Path = keep(Path { site: Some(&SITE), parent: None, depth: 1, is_within_itself: false });
        let scopes = keep(Scopes::new(path.address()));
        let (words, alternate) = (Words::new(WORDS).unwrap(), Alternate(thread.stack().end));
        // SAFETY: the words are kept until the slot was given back, and for good if that fails.
        let slot = unsafe { take_slot(thread.0, &words, &alternate, false) }.unwrap();
        Self { thread, slot, scopes, scope: ptr::from_ref(path).addr() as u64, words, alternate: alternate.0 }
    }

    /// True: another thread may have the slot.
    fn leave(self) -> bool {
        let is_free = give_slot_back(self.slot);
        if is_free {
            drop(self.words);
        } else {
            std::mem::forget(self.words);
        }
        is_free
    }

    /// A signal of its timer that comes from now on: what its handler does. The result is the
    /// alternate stack that it sets; `None` if it was not let in.
    fn signal(&self) -> impl FnOnce() -> Option<Option<[u64; 2]>> + use<> {
        let (slot, thread, tenancy) = (self.slot, self.thread, self.slot.tenancy());
        move || {
            thread.begin();
            slot.handle(
                tenancy,
                || slot.is_of(thread.pointer()),
                || {
                    let alternate = slot.take_alternate();
                    slot.sample(&thread.registers(), Some(thread.pointer()));
                    alternate
                },
            )
        }
    }

    /// Whether there is a sample, which is this thread's.
    fn take(&self, scopes: &[u64]) -> bool {
        let mut sample = Sample::default();
        let is_there = self.slot.ring.take(&mut sample);
        if is_there {
            let thread = self.thread;
            assert_eq!((&sample.frames[..], sample.facts.weight_ns), (&[thread.registers().pc][..], thread.pointer()));
            assert!(scopes.contains(&sample.facts.scope) && !sample.facts.is_leaf_only && !sample.facts.is_cut);
        }
        is_there
    }
}

/// It comes under the first thread's tenancy, whoever has the slot.
fn a_late_signal() {
    let first = Tenant::new(Thread(1));
    first.slot.set_scopes(first.scopes);
    let handler = thread::spawn(first.signal());
    let slot = first.slot;
    let of_first = first.alternate;
    if !first.leave() {
        handler.join().unwrap();
        return;
    }
    let has_alternate = slot.has_alternate();
    let second = Tenant::new(Thread(2));
    assert!(ptr::eq(second.slot, slot));
    second.slot.set_scopes(second.scopes);
    let next = thread::spawn(second.signal());
    let late = handler.join().unwrap();
    if let Some(alternate) = late {
        assert!(has_alternate && alternate == Some([of_first, 1]), "it was in before the slot was given back");
    } else {
        assert!(!has_alternate, "nobody came in");
    }
    assert_eq!(next.join().unwrap(), Some(Some([second.alternate, 1])));
    assert!(second.take(&[second.scope]) && !second.take(&[second.scope]));
    assert!(second.leave(), "nobody is inside");
}

/// While the sampler gets to know the thread's scopes.
fn read_while_they_come() {
    let tenant = Tenant::new(Thread(1));
    let (first, second) = (tenant.signal(), tenant.signal());
    let handler = thread::spawn(|| {
        assert!(first().is_some());
        assert!(second().is_some());
    });
    let scopes = [0, tenant.scope];
    let mut taken = u32::from(tenant.take(&scopes));
    tenant.slot.set_scopes(tenant.scopes);
    taken += u32::from(tenant.take(&scopes));
    handler.join().unwrap();
    while tenant.take(&scopes) {
        taken += 1;
    }
    assert_eq!(taken, 2);
}

/// The kernel's page of the thread's event, which is unmapped.
fn a_page() {
    struct Page(UnsafeCell<u64>);
    let page: &Page = keep(Page(UnsafeCell::new(7)));
    let tenant = Tenant::new(Thread(1));
    assert!(tenant.slot.set_page(ptr::from_ref(page).cast_mut().cast()));
    let (slot, tenancy) = (tenant.slot, tenant.slot.tenancy());
    let handler = thread::spawn(move || {
        let read = |page: *const u8| {
            // SAFETY: the page that the model keeps; loom checks that it is not unmapped meanwhile.
            Some(unsafe { (*page.cast::<Page>()).0.with(|count| *count) })
        };
        slot.handle(tenancy, || true, || slot.counted_since(read)).flatten()
    });
    if slot.set_page(ptr::null_mut()) {
        // SAFETY: loom checks that nobody reads it.
        page.0.with_mut(|count| unsafe { *count = 0 });
    }
    assert!([None, Some(7)].contains(&handler.join().unwrap()));
}

/// The thread lives on, and allocates, though it is sampled no more.
fn a_late_hook() {
    let first = Tenant::new(Thread(1));
    first.slot.set_scopes(first.scopes);
    first.signal()();
    let (slot, scopes) = (first.slot, first.scopes);
    let hook = thread::spawn(move || {
        Thread(1).begin();
        Current::of(scopes).set();
        let mut frames = [0];
        let found =
            Slot::walk_here(scopes.walker.load(crate::base::atomic::Ordering::Acquire).cast_const(), &mut frames);
        assert_eq!(frames[..found], [1][..found]);
    });
    if first.leave() {
        let second = Tenant::new(Thread(2));
        assert!(ptr::eq(second.slot, slot));
        second.slot.set_scopes(second.scopes);
        assert!(second.signal()().is_some());
        hook.join().unwrap();
        assert!(second.take(&[second.scope]) && !second.take(&[second.scope]));
    } else {
        hook.join().unwrap();
    }
}
