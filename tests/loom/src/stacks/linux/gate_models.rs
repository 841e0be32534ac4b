//! A slot passes on while handlers come in.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::gate::Gate;
use crate::Model;

pub(crate) const MODELS: &[Model] = &[Model {
    name: "a late handler is in before a slot passes on or not at all",
    preemptions: Some(4),
    run: a_late_handler,
}];

/// A handler comes in under the tenancy that its signal bears, while the sampler ends it and hands
/// the slot on: it is in before that or not at all.
fn a_late_handler() {
    struct Slot {
        gate: Gate,
        /// Touched by a handler that is inside, and by the sampler while the slot is nobody's.
        ring: UnsafeCell<u32>,
    }
    let slot = Arc::new(Slot { gate: Gate::new(), ring: UnsafeCell::new(0) });
    let tenancy = slot.gate.tenancy();
    let handlers = [0, 1].map(|_| {
        let slot = Arc::clone(&slot);
        thread::spawn(move || {
            if let Some(inside) = slot.gate.enter(tenancy) {
                // Two handlers of one slot are one thread's, one after the other; here they
                // only look.
                // SAFETY: loom checks that nobody writes meanwhile.
                slot.ring.with(|ring| assert_eq!(unsafe { *ring }, 0, "it is another thread's by now"));
                drop(inside);
            }
        })
    });
    slot.gate.end_tenancy();
    // Where somebody is inside the slot is not handed on.
    if slot.gate.is_empty() {
        // SAFETY: loom checks that nobody looks meanwhile.
        slot.ring.with_mut(|ring| unsafe { *ring = 1 });
    }
    handlers.into_iter().for_each(|handler| handler.join().unwrap());
}
