//! A record passes from a thread that ended to the next one.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::owner::Owner;
use crate::Model;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a record has one owner at a time", preemptions: None, run: one_owner_at_a_time },
    Model { name: "a record's next owner goes on", preemptions: None, run: the_next_owner_goes_on },
];

/// A record's sums, which only its owner may touch: loom fails where two threads do at once.
struct Record {
    owner: Owner,
    sum: UnsafeCell<u32>,
}

impl Record {
    fn new(owner: u32) -> Arc<Self> {
        Arc::new(Self { owner: Owner::new(owner), sum: UnsafeCell::new(0) })
    }

    fn add(&self, n: u32) {
        // SAFETY: the caller is the owner, which loom checks.
        self.sum.with_mut(|sum| unsafe { *sum += n });
    }

    fn sum(&self) -> u32 {
        // SAFETY: as above.
        self.sum.with(|sum| unsafe { *sum })
    }
}

/// Two threads want a free record: one gets it, or one after the other does.
fn one_owner_at_a_time() {
    let record = Record::new(0);
    let threads = [1, 2].map(|id| {
        let record = Arc::clone(&record);
        thread::spawn(move || {
            let taken = record.owner.take(id);
            if taken {
                record.add(id);
                record.owner.give_back();
            }
            taken
        })
    });
    let taken = threads.map(|thread| thread.join().unwrap());
    assert!(taken.contains(&true), "it was free");
    let expected = [1, 2].iter().zip(&taken).filter(|(_, taken)| **taken).map(|(id, _)| id).sum::<u32>();
    assert!(record.owner.take(3), "given back");
    assert_eq!(record.sum(), expected);
}

/// A thread ends while another one looks for a record.
fn the_next_owner_goes_on() {
    let record = Record::new(1);
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
        assert_eq!(record.sum(), 11);
    } else {
        assert_eq!(record.owner.get(), None);
        assert!(record.owner.take(3));
        assert_eq!(record.sum(), 10);
    }
}
