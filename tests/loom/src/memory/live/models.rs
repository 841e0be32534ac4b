//! Threads put sampled allocations in and take them out, and a reader beside.

use loom::thread;

use super::table::{Sampled, holds, insert, living, lost, remove};
use crate::Model;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "an allocation has a place or is lost and counted", preemptions: None, run: a_place_or_lost },
    Model { name: "an allocation is taken out once", preemptions: None, run: taken_out_once },
    Model {
        name: "of two allocations at one address the older one goes",
        preemptions: Some(3),
        run: the_older_one_goes,
    },
    Model { name: "what is taken out is what was there", preemptions: Some(3), run: taken_out_is_what_was_there },
    Model { name: "a living allocation is read whole", preemptions: Some(3), run: read_whole },
];

const ADDRESSES: [usize; 3] = [0x1000, 0x2000, 0x3000];

fn sampled(n: u32) -> Sampled {
    let word = u64::from(n);
    Sampled { owner: n, class: n, bytes: word, parts: word, born: word, stack: n }
}

/// Three allocations, room for two.
fn a_place_or_lost() {
    assert!(insert(ADDRESSES[0], sampled(1)));
    let other = thread::spawn(|| insert(ADDRESSES[1], sampled(2)));
    let third = insert(ADDRESSES[2], sampled(3));
    let kept = [true, other.join().unwrap(), third];
    for ((address, n), kept) in ADDRESSES.into_iter().zip(1..).zip(kept) {
        assert_eq!((holds(address), remove(address)), (kept, kept.then(|| sampled(n))));
    }
    assert_eq!((kept.iter().filter(|kept| !**kept).count(), lost()), (1, 1));
}

fn taken_out_once() {
    assert!(insert(ADDRESSES[0], sampled(1)));
    let other = thread::spawn(|| remove(ADDRESSES[0]));
    let taken = [remove(ADDRESSES[0]), other.join().unwrap()];
    let count = taken.iter().flatten().inspect(|taken| assert_eq!(**taken, sampled(1))).count();
    assert_eq!((count, holds(ADDRESSES[0])), (1, false));
}

/// A block is resized in its place, beside another thread's allocation.
fn the_older_one_goes() {
    assert!(insert(ADDRESSES[0], sampled(1)));
    let other = thread::spawn(|| {
        let is_kept = insert(ADDRESSES[1], sampled(3));
        assert_eq!(remove(ADDRESSES[1]), is_kept.then(|| sampled(3)));
        is_kept
    });
    let is_kept = insert(ADDRESSES[0], sampled(2));
    assert_eq!(remove(ADDRESSES[0]), Some(sampled(1)));
    assert_eq!(remove(ADDRESSES[0]), is_kept.then(|| sampled(2)));
    let lost_now = u64::from(!is_kept) + u64::from(!other.join().unwrap());
    assert_eq!(lost(), lost_now);
}

/// A block is moved, and another thread has its address before its sample has ended: that thread's
/// sample may end in its place, but none is taken out twice.
fn taken_out_is_what_was_there() {
    assert!(insert(ADDRESSES[0], sampled(1)));
    let other = thread::spawn(|| {
        let first = remove(ADDRESSES[0]);
        assert!(insert(ADDRESSES[0], sampled(2)));
        [first, remove(ADDRESSES[0])]
    });
    let here = remove(ADDRESSES[0]);
    let mut taken: Vec<u32> =
        other.join().unwrap().into_iter().chain([here]).flatten().map(|taken| taken.owner).collect();
    taken.sort_unstable();
    assert_eq!((taken, holds(ADDRESSES[0])), (vec![1, 2], false));
}

/// The place passes to another allocation, at the same address too.
fn read_whole() {
    assert!(insert(ADDRESSES[0], sampled(1)));
    let other = thread::spawn(|| {
        assert_eq!(remove(ADDRESSES[0]), Some(sampled(1)));
        assert!(insert(ADDRESSES[0], sampled(2)));
    });
    for seen in living() {
        assert!([sampled(1), sampled(2)].contains(&seen), "{seen:?}");
    }
    other.join().unwrap();
    assert_eq!(living().collect::<Vec<_>>(), [sampled(2)]);
}
