//! Calls that end at once on several threads, and who reads those that are kept.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::bank::Bank;
use crate::Model;
use crate::base::run::keep;
use crate::outcome::Outcome;
use crate::record::store::node::Node;
use crate::record::store::trail::{Read, Step, Trail, What, Whole};

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a block is one call's at a time", preemptions: Some(3), run: one_call_at_a_time },
    Model { name: "a call is read whole or not at all", preemptions: Some(1), run: read_whole },
    Model { name: "of two calls the slower one is kept", preemptions: Some(3), run: the_slower_is_kept },
    Model { name: "a later window has its own calls", preemptions: Some(2), run: a_later_window },
];

/// Blocks of the pool in the models.
const BLOCKS: usize = 4;
const WINDOW: u64 = 2;

fn step(ns: u64) -> Step {
    Step { what: What::Poll { thread: ns as u32 }, end: ns, wall: ns as i64 }
}

/// A call of so many steps ends, as in `record/call/root.rs`.
fn end(bank: &Bank, node: &'static Node, ns: u64, steps: usize, window: u64) {
    let trail = Trail::begin().expect("a block");
    (0..steps).for_each(|_| trail.push(&step(ns)));
    let wanted = bank.wants(ns, false, window);
    let trail = trail.over().expect("nobody else writes");
    if wanted.keepers() == 0 {
        return trail.forget();
    }
    let whole = Whole { node, end: ns, wall: ns as i64, cpu: 0, bytes: ns, weight: 1, outcome: Outcome::Ok, thread: 0 };
    assert!(trail.keep(&whole, wanted.keepers(), || ()), "there is room");
    bank.keep(ns, wanted, window, trail);
}

fn read(bank: &Bank, window: u64) -> Vec<Read> {
    let mut slowest = Vec::new();
    bank.read(window, &mut slowest, &mut Vec::new());
    slowest
}

/// What is kept, and that all other blocks can be had.
fn kept(bank: &Bank, window: u64, blocks: usize) -> Vec<u64> {
    let free = std::iter::from_fn(Trail::begin).count();
    assert_eq!(free, BLOCKS - blocks, "no block is lost, and none is there twice");
    read(bank, window).iter().map(|read| read.whole.end).collect()
}

/// Two threads take blocks and give them back. Loom fails where both use one at once.
fn one_call_at_a_time() {
    let cells: Arc<[UnsafeCell<u32>; BLOCKS]> = Arc::new(std::array::from_fn(|_| UnsafeCell::new(0)));
    let both = [Trail::begin(), Trail::begin()];
    both.into_iter().flatten().for_each(Trail::forget);
    let threads = [1, 2].map(|_| {
        let cells = Arc::clone(&cells);
        thread::spawn(move || {
            for _ in 0..2 {
                let trail = Trail::begin().expect("a block");
                // SAFETY: the block is the caller's, which loom checks.
                cells[trail.number() as usize].with_mut(|cell| unsafe { *cell += 1 });
                trail.forget();
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // SAFETY: nobody else is left.
    let used: u32 = cells.iter().map(|cell| cell.with(|cell| unsafe { *cell })).sum();
    assert_eq!(used, 4);
}

/// A reader sees one call or the next one, while the block of the first one is used again.
fn read_whole() {
    let (bank, node) = (keep(Bank::new()), keep(Node::default()));
    end(bank, node, 1, 1, WINDOW);
    let writer = thread::spawn(|| {
        end(bank, node, 2, 1, WINDOW);
        // Not kept.
        let trail = Trail::begin().expect("the block of the first one");
        trail.push(&step(7));
        trail.forget();
    });
    for Read { whole, steps, .. } in read(bank, WINDOW) {
        let ns = whole.end;
        assert_eq!((whole.wall as u64, whole.bytes), (ns, ns));
        assert!(steps.len() == 1 && steps[0].end == ns && steps[0].wall as u64 == ns);
    }
    writer.join().unwrap();
    assert_eq!(kept(bank, WINDOW, 1), [2]);
}

/// Both want the only place.
fn the_slower_is_kept() {
    let (bank, node) = (keep(Bank::new()), keep(Node::default()));
    let threads = [2, 3].map(|ns| thread::spawn(move || end(bank, node, ns, 1, WINDOW)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(kept(bank, WINDOW, 1), [3]);
}

/// A call of a window ends late, when the next window of its bank begins.
fn a_later_window() {
    let (bank, node) = (keep(Bank::new()), keep(Node::default()));
    end(bank, node, 7, 1, WINDOW);
    let late = thread::spawn(|| end(bank, node, 9, 1, WINDOW));
    end(bank, node, 5, 1, WINDOW + 2);
    late.join().unwrap();
    assert_eq!(kept(bank, WINDOW + 2, 1), [5]);
    assert!(read(bank, WINDOW).is_empty());
}
