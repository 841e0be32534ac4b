//! Calls on their way from a thread's ring to the cells, and a reader beside.

use loom::thread;

use super::node::Node;
use super::ring::{Ended, Finished, Ring};
use super::shard::SiteShard;
use crate::Model;
use crate::base::run::keep;
use crate::outcome::Outcome;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a call that moves to its cell is counted once", preemptions: Some(4), run: a_move },
    Model { name: "a call that ends is read whole or not at all", preemptions: None, run: a_call_that_ends },
    Model { name: "an entry of the ring is used again", preemptions: Some(3), run: an_entry_again },
    Model { name: "calls only grow for a reader", preemptions: Some(3), run: calls_only_grow },
];

/// One thread's ring and cells.
struct Record {
    ring: Ring,
    node: Node,
}

impl Record {
    fn new() -> &'static Self {
        keep(Self { ring: Ring::new(), node: Node::default() })
    }

    /// The owner's `n`th call; the second one is plain. True: the ring is full.
    fn call(&'static self, n: u32) -> bool {
        let times = i64::from(n);
        let ended = Ended { node: &self.node, at: u64::from(n), outcome: Outcome::Error };
        if n == 2 {
            return self.ring.push_plain(ended, times);
        }
        let finished = Finished {
            shard: &self.node.shard,
            wall: times,
            cpu: -times,
            bytes: u64::from(n),
            weight: n,
            cpu_weight: 2 * n,
        };
        self.ring.push(ended, &finished)
    }

    fn flush(&self) {
        let add = |shard: &SiteShard, wall: i64| {
            shard.calls.add(1);
            shard.wall.add(wall as u64);
        };
        let plain = |shard: &'static SiteShard, wall| {
            add(shard, wall);
            true
        };
        self.ring.flush(plain, |finished| add(finished.shard, finished.wall));
    }

    /// Calls and the sum of their times; `None`: the owner was flushing.
    fn read(&self) -> Option<(u64, u64)> {
        let mut pending = Vec::new();
        let sequence = self.ring.read_once(|_| true, &mut pending)?;
        for one in &pending {
            let parts = (one.wall, one.cpu, one.bytes, one.weight, one.cpu_weight);
            assert!([(1, -1, 1, 1, 2), (2, 2, 0, 1, 1)].contains(&parts), "torn: {parts:?}");
        }
        let in_ring = pending.iter().fold((0, 0), |sum, one| (sum.0 + 1, sum.1 + one.wall as u64));
        let in_cells = (self.node.shard.calls.get(), self.node.shard.wall.get());
        self.ring.unchanged(sequence).then_some((in_ring.0 + in_cells.0, in_ring.1 + in_cells.1))
    }
}

fn a_move() {
    let record = Record::new();
    record.call(1);
    assert!(record.call(2), "full");
    let reader = thread::spawn(|| record.read());
    record.flush();
    assert!([None, Some((2, 3))].contains(&reader.join().unwrap()));
    assert_eq!(record.read(), Some((2, 3)));
}

fn a_call_that_ends() {
    let record = Record::new();
    let reader = thread::spawn(|| record.read());
    record.call(1);
    record.call(2);
    assert!([(0, 0), (1, 1), (2, 3)].contains(&reader.join().unwrap().unwrap()), "nothing was flushed");
}

/// An entry is used again after a flush.
fn an_entry_again() {
    let record = Record::new();
    record.call(1);
    let reader = thread::spawn(|| record.read());
    record.flush();
    record.call(2);
    assert!([None, Some((1, 1)), Some((2, 3))].contains(&reader.join().unwrap()));
    assert_eq!(record.read(), Some((2, 3)));
}

/// A reader that comes again has not seen more before.
fn calls_only_grow() {
    let record = Record::new();
    let reader = thread::spawn(|| [record.read(), record.read()]);
    record.call(1);
    record.flush();
    let seen: Vec<_> = reader.join().unwrap().into_iter().flatten().collect();
    assert!(seen.iter().all(|seen| [(0, 0), (1, 1)].contains(seen)) && seen.is_sorted(), "{seen:?}");
}
