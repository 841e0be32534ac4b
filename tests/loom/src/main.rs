//! Threads that hand a record on, and readers beside a writer: all orders of their steps, and all
//! that they may see of each other.

#![allow(dead_code)]

#[path = "../../../perf-sdk/src/stacks/linux/gate.rs"]
mod gate;
#[path = "../../../perf-sdk/src/record/store/owner.rs"]
mod owner;
#[path = "../../../perf-sdk/src/record/store/sequence.rs"]
mod sequence;

mod base {
    /// Stands in the place of the library's own.
    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU32, Ordering, fence};
    }
}

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;

use gate::Gate;
use owner::Owner;
use sequence::Sequence;

fn main() {
    let models: [(&str, fn()); 5] = [
        ("one owner at a time", one_owner_at_a_time),
        ("the next owner goes on", the_next_owner_goes_on),
        ("a reader counts once", a_reader_counts_once),
        ("a reader beside two flushes", a_reader_beside_two_flushes),
        ("a late handler is not in the next thread's slot", a_late_handler_keeps_out),
    ];
    for (name, model) in models {
        loom::model(model);
        println!("{name}: every order holds");
    }
}

/// A record's sums, which only its owner may touch: loom fails where two threads do at once.
struct Record {
    owner: Owner,
    sum: UnsafeCell<u32>,
}

impl Record {
    fn add(&self, n: u32) {
        self.sum.with_mut(|sum| unsafe { *sum += n });
    }
}

/// Two threads want a free record: one gets it, or one after the other does.
fn one_owner_at_a_time() {
    let record = Arc::new(Record { owner: Owner::new(0), sum: UnsafeCell::new(0) });
    let threads: Vec<_> = [1, 2]
        .into_iter()
        .map(|id| {
            let record = Arc::clone(&record);
            thread::spawn(move || {
                let taken = record.owner.take(id);
                if taken {
                    record.add(id);
                    record.owner.give_back();
                }
                taken
            })
        })
        .collect();
    let taken: Vec<bool> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(taken.contains(&true), "it was free");
    let expected = [1, 2].iter().zip(&taken).filter(|(_, taken)| **taken).map(|(id, _)| id).sum::<u32>();
    assert!(record.owner.take(3), "given back");
    record.sum.with(|sum| assert_eq!(unsafe { *sum }, expected));
}

/// A thread ends while another one looks for a record.
fn the_next_owner_goes_on() {
    let record = Arc::new(Record { owner: Owner::new(1), sum: UnsafeCell::new(0) });
    let next = {
        let record = Arc::clone(&record);
        thread::spawn(move || {
            let taken = record.owner.take(2);
            if taken {
                record.add(1);
            }
            taken
        })
    };
    record.add(10);
    record.owner.give_back();
    let taken = next.join().unwrap();
    if taken {
        assert_eq!(record.owner.get(), Some(2));
        record.sum.with(|sum| assert_eq!(unsafe { *sum }, 11));
    } else {
        assert_eq!(record.owner.get(), None);
        assert!(record.owner.take(3));
        record.sum.with(|sum| assert_eq!(unsafe { *sum }, 10));
    }
}

/// Calls on their way from a ring to the cells: what the record's ring is, with one cell.
struct Ring {
    sequence: Sequence,
    pending: AtomicU32,
    cell: AtomicU32,
}

impl Ring {
    fn push(&self) {
        self.pending.store(self.pending.load(Relaxed) + 1, loom::sync::atomic::Ordering::Release);
    }

    fn flush(&self) {
        self.sequence.write(|| {
            self.cell.store(self.cell.load(Relaxed) + self.pending.load(Relaxed), Relaxed);
            self.pending.store(0, Relaxed);
        });
    }

    /// `None`: the writer was in between.
    fn read(&self) -> Option<u32> {
        let sequence = self.sequence.begin()?;
        let pending = self.pending.load(loom::sync::atomic::Ordering::Acquire);
        let cell = self.cell.load(Relaxed);
        self.sequence.unchanged(sequence).then_some(pending + cell)
    }
}

fn ring() -> Arc<Ring> {
    Arc::new(Ring { sequence: Sequence::new(), pending: AtomicU32::new(2), cell: AtomicU32::new(5) })
}

/// No call is missed or counted twice while it moves.
fn a_reader_counts_once() {
    let ring = ring();
    let reader = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || ring.read())
    };
    ring.flush();
    if let Some(seen) = reader.join().unwrap() {
        assert_eq!(seen, 7);
    }
    assert_eq!(ring.read(), Some(7));
}

/// With a call that ends in between: the reader sees it or not.
fn a_reader_beside_two_flushes() {
    let ring = ring();
    let reader = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || [ring.read(), ring.read()])
    };
    ring.flush();
    ring.push();
    ring.flush();
    let seen: Vec<u32> = reader.join().unwrap().into_iter().flatten().collect();
    assert!(seen.iter().all(|seen| [7, 8].contains(seen)) && seen.is_sorted(), "{seen:?}");
    assert_eq!(ring.read(), Some(8));
}

/// A handler comes in under the tenancy that its signal bears, while the sampler ends it and hands
/// the slot on: it is in before that or not at all.
fn a_late_handler_keeps_out() {
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
                // Two handlers of one slot are one thread's, one after the other; here they only
                // look.
                slot.ring.with(|ring| assert_eq!(unsafe { *ring }, 0, "it is another thread's by now"));
                drop(inside);
            }
        })
    });
    slot.gate.end_tenancy();
    // Where somebody is inside the slot is not handed on.
    if slot.gate.is_empty() {
        slot.ring.with_mut(|ring| unsafe { *ring = 1 });
    }
    handlers.into_iter().for_each(|handler| handler.join().unwrap());
}
